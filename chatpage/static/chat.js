// A client for one room of a chat server. Beside it belong http.js, link.js,
// queue.js, roster.js, time.js and wire.js. It touches no document, so it fits any page:
//
//   import {connect} from './chat.js';
//   const chat = connect('/chat/', {room: 'general', username: 'Alice'});
//   chat.on('message', (m) => console.log(m.username, m.message));
//   await chat.send('hello');
//
// It speaks the chat.v1 dialect (docs/protocol.md), reconnects by itself, goes on
// where it was, and shows nothing twice.

import {messages, mount, rooms} from './http.js';
import {ChatError, Link} from './link.js';
import {Queue} from './queue.js';
import {Roster} from './roster.js';
import {later, now, wish} from './time.js';
import {isSession, newID, Place, utf8Length} from './wire.js';

export {ChatError, messages, newID, rooms};

/** @typedef {import('./roster.js').Member} Member */
/** @typedef {{type: 'message'|'private', offset: number, time: string, user: string, username: string,
 *   message: string, to?: string, to_username?: string, id?: string, live?: boolean}} Message
 *   `live` is false for what was sent before this client came or came back */
/** @typedef {{messages: Message[], first: number, more: boolean}} Page
 *   oldest first; `first` is the oldest offset that the server still has */
/** @typedef {{state: import('./link.js').State, wait?: number, error?: ChatError}} StateChange */
/** @typedef {{state: StateChange, welcome: any, gap: {reset: boolean}, message: Message, members: undefined,
 *   join: Member & {time: string}, leave: Member & {time: string}, typing: Member, error: ChatError,
 *   held: import('./queue.js').Held}} Events */
/** @typedef {{stop: () => void, resolve: (page: Page) => void, reject: (error: Error) => void}} Asked */
/** @typedef {object} Options
 * @property {string} [room] the room to join; by default "general"
 * @property {string} [username] what people see; by default the server's choice
 * @property {string|(() => string|Promise<string>)} [token] credentials, or what gets them anew for each attempt
 * @property {string} [session] of an earlier Chat: makes an anonymous client the same user again
 * @property {string} [since] the `position` of an earlier Chat: get only what came after it
 * @property {number} [sendTimeout] milliseconds that the server has to answer a message; by default 30,000.
 *   The time in which a message waits for a connection, or its turn, is not counted */

/** Joins a room of the server that is mounted at url, such as '/' or 'https://example.com/chat/'.
 * @param {string|URL} url @param {Options} [options] @returns {Chat} */
export const connect = (url, options) => new Chat(url, options);

/** One client in one room. These are its events, with what `on` passes:
 *
 *   state    {state: 'connecting'|'open'|'waiting'|'closed', wait?, error?}, wait in milliseconds until the next attempt
 *   welcome  the server's object, on each connection
 *   gap      {reset}: something may be missing between what came and what comes; reset: the log began anew
 *   message  a Message, public or private, one's own too
 *   join, leave, typing   a Member; join and leave have the time
 *   members  nothing: `members` or `count` changed
 *   held     {wait, error?, id?}: what is not sent yet waits for so many milliseconds: for the server's rate, or
 *            because it refused the message with that id for now. All of it is sent then, in order, by itself
 *   error    a ChatError that belongs to no promise */
export class Chat extends EventTarget {
  user = '';
  username = '';
  room = '';
  session = '';
  limits = {message_bytes: 16384, rate_per_second: 0, burst: 0};

  #base; #options; #link; #queue; #roster = new Roster(); #typed = -Infinity; #troubles = 0;
  /** @type {Place|null} */ #place; // after the latest message
  /** @type {Place|null} */ #joined = null; // that of the first welcome, as long as #place is null
  #goal = new Place('', 0); // that of the last welcome: what is up to there is replay
  #replayed = false; #patience = () => {};
  /** @type {Map<string, Asked>} */ #asked = new Map(); // by id: what waits for its history

