// What one room has of a connection that it shares with others: many.js has the connection.

import {ChatError} from './errors.js';
import {later, now, Pauses, wish} from './time.js';
import {utf8Length} from './wire.js';

/** @typedef {import('./single.js').RoomLink} RoomLink @typedef {import('./link.js').State} State @typedef {import('./link.js').More} More */
/** @typedef {object} Whole what a part needs of the connection
 * @property {URL} base
 * @property {import('./rate.js').Rate} rate
 * @property {() => 'websocket'|'http'} transport
 * @property {(part: Part) => void} enter joins the room, now or when there is a connection
 * @property {(part: Part) => void} exit leaves it
 * @property {(object: object|string) => void} send */

const passing = new Set(['unavailable', 'rate_limited', 'auth_failed']); // codes of refusals
const purpose = new Set([1000, 1008, 4003]); // codes by which a room ends: do not join it again

/** The object with its room, right after its type. @param {any} o an object or its JSON, with more keys than the type
 * @param {string} room @returns {string} */
const tagged = (o, room) => (typeof o === 'string' ? o.replace(',', () => `,"room":${JSON.stringify(room)},`) : JSON.stringify({type: o.type, room, ...o}));

/** @implements {RoomLink} */
export class Part {
  /** @type {State} */ state = 'connecting';
  /** Whether the server was asked to let the user in, on the present connection, and has not told of an end. */ inside = false;
  /** Whether it is to have the stream of another room. */ eager = false;
  /** That of the join which is not answered yet. */ joinID = '';
  /** Whether the name is the one that the server writes. */ known = false;
  name; chat;
  #whole; #parked = false; #pauses = new Pauses(); #openedAt = 0; #stop = () => {};

  /** @param {Whole} whole @param {import('./chat.js').Chat} chat @param {string} name of the room */
  constructor(whole, chat, name) {
    this.#whole = whole;
    this.chat = chat;
    this.name = name;
  }

  get base() { return this.#whole.base; }
  get rate() { return this.#whole.rate; }
  get transport() { return this.#whole.transport(); }
  get added() { return utf8Length(JSON.stringify(this.name)) + 8; }

  open() { this.#whole.enter(this); }

  ready() {
    this.#openedAt = now();
    this.set('open');
  }

  /** @param {object|string} object */
  send(object) { this.#whole.send(tagged(object, this.name)); }

  use() {
    if (!this.#parked) return;
    this.eager = true;
    this.open();
  }

  /** @param {ChatError} error */
  close(error) {
    this.#whole.exit(this);
    this.set('closed', {error});
  }

  /** @param {State} state @param {More} [more] @param {() => void} [stop] what ends it, given before a listener may end it */
  set(state, more = {}, stop = () => {}) {
    this.#stop();
    this.#stop = stop;
    this.#parked = false;
    if (state === this.state && (state === 'connecting' || state === 'closed')) return;
    this.state = state;
    this.chat.change(state, more);
  }

  /** The connection is lost, or another one is made. @param {State} state @param {More} more */
  whole(state, more) {
    this.inside = false;
    this.set(state, more);
  }

  /** The server has ended it. @param {number} code @param {string} reason @returns {boolean} whether it is for good */
  left(code, reason) {
    this.inside = false;
    if (purpose.has(code)) {
      this.set('closed', {error: new ChatError(`close_${code}`, reason || 'the server ended it'), code});
      return true;
    }
    if (this.state === 'open') this.#pauses.lasted(now() - this.#openedAt);
    this.#again({code});
    return false;
  }

  /** The server does not let the user in. @param {any} o its error @returns {boolean} whether it is for good */
  refused(o) {
    this.inside = false;
    const error = new ChatError(o.code, o.message, wish(o.retry_after_ms));
    if (this.chat.amend(error)) {
      this.open();
    } else if (passing.has(o.code) || error.retryAfter > 0) {
      this.#again({error}, error.retryAfter * (1 + Math.random() / 2));
    } else {
      this.set('closed', {error});
      return true;
    }
    return false;
  }

  /** The server says that the user is not in this room. @param {any} o its error */
  missing(o) {
    this.inside = false;
    this.#again({error: new ChatError(o.code, o.message)});
  }

  /** There are too many rooms for the streams that stand in for a WebSocket: this one has none until it is used. */
  park() {
    this.inside = false;
    this.set('waiting', {wait: Infinity, error: new ChatError('too_many_streams', 'other rooms are in use')});
    this.#parked = true;
    if (this.chat.waits) this.use(); // for its turn
  }

  /** @param {More} more @param {number} [wait] milliseconds; by default the next pause */
  #again(more, wait = 0) {
    wait ||= this.#pauses.next(more.code);
    this.set('waiting', {...more, wait}, later(wait, () => this.open()));
  }
}
