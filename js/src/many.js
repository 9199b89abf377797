// Many rooms over one connection (docs/protocol.md). Each is a Chat, as one with a
// connection of its own: with its place, its queue and its end.

import {Emitter} from './emitter.js';
import {ChatError} from './errors.js';
import {credentials, mount} from './http.js';
import {Link} from './link.js';
import {Part} from './part.js';
import {Memory} from './remember.js';
import {Rate} from './rate.js';
import {Streams} from './streams.js';
import {wish} from './time.js';
import {isSession, newID} from './wire.js';

/** @typedef {import('./types.js').ConnectionEvents} ConnectionEvents @typedef {import('./types.js').ConnectionOptions} ConnectionOptions */
/** @typedef {(link: (chat: any) => Part, more: {room: string, since?: string, session?: string}) => import('./chat.js').Chat} Make */

/** A connection for many rooms. types.js has its events. @extends {Emitter<ConnectionEvents>} */
export class Connection extends Emitter {
  user = '';
  username = '';
  session = '';
  /** @type {any} */ limits = {};

  #options; #make; #base; #link; #memory; #rate = new Rate();
  /** @type {Map<string, Part>} */ #parts = new Map(); // by room
  /** @type {Set<Part>} */ #joining = new Set(); // in the next frame
  /** @type {Map<string, number>} */ #leaving = new Map(); // by room: the ends that the server still has to tell of