  /** @param {string|URL} url @param {Options} [options] */
  constructor(url, options = {}) {
    super();
    this.#base = mount(url);
    this.#options = options;
    this.room = options.room ?? 'general';
    this.session = isSession(options.session) ? options.session : ''; // else it is none of such a server's
    this.#place = Place.parse(options.since);
    this.#queue = new Queue(options.sendTimeout ?? 30_000, {
      send: (frame) => this.#link.send(frame),
      held: (held) => this.#emit('held', held),
    });
    this.#link = new Link({
      url: () => this.#url(),
      offer: () => (this.session ? [`session.${this.session}`] : []),
      token: async () => (typeof options.token === 'function' ? options.token() : options.token),
      renewable: typeof options.token === 'function',
      receive: (o) => this.#receive(o),
      change: (state, more) => this.#change(state, more),
      amend: (why) => {
        if (why.code !== 'bad_request' || !this.#place || this.user) return false;
        this.#place = null; // another server's
        return true;
      },
      // A hundred errors in a row end a connection. If the store or the rate was their
      // reason, that is no reason to stay away.
      excused: (code) => code === 1008 && this.#troubles >= 50,
    });
    queueMicrotask(() => this.state === 'closed' || this.reconnect()); // after listeners were added
  }

  get state() { return this.#link.state; }

  /** By user; about the first 100 of a larger room. */
  get members() { return this.#roster.members; }

  /** Users present. */
  get count() { return this.#roster.count; }

  /** The place up to which everything has come, for `since`; '' as long as there is none. */
  get position() { return String(this.#place ?? ''); }

  /** @template {keyof Events} K @param {K} type @param {(detail: Events[K]) => void} fn
   * @returns {() => void} what takes fn away again */
  on(type, fn) {
    /** @type {EventListener} */
    const listener = (e) => fn(/** @type {CustomEvent} */ (e).detail);
    this.addEventListener(type, listener);
    return () => this.removeEventListener(type, listener);
  }

  /** Sends a message to the room, or with `to` to one user. While the connection is lost it waits, and it goes
   * out again after a loss, or when the server refused it for a time (see the event `held`). What the server may
   * have had for so long that it would not know it again fails with the code uncertain.
   * @param {string} text
   * @param {{id?: string, to?: string}} [options] id: that of an earlier try, so that it is not sent twice
   * @returns {Promise<{id: string, offset: number}>} once it is in the log; rejects with a ChatError */
  send(text, {id = newID(), to} = {}) {
    const sent = this.#queue.promise(id);
    if (sent) return sent;
    if (this.state === 'closed') return Promise.reject(new ChatError('closed', 'not connected'));
    const frame = JSON.stringify(to ? {type: 'private', to, message: text, id} : {type: 'message', message: text, id});
    const limit = this.limits.message_bytes, size = utf8Length(text);
    if (size > limit || utf8Length(frame) > Math.max(2 * limit, 4096)) {
      return Promise.reject(new ChatError('too_long', `a message has at most ${limit} bytes`));
    }
    return this.#queue.add(id, frame, size);
  }

  /** @param {string} to a user @param {string} text @param {{id?: string}} [options] */
  sendPrivate(to, text, options = {}) { return this.send(text, {...options, to}); }

  /** Tells the others that the user is typing. Call it at every key. */
  typing() {
    if (this.state !== 'open' || now() - this.#typed < 2500) return;
    this.#typed = now();
    this.#link.send({type: 'typing'});
  }

  /** Reads messages before or after an offset. @param {{before?: number, after?: number, limit?: number}} [range] @returns {Promise<Page>} */
  history(range = {}) {
    if (this.state !== 'open') return Promise.reject(new ChatError('disconnected', 'not connected'));
    const id = newID();
    return new Promise((resolve, reject) => {
      const stop = later(10_000, () => this.#answer(id, new ChatError('timeout', 'the server did not answer')));
      this.#asked.set(id, {resolve, reject, stop});
      this.#link.send({...range, type: 'history', request: id, id});
    });
  }

  /** @param {{limit?: number, named?: Iterable<string>}} [some] so many of the rooms with most users, and those named; without it all
   * @returns {Promise<Map<string, number>>} the users present in each room of the server that has any */
  rooms({limit, named} = {}) { return rooms(this.#base, {token: this.#options.token, limit, named}); }

  /** Tries at once if the connection is lost or was closed. */
  reconnect() {
    if (/^\.{0,2}$/.test(this.room)) this.#link.close(new ChatError('bad_room', 'that cannot be the name of a room'));
    else this.#link.open();
  }

  /** Leaves the room. What is not sent by then fails. */
  close() { this.#link.close(new ChatError('closed', 'left the room')); }

  /** @param {keyof Events} type @param {any} [detail] */
  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, {detail})); }

  #url() {
    const url = new URL(`ws/${encodeURIComponent(this.room)}`, this.#base);
    if (this.#options.username) url.searchParams.set('username', this.#options.username);
    if (this.#place) url.searchParams.set('since', this.position);
    return url; // the session is not in it, because consoles and proxies log URLs
  }

  /** @param {import('./link.js').State} state @param {import('./link.js').More} more */
  #change(state, more) {
    const error = more.error ?? new ChatError('disconnected', 'the connection was lost');
    if (state !== 'open') {
      this.#patience();
      this.#troubles = 0;
      for (const id of [...this.#asked.keys()]) this.#answer(id, error);
      this.#queue.lost(more.code);
    }
    if (state === 'closed') this.#queue.close(error);
    this.#emit('state', {state, ...more});
  }

  /** Ends what waits for its history; reports whether anything did. @param {string} id @param {Page|ChatError} result */
  #answer(id, result) {
    const asked = this.#asked.get(id);
    if (!asked) return false;
    this.#asked.delete(id);
    asked.stop();
    if (result instanceof Error) asked.reject(result);
    else asked.resolve(result);
    return true;
  }

  /** @param {any} o */
  #receive(o) {
    switch (o.type) {
      case 'welcome': return this.#welcome(o);
      case 'message':
      case 'private': return this.#message(o);
      case 'ack':
        this.#troubles = 0;
        return this.#queue.settle(o.id, o);
      case 'history': return this.#answer(o.request, o);
      case 'position': return this.#reached(Place.parse(o.position));
      case 'error': return this.#error(o);
      case 'goodbye': return this.#link.comeBackIn(wish(o.retry_after_ms));
      case 'typing': return this.#emit('typing', o);
      case 'system': return this.#presence(o);
      case 'presence': return this.#crowd(o);
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
    ({user: this.user, username: this.username, room: this.room, session: this.session} = o);
    this.limits = o.limits;
    this.#roster = new Roster(o.members, o.member_count);
    this.#replayed = false;
    this.#link.ready();
    this.#emit('welcome', o);
    this.#emit('members');
    if (o.gap || blind) this.#emit('gap', {reset});
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

  /** @param {Message} m */
  #message(m) {
    const live = m.offset > this.#goal.offset;
    this.#queue.ages.heard(m.time, live);
    if (this.#place && m.offset <= this.#place.offset) return; // had it before
    this.#place = new Place(this.#goal.epoch, m.offset, Date.parse(m.time));
    this.#emit('message', {...m, live});
    if (m.id && m.user === this.user) this.#queue.settle(m.id, m);
    if (m.offset >= this.#goal.offset) this.#over();
  }

  /** @param {any} o */
  async #error(o) {
    const error = new ChatError(o.code, o.message, wish(o.retry_after_ms));
    this.#troubles = o.code === 'rate_limited' || o.code === 'unavailable' ? this.#troubles + 1 : 0;
    if (o.id) return void (this.#queue.refused(o.id, error) || this.#answer(o.id, error)); // or of what is settled
    if (o.code === 'token_expiring' && typeof this.#options.token === 'function') {
      try {
        return this.#link.send({type: 'auth', token: await this.#options.token()});
      } catch { /* the old one may do for a while */ }
    }
    this.#emit('error', error);
  }

  /** @param {any} o */
  #presence(o) {
    this.#queue.ages.heard(o.time, true);
    if (o.event === 'join') this.#roster.enter(o);
    else if (o.event === 'leave') this.#roster.leave(o);
    else return;
    this.#emit('members');
    this.#emit(o.event, o);
  }

  /** @param {any} o */
  #crowd(o) {
    this.#roster.crowd(o);
    this.#emit('members');
  }
}
