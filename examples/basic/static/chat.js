// A client for one room of a chat server. It has no dependencies but link.js and
// touches no document, so it fits any page:
//
//   import {connect} from './chat.js';
//   const chat = connect('/chat/', {room: 'general', username: 'Alice'});
//   chat.on('message', (m) => console.log(m.username, m.message));
//   await chat.send('hello');
//
// It speaks the chat.v1 dialect (docs/protocol.md), reconnects by itself, goes on
// where it was, and shows nothing twice.

import {bearer, ChatError, Link} from './link.js';

export {ChatError};

/** @typedef {{user: string, username: string, connections?: number}} Member */
/** @typedef {{type: 'message'|'private', offset: number, time: string, user: string, username: string,
 *   message: string, to?: string, to_username?: string, id?: string, live?: boolean}} Message
 *   `live` is false for what was sent before this client came or came back */
/** @typedef {{messages: Message[], first: number, more: boolean}} Page
 *   oldest first; `first` is the oldest offset that the server still has */
/** @typedef {{state: import('./link.js').State, wait?: number, error?: ChatError}} StateChange */
/** @typedef {{state: StateChange, welcome: any, gap: {reset: boolean}, message: Message, members: undefined,
 *   join: Member & {time: string}, leave: Member & {time: string}, typing: Member, error: ChatError}} Events */
/** @typedef {{promise: Promise<any>, frame?: string, timer?: ReturnType<typeof setTimeout>,
 *   resolve: (result: any) => void, reject: (error: Error) => void}} Waiting */
/** @typedef {object} Options
 * @property {string} [room] the room to join; by default "general"
 * @property {string} [username] what people see; by default the server's choice
 * @property {string|(() => string|Promise<string>)} [token] credentials, or what gets them anew for each attempt
 * @property {string} [session] of an earlier Chat: makes an anonymous client the same user again
 * @property {string} [since] the `position` of an earlier Chat: get only what came after it
 * @property {number} [sendTimeout] milliseconds until an unanswered send fails; by default 30,000 */

/** Joins a room of the server that is mounted at url, such as '/' or 'https://example.com/chat/'.
 * @param {string|URL} url @param {Options} [options] @returns {Chat} */
export const connect = (url, options) => new Chat(url, options);

/** @param {string|URL} url where the server is mounted @param {Pick<Options, 'token'>} [options]
 * @returns {Promise<Map<string, number>>} the users present in each room that has any */
export async function rooms(url, {token} = {}) {
  const headers = bearer(typeof token === 'function' ? await token() : token);
  const r = await fetch(new URL('rooms', mount(url)), {headers, cache: 'no-store'});
  if (!r.ok) throw new ChatError('unavailable', 'the rooms cannot be listed');
  return new Map(Object.entries(await r.json()));
}

