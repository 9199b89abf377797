// A client for rooms of a chat server, for any page and program. The modules that this one imports belong beside it. It speaks
// chat.v1 (docs/protocol.md), reconnects by itself, goes on where it was, and shows nothing twice. js/README.md is the manual.

import {Asks} from './asks.js';
import {Emitter} from './emitter.js';
import {ChatError} from './errors.js';
import {frame, unfit} from './frames.js';
import {messages, rooms, unread} from './http.js';
import {Connection} from './many.js';
import {Notices} from './notices.js';
import {Queue} from './queue.js';
import {Memory} from './remember.js';
import {Roster} from './roster.js';
import {alone} from './single.js';
import {later, wish} from './time.js';
import {isSession, newID, Place} from './wire.js';

export {ChatError, Connection, messages, newID, rooms, unread};

/** @typedef {import('./types.js').Events} Events @typedef {import('./types.js').Options} Options
 * @typedef {import('./types.js').ConnectionEvents} ConnectionEvents @typedef {import('./types.js').ConnectionOptions} ConnectionOptions
 * @typedef {import('./types.js').Message} Message @typedef {import('./types.js').Amendment} Amendment @typedef {import('./types.js').Page} Page
 * @typedef {import('./types.js').Member} Member @typedef {import('./types.js').Signal} Signal @typedef {import('./types.js').StateChange} StateChange */

/** Joins a room of the server that is mounted at url, such as '/' or 'https://example.com/chat/'.
 * @param {string|URL} url @param {Options} [options] @returns {Chat} */
export const connect = (url, options = {}) => new Chat(alone(url, options), options);

/** Connects to the server for many rooms over one connection: `join` gives a Chat for each.
 * @param {string|URL} url @param {ConnectionOptions} [options] @returns {Connection} */
export const connectRooms = (url, options = {}) => new Connection(url, options, (link, more) => new Chat(link, {...options, ...more}));

/** One client in one room. types.js has its events. @extends {Emitter<Events>} */
export class Chat extends Emitter {
  user = '';
  username = '';
  room = '';
  session = '';
  /** Whether the user may delete the messages of others, as the last welcome told. */ moderator = false;
  /** @type {import('./frames.js').Limits} */ limits = {message_bytes: 16384, rate_per_second: 0, burst: 0};

  #options; #link; #memory; #queue; #notices; #roster = new Roster(); #asks = new Asks();
  /** @type {Place|null} */ #place; // after the latest message
  /** @type {Place|null} */ #joined = null; // that of the first welcome, as long as #place is null
  #goal = new Place('', 0); // that of the last welcome: what is up to there is replay
  #again = {after: 0, upTo: 0}; // offsets of messages that came before, and come once more after a gap
  #replayed = false; #patience = () => {};