  /** @param {string|URL} url @param {ConnectionOptions} options @param {Make} make makes a Chat */
  constructor(url, options, make) {
    super();
    this.#options = options;
    this.#make = make;
    const base = this.#base = mount(url), {token, username} = options;
    this.#memory = new Memory(options.remember, base, '', username); // no room has that name
    this.session = isSession(options.session) ? options.session : this.#memory.session;
    const get = () => credentials(token);
    this.#link = new Link({
      url: () => {
        const at = new URL('ws', base);
        if (username) at.searchParams.set('username', username);
        return at;
      },
      offer: () => (this.session ? [`session.${this.session}`] : []),
      stream: (hooks) => new Streams({base, username, session: this.session, token: get}, hooks),
      token: get,
      renewable: typeof token === 'function',
      receive: (o) => this.#receive(o),
      change: (state, more) => this.#change(state, more),
      amend: () => false,
    });
    queueMicrotask(() => this.state === 'closed' || this.reconnect());
  }

  get state() { return this.#link.state; }

  /** 'websocket', or 'http' where WebSockets are blocked. */
  get transport() { return this.#link.transport; }

  /** Those that the user is in, or on the way into, by name. @returns {Map<string, import('./chat.js').Chat>} */
  get rooms() { return new Map([...this.#parts.values()].map((part) => [part.name, part.chat])); }

  /** Joins a room. @param {string} room @param {{since?: string}} [options] since: the `position` of an earlier Chat
   * @returns {import('./chat.js').Chat} the present one if there is one; its state tells how it goes */
  join(room, {since} = {}) { return this.#parts.get(room)?.chat ?? this.#add(room, since).chat; }

  /** Leaves a room, as the Chat's close does. @param {string} room */
  leave(room) { this.#parts.get(room)?.chat.close(); }

  /** Tries immediately if the connection is lost or was closed, and joins all of its rooms again. */
  reconnect() { this.#link.open(); }

  /** Leaves all rooms. What is not sent by then fails. */
  close() {
    for (const {chat} of [...this.#parts.values()]) chat.close();
    this.#link.close(new ChatError('closed', 'the connection was closed'));
  }

  /** @param {keyof ConnectionEvents} type @param {any} [detail] */
  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, {detail})); }

  /** @param {string} room @param {string} [since] @returns {Part} */
  #add(room, since) {
    /** @type {import('./part.js').Whole} */
    const whole = {
      base: this.#base, rate: this.#rate, transport: () => this.transport, enter: (part) => this.#enter(part), exit: (part) => this.#exit(part),
      send: (o) => this.#link.send(o),
    };
    this.#make((chat) => {
      const part = new Part(whole, chat, room);
      this.#parts.set(room, part);
      return part;
    }, {room, since, session: this.session});
    return /** @type {Part} */ (this.#parts.get(room));
  }

  /** @param {Part} part */
  #enter(part) {
    const other = this.#parts.get(part.name);
    if (other && other !== part) return part.set('closed', {error: new ChatError('closed', 'the room was joined anew')});
    this.#parts.set(part.name, part);
    if (part.inside) return;
    if (this.state === 'waiting' || this.state === 'closed') return void this.#link.open();
    part.set('connecting');
    if (this.state !== 'open') return; // it is joined with all others
    if (this.#joining.size === 0) queueMicrotask(() => this.#join());
    this.#joining.add(part);
  }

  /** Joins what is to be joined: rooms that the server knows by the names here in one frame; others each with an id, by
   * which the server's form of the name is found. */
  #join() {
    const parts = [...this.#joining].filter((part) => this.#parts.get(part.name) === part && !part.inside);
    this.#joining.clear();
    if (this.state !== 'open') return;
    const known = parts.filter((part) => part.known && !part.eager);
    for (const part of parts) {
      part.inside = true;
      if (known.includes(part)) continue;
      part.joinID = part.eager ? '' : newID();
      part.eager = false;
      this.#link.send({type: 'join', room: part.name, since: part.chat.position || undefined, id: part.joinID || undefined});
    }
    if (known.length > 0) this.#link.send({type: 'join', rooms: Object.fromEntries(known.map(({name, chat}) => [name, chat.position]))});
  }

  /** @param {Part} part */
  #exit(part) {
    if (this.#parts.get(part.name) !== part) return;
    this.#parts.delete(part.name);
    this.#leave(part);
  }

  /** Tells the server. @param {Part} part */
  #leave(part) {
    if (!part.inside) return;
    part.inside = false;
    this.#leaving.set(part.name, (this.#leaving.get(part.name) ?? 0) + 1);
    this.#link.send({type: 'leave', room: part.name});
  }

  /** @param {import('./link.js').State} state @param {import('./link.js').More} more */
  #change(state, more) {
    const parts = [...this.#parts.values()];
    if (state === 'open') {
      for (const part of parts) this.#joining.add(part);
      this.#join();
    } else {
      this.#joining.clear();
      this.#leaving.clear();
      // A frame was too long: it is one room's.
      const largest = parts.reduce((a, b) => (a && a.chat.largest >= b.chat.largest ? a : b), parts[0]);
      for (const part of parts) if (this.#parts.get(part.name) === part) part.whole(state, more.code === 1009 && part !== largest ? {...more, code: undefined} : more);
    }
    if (state === 'closed') this.#memory.release();
    this.#emit('state', {state, ...more});
  }

  /** @param {any} o */
  #receive(o) {
    if (o.type === 'hello') return this.#hello(o);
    if (o.room === undefined) {
      if (o.type === 'error') this.#emit('error', new ChatError(o.code, o.message, wish(o.retry_after_ms)));
      return;
    }
    const leaving = this.#leaving.get(o.room), part = this.#parts.get(o.room);
    if (leaving) { // it is of the time before
      if (o.type !== 'left' && o.code !== 'not_joined') return;
      if (leaving > 1) this.#leaving.set(o.room, leaving - 1);
      else this.#leaving.delete(o.room);
    } else if (o.type === 'welcome') {
      this.#welcome(o, part);
    } else if (!part) {
      return; // of a room that one is not in
    } else if (o.type === 'left') {
      if (part.left(o.code, o.reason)) this.#forget(part);
    } else if (o.type === 'parked') {
      part.park();
    } else if (o.type === 'error' && part.state !== 'open' && o.code !== 'not_joined') {
      if (part.inside && part.refused(o)) this.#forget(part);
    } else if (part.state === 'open' && o.type === 'error' && o.code === 'not_joined') {
      this.#leave(part); // so that both agree
      part.missing(o);
    } else if (part.state === 'open') {
      part.chat.receive(o);
    }
  }

  /** @param {any} o */
  #hello(o) {
    this.#identify(o);
    this.#link.ready();
    this.#emit('hello', o);
  }

  /** Over HTTP, only the rooms tell. @param {any} o */
  #identify(o) {
    for (const key of /** @type {const} */ (['user', 'username', 'session', 'limits'])) if (o[key]) this[key] = o[key];
    this.#memory.write({session: this.session, position: '', joined: ''});
  }

  /** @param {any} o @param {Part|undefined} part none: the service has put the user into the room */
  #welcome(o, part) {
    this.#identify(o);
    const asked = this.#asker(o);
    if (part && asked && asked !== part) { // two names of one room
      this.#forget(asked);
      asked.set('closed', {error: new ChatError('bad_request', 'the connection is in this room already')});
    }
    let given = part ?? (asked && this.#rename(asked, o.room));
    if (!given) {
      given = this.#add(o.room);
      given.inside = true;
      this.#emit('joined', given.chat);
      if (!given.inside || this.#parts.get(o.room) !== given) return; // a listener has left it
    }
    given.inside = given.known = true;
    given.joinID = '';
    given.chat.receive({user: this.user, username: this.username, session: this.session, limits: this.limits, ...o});
  }

  /** Whose join a welcome answers, perhaps by another form of its name. @param {any} o @returns {Part|undefined} */
  #asker({id}) { return [...this.#parts.values()].find(({inside, joinID}) => inside && id && joinID === id); }

  /** @param {Part} part @param {string} room as the server writes it @returns {Part} */
  #rename(part, room) {
    this.#parts.delete(part.name);
    part.name = room;
    this.#parts.set(room, part);
    return part;
  }

  /** @param {Part} part */
  #forget(part) {
    if (this.#parts.get(part.name) === part) this.#parts.delete(part.name);
  }
}