/** @param {string|URL} url */
function mount(url) {
  const base = new URL(url, globalThis.location?.href);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

/** @returns {string} a new id for a message */
export const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');

/** @param {string} s */
const utf8Length = (s) => new TextEncoder().encode(s).length;

/** One client in one room. These are its events, with what `on` passes:
 *
 *   state    {state: 'connecting'|'open'|'waiting'|'closed', wait?, error?}, wait in milliseconds until the next attempt
 *   welcome  the server's object, on each connection
 *   gap      {reset}: something may be missing between what came and what comes; reset: the log began anew
 *   message  a Message, public or private, one's own too
 *   join, leave, typing   a Member; join and leave have the time
 *   members  nothing: `members` or `count` changed
 *   error    a ChatError that belongs to no promise */
export class Chat extends EventTarget {
  /** @type {Map<string, Member>} by user; about the first 100 of a larger room */
  members = new Map();
  /** Users present. */
  count = 0;
  user = '';
  username = '';
  room = '';
  session = '';
  limits = {message_bytes: 16384, rate_per_second: 0, burst: 0};

  #base; #options; #link; #epoch = ''; #last = 0; #time = 0; #liveFrom = 0; #typed = 0;
  #sends = new Map(); // by id: what waits for its ack
  #requests = new Map(); // by id: what waits for its history

  /** @param {string|URL} url @param {Options} [options] */
  constructor(url, options = {}) {
    super();
    this.#base = mount(url);
    this.#options = options;
    this.room = options.room ?? 'general';
    this.session = options.session ?? '';
    const [epoch, last, time] = (options.since ?? '').split(':');
    if (last) [this.#epoch, this.#last, this.#time] = [epoch, Number(last), Number(time ?? 0)];
    this.#link = new Link({
      url: () => this.#url(),
      token: async () => (typeof options.token === 'function' ? options.token() : options.token),
      renewable: typeof options.token === 'function',
      receive: (o) => this.#receive(o),
      change: (state, more) => this.#change(state, more),
      amend: (why) => {
        if (why.code !== 'bad_request' || !this.session || this.user) return false;
        this.session = ''; // another server's
        return true;
      },
    });
    queueMicrotask(() => this.state === 'closed' || this.reconnect()); // after listeners were added
  }

  get state() { return this.#link.state; }

  /** The place up to which everything has come, for `since`; '' before the first message. */
  get position() { return this.#last ? `${this.#epoch}:${this.#last}${this.#time ? `:${this.#time}` : ''}` : ''; }

  /** @template {keyof Events} K @param {K} type @param {(detail: Events[K]) => void} fn
   * @returns {() => void} what takes fn away again */
  on(type, fn) {
    /** @type {EventListener} */
    const listener = (e) => fn(/** @type {CustomEvent} */ (e).detail);
    this.addEventListener(type, listener);
    return () => this.removeEventListener(type, listener);
  }

  /** Sends a message to the room, or with `to` to one user. While the connection is lost it waits.
   * @param {string} text
   * @param {{id?: string, to?: string}} [options] id: that of an earlier try, so that it is not sent twice
   * @returns {Promise<{id: string, offset: number}>} once it is in the log; rejects with a ChatError */
  send(text, {id = newID(), to} = {}) {
    const sent = this.#sends.get(id);
    if (sent) return sent.promise;
    if (this.state === 'closed') return Promise.reject(new ChatError('closed', 'not connected'));
    const frame = JSON.stringify(to ? {type: 'private', to, message: text, id} : {type: 'message', message: text, id});
    const limit = this.limits.message_bytes;
    if (utf8Length(text) > limit || utf8Length(frame) > Math.max(2 * limit, 4096)) {
      return Promise.reject(new ChatError('too_long', `a message has at most ${limit} bytes`));
    }
    const promise = this.#expect(this.#sends, id, this.#options.sendTimeout ?? 30_000, frame);
    if (this.state === 'open') this.#link.send(frame);
    return promise;
  }

  /** @param {string} to a user @param {string} text @param {{id?: string}} [options] */
  sendPrivate(to, text, options = {}) { return this.send(text, {...options, to}); }

  /** Tells the others that the user is typing. Call it at every key. */
  typing() {
    if (this.state !== 'open' || Date.now() - this.#typed < 2500) return;
    this.#typed = Date.now();
    this.#link.send({type: 'typing'});
  }

  /** Reads messages before or after an offset. @param {{before?: number, after?: number, limit?: number}} [range] @returns {Promise<Page>} */
  history(range = {}) {
    if (this.state !== 'open') return Promise.reject(new ChatError('disconnected', 'not connected'));
    const id = newID();
    const promise = this.#expect(this.#requests, id, 10_000);
    this.#link.send({...range, type: 'history', request: id, id});
    return promise;
  }

  /** @returns {Promise<Map<string, number>>} the users present in each room of the server that has any */
  rooms() { return rooms(this.#base, this.#options); }

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
    if (this.position) url.searchParams.set('since', this.position);
    if (this.session) url.searchParams.set('session', this.session);
    return url;
  }

  /** @param {import('./link.js').State} state @param {import('./link.js').More} more */
  #change(state, more) {
    const error = more.error ?? new ChatError('disconnected', 'the connection was lost');
    if (state !== 'open') for (const id of [...this.#requests.keys()]) this.#settle(this.#requests, id, error);
    if (state === 'closed') for (const id of [...this.#sends.keys()]) this.#settle(this.#sends, id, error);
    this.#emit('state', {state, ...more});
  }

  /** @param {Map<string, Waiting>} waiting @param {string} id @param {number} ms @param {string} [frame] */
  #expect(waiting, id, ms, frame) {
    const entry = /** @type {Waiting} */ ({frame});
    entry.promise = new Promise((resolve, reject) => Object.assign(entry, {resolve, reject}));
    const late = () => this.#settle(waiting, id, new ChatError('timeout', 'the server did not answer'));
    entry.timer = setTimeout(late, Math.min(ms, 2 ** 31 - 1)); // what is more would be nothing
    waiting.set(id, entry);
    return entry.promise;
  }

  /** Ends what waits for an answer; reports whether anything did.
   * @param {Map<string, Waiting>} waiting @param {string} id @param {any} result */
  #settle(waiting, id, result) {
    const entry = waiting.get(id);
    if (!entry) return false;
    clearTimeout(entry.timer);
    waiting.delete(id);
    if (result instanceof Error) entry.reject(result);
    else entry.resolve(result);
    return true;
  }

  /** @param {any} o */
  #receive(o) {
    switch (o.type) {
      case 'welcome': return this.#welcome(o);
      case 'message':
      case 'private': return this.#message(o);
      case 'ack': return this.#settle(this.#sends, o.id, {id: o.id, offset: o.offset});
      case 'history': return this.#settle(this.#requests, o.request, o);
      case 'error': return this.#error(o);
      case 'goodbye': return this.#link.comeBackIn(o.retry_after_ms);
      case 'typing': return this.#emit('typing', o);
      case 'system': return this.#presence(o);
      case 'presence': return this.#crowd(o);
    }
  }

  /** @param {any} o */
  #welcome(o) {
    const colon = o.position.lastIndexOf(':');
    const epoch = o.position.slice(0, colon), offset = Number(o.position.slice(colon + 1));
    const reset = this.#last > 0 && (epoch !== this.#epoch || offset < this.#last);
    if (reset) this.#last = 0;
    this.#epoch = epoch;
    this.#liveFrom = offset;
    ({user: this.user, username: this.username, room: this.room, session: this.session} = o);
    this.limits = o.limits;
    this.members = new Map(o.members.map((/** @type {Member} */ m) => [m.user, m]));
    this.count = o.member_count;
    this.#link.ready();
    this.#emit('welcome', o);
    this.#emit('members');
    if (o.gap) this.#emit('gap', {reset});
    for (const {frame} of this.#sends.values()) this.#link.send(frame); // what came twice is told by its id
  }

  /** @param {Message} m */
  #message(m) {
    if (m.offset <= this.#last) return; // had it before
    [this.#last, this.#time] = [m.offset, Date.parse(m.time) || 0];
    this.#emit('message', {...m, live: m.offset > this.#liveFrom});
    if (m.id && m.user === this.user) this.#settle(this.#sends, m.id, {id: m.id, offset: m.offset});
  }

  /** @param {any} o */
  async #error(o) {
    const error = new ChatError(o.code, o.message, o.retry_after_ms);
    if (o.id && (this.#settle(this.#sends, o.id, error) || this.#settle(this.#requests, o.id, error))) return;
    if (o.code === 'token_expiring' && typeof this.#options.token === 'function') {
      try {
        return this.#link.send({type: 'auth', token: await this.#options.token()});
      } catch { /* the old one may do for a while */ }
    }
    this.#emit('error', error);
  }

  /** @param {any} o */
  #presence(o) {
    if (o.event === 'join') this.#enter(o, true);
    else if (o.event === 'leave') this.#leave(o, true);
    else return;
    this.#emit('members');
    this.#emit(o.event, o);
  }

  /** @param {any} o */
  #crowd(o) {
    for (const m of o.joined) this.#enter(m, false);
    for (const m of o.left) this.#leave(m, false);
    this.count = o.count;
    this.#emit('members');
  }

  /** @param {Member} member @param {boolean} counted whether count is to follow */
  #enter({user, username}, counted) {
    const known = this.members.get(user);
    if (!known && counted) this.count++;
    this.members.set(user, {...known, user, username});
  }

  /** @param {Member} member @param {boolean} counted */
  #leave({user}, counted) {
    const all = this.members.size >= this.count;
    if ((this.members.delete(user) || !all) && counted) this.count--;
  }
}