  /** @param {(chat: Chat) => import('./single.js').RoomLink} link @param {Options} options */
  constructor(link, options) {
    super();
    this.#options = options;
    this.room = options.room ?? 'general';
    this.#link = link(this);
    const kept = this.#memory = new Memory(options.remember, this.#link.base, this.room, options.username);
    this.session = isSession(options.session) ? options.session : kept.session; // else it is none of such a server's
    this.#place = Place.parse(options.since) ?? Place.parse(kept.position);
    this.#joined = this.#place ? null : Place.parse(kept.joined);
    this.#queue = new Queue((options.sendTimeout ?? 0) > 0 ? Number(options.sendTimeout) : 30_000, {
      send: (frame) => this.#link.send(frame),
      held: (held) => this.#emit('held', held),
    }, this.#link.rate);
    this.#notices = new Notices((o) => this.#link.send(o), this.#place?.epoch ?? '');
    queueMicrotask(() => this.state === 'closed' || this.reconnect()); // after listeners were added
  }

  get state() { return this.#link.state; }

  /** 'websocket', or 'http' where WebSockets are blocked. */
  get transport() { return this.#link.transport; }

  /** By user; about the first 100 of a larger room. */
  get members() { return this.#roster.members; }

  /** Users present. */
  get count() { return this.#roster.count; }

  /** For the link: whether something is not sent yet, or not answered. */
  get waits() { return this.#queue.size > 0; }

  /** For the link: bytes of the largest that is sent and not yet answered. */
  get largest() { return this.#queue.largest; }

  /** The place up to which everything has come, for `since`; '' as long as there is none. */
  get position() { return String(this.#place ?? ''); }

  /** Sends a message to the room, or with `to` to one user. While the connection is lost it waits, and it goes out again
   * after a loss, or when the server refused it for a time (`held`). The code uncertain: the server may have it.
   * @param {string} text may be empty if there is data
   * @param {{id?: string, to?: string, data?: object, replyTo?: number}} [options] id: that of an earlier try, so that it is not
   *   sent twice; data: an object of JSON that everyone gets; replyTo: the offset of the message that this one answers
   * @returns {Promise<{id: string, offset: number}>} once it is in the log; rejects with a ChatError */
  send(text, {id, to, data, replyTo} = {}) {
    return this.#store({type: to ? 'private' : 'message', to: to || undefined, message: text, data, reply_to: replyTo || undefined, id});
  }

  /** @param {string} to a user @param {string} text @param {{id?: string, data?: object, replyTo?: number}} [options] */
  sendPrivate(to, text, options = {}) { return this.send(text, {...options, to}); }

  /** Gives a message of one's own another text and other data, or none. This and the next three wait and go out as `send` does.
   * @param {number} target the message's offset @param {string} text @param {{id?: string, data?: object}} [options] as of `send` */
  edit(target, text, {id, data} = {}) { return this.#store({type: 'edit', target, message: text, data, id}); }

  /** Deletes a message: one's own, or any for those who moderate. @param {number} target its offset */
  delete(target) { return this.#store({type: 'delete', target}); }

  /** Adds a reaction to a message: an emoji, or what else the server takes. @param {number} target @param {string} reaction */
  react(target, reaction) { return this.#store({type: 'reaction', target, reaction}); }

  /** Takes a reaction back. @param {number} target @param {string} reaction */
  unreact(target, reaction) { return this.#store({type: 'reaction', target, reaction, remove: true}); }

  /** @param {any} o @returns {Promise<{id: string, offset: number}>} */
  #store({id = newID(), ...o}) {
    const sent = this.#queue.promise(id);
    if (sent) return sent;
    try {
      if (this.state === 'closed') throw new ChatError('closed', 'not connected');
      const f = frame({...o, id}, this.#link.added);
      const why = unfit(f, this.user ? this.limits : {...this.limits, data_bytes: Infinity}); // before a welcome they are not known
      if (why) throw why;
      this.#link.use();
      return this.#queue.add(id, f);
    } catch (e) {
      return Promise.reject(e);
    }
  }

  /** Tells the others that the user is typing. Call it at every key. */
  typing() { this.#notices.typing(); }

  /** Says that the user has read up to an offset. It is sent at most twice a second, and again after a loss. @param {number} offset */
  markRead(offset) { this.#notices.read(offset); }

  /** Tells the others something that the application gives a meaning, at most once: it is not kept.
   * @param {string} name 1 to 32 of a-z, 0-9, '.', '_' and '-' @param {object} [data] of JSON
   * @returns {boolean} false if it is not sent: without a connection, over 20 a second, or by what the server has said */
  signal(name, data) { return this.#notices.signal(name, data); }

  /** Reads messages before or after an offset. @param {{before?: number, after?: number, limit?: number}} [range] @returns {Promise<Page>} */
  history(range = {}) {
    if (this.state !== 'open') return Promise.reject(new ChatError('disconnected', 'not connected'));
    const id = newID();
    return this.#asks.ask(id, () => this.#link.send({...range, type: 'history', request: id, id}));
  }

  /** @param {{limit?: number, named?: Iterable<string>}} [some] so many of the rooms with most users, and those named; without it all
   * @returns {Promise<Map<string, number>>} the users present in each room of the server that has any */
  rooms({limit, named} = {}) { return rooms(this.#link.base, {token: this.#options.token, limit, named}); }

  /** Tries immediately if the connection is lost or was closed. */
  reconnect() {
    if (/^\.{0,2}$/.test(this.room)) this.#link.close(new ChatError('bad_room', 'that cannot be the name of a room'));
    else this.#link.open();
  }

  /** Leaves the room. What is not sent by then fails. */
  close() {
    this.#notices.flush();
    this.#link.close(new ChatError('closed', 'left the room'));
  }

  /** @param {keyof Events} type @param {any} [detail] */
  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, {detail})); }

  /** For the link: whether a place that the server refuses is given up. @param {ChatError} why */
  amend(why) {
    if (why.code !== 'bad_request' || !this.#place || this.user) return false;
    this.#place = null; // another server's
    return true;
  }

  /** For the link. @param {import('./link.js').State} state @param {import('./link.js').More} more */
  change(state, more) {
    const error = more.error ?? new ChatError('disconnected', 'the connection was lost');
    if (state !== 'open') {
      this.#patience();
      this.#notices.lost();
      this.#asks.lost(error);
      this.#queue.lost(more.code);
    }
    if (state === 'closed') {
      this.#queue.close(error);
      this.#memory.release();
    }
    this.#emit('state', {state, ...more});
  }

  /** For the link: takes what the server says. @param {any} o */
  receive(o) {
    this.#take(o);
    if (this.user) this.#memory.write({session: this.session, position: this.position, joined: String(this.#joined ?? '')}); // now that listeners have it
  }

  /** @param {any} o */
  #take(o) {
    switch (o.type) {
      case 'welcome': return this.#welcome(o);
      case 'message':
      case 'private': return this.#entry(o, 'message');
      case 'edit':
      case 'delete':
      case 'reaction': return this.#entry(o, o.type);
      case 'ack': return void this.#queue.settle(o.id, o);
      case 'history': return void this.#asks.answer(o.request, {epoch: this.#goal.epoch, ...o});
      case 'position': return this.#reached(Place.parse(o.position));
      case 'error': return this.#error(o);
      case 'typing':
      case 'read':
      case 'signal': return this.#emit(o.type, o);
      case 'system':
      case 'presence': return this.#presence(o);
    }
  }

  /** @param {any} o */
  #welcome(o) {
    const goal = this.#goal = Place.parse(o.position) ?? new Place('', 0);
    if (typeof o.time === 'string') goal.time = Date.parse(o.time);
    const was = this.#place;
    const reset = was !== null && (goal.epoch !== was.epoch || goal.offset < was.offset);
    // Whoever was lost before anything came does not know what that would have been.
    const blind = was === null && this.#joined !== null && (goal.epoch !== this.#joined.epoch || goal.offset !== this.#joined.offset);
    if (reset) this.#place = null;
    if (!this.#place) this.#joined = goal;
    this.#again = {after: 0, upTo: o.gap ? this.#place?.offset ?? 0 : 0};
    ({user: this.user, username: this.username, room: this.room, session: this.session = ''} = o);
    this.limits = o.limits;
    this.moderator = o.moderator === true;
    this.#roster = new Roster(o.members, o.member_count);
    this.#replayed = false;
    this.#link.ready();
    if (this.state === 'open') this.#emit('welcome', o);
    this.#emit('members');
    if (o.gap || blind) this.#emit('gap', {reset});
    if (this.state !== 'open') return; // a listener has closed it
    this.#notices.opened(goal.epoch, o.read ?? 0, o.limits.data_bytes === undefined);
    this.#patience = later(10_000, () => this.#queue.replayed()); // a server that does not tell of its end
    this.#queue.opened(o.limits); // what comes twice is told by its id
    if (goal.offset <= (this.#place?.offset ?? 0)) this.#reached(goal);
  }

  /** Everything up to a place has come. @param {Place|null} place */
  #reached(place) {
    if (!place || place.epoch !== this.#goal.epoch) return;
    if (place.offset === this.#goal.offset) place = this.#goal; // which has the time
    if (!this.#place || place.epoch !== this.#place.epoch || place.offset > this.#place.offset) this.#place = place;
    if (place.offset >= this.#goal.offset) this.#over();
  }

  /** The replay is over. */
  #over() {
    if (this.#replayed) return;
    this.#replayed = true;
    this.#patience();
    this.#queue.replayed();
  }

  /** An entry of the log. @param {any} o @param {'message'|'edit'|'delete'|'reaction'} type */
  #entry(o, type) {
    const live = o.offset > this.#goal.offset;
    this.#queue.ages.heard(o.time, live);
    if (this.#place && o.offset <= this.#place.offset) { // had it before
      if (type !== 'message' || o.offset <= this.#again.after || o.offset > this.#again.upTo) return;
      this.#again.after = o.offset;
      return this.#emit('update', {...o, live});
    }
    this.#place = new Place(this.#goal.epoch, o.offset, Date.parse(o.time));
    this.#emit(type, {...o, live});
    if (o.id && o.user === this.user) this.#queue.settle(o.id, o);
    if (o.offset >= this.#goal.offset) this.#over();
  }

  /** @param {any} o */
  #error(o) {
    const error = new ChatError(o.code, o.message, wish(o.retry_after_ms));
    const told = o.id && (this.#queue.refused(o.id, error) || this.#asks.answer(o.id, error) || this.#notices.refused(o.id, error));
    if (!o.id || told instanceof ChatError) this.#emit('error', error); // or it is of what is settled
  }

  /** @param {any} o */
  #presence(o) {
    if (o.type === 'system') this.#queue.ages.heard(o.time, true);
    const told = this.#roster.take(o);
    if (told) this.#emit('members');
    if (told && told !== 'members') this.#emit(told, o);
  }
}
