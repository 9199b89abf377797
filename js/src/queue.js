// What a client has to send: in order, not faster than the server takes it, again
// after a refusal that passes or a lost connection, and never twice.

import {unfit} from './frames.js';
import {ChatError} from './errors.js';
import {Rate} from './rate.js';
import {Ages, later, now} from './time.js';

const most = 32; // messages sent and not yet answered
const defaultPause = 1000; // milliseconds until a refused message is sent again, if the server does not say
/** The server knows an id again for five minutes at least. What it may have kept is
 * not sent again when those are nearly over. */
const knownFor = 270_000;

const uncertain = () => new ChatError('uncertain', 'it is not known whether the message arrived');

/** @typedef {{offset: number}} Stored */
/** @typedef {import('./time.js').Stamp|null} When */
/** @typedef {{id: string, frame: import('./frames.js').Frame, promise: Promise<any>, resolve: (result: any) => void,
 *   reject: (error: Error) => void, sent: When, doubt: When, stop: () => void}} Item sent: on the present connection; doubt: first
 *   sent with an outcome that is not known; stop: ends the time that the server has to answer */
/** @typedef {{wait: number, error?: ChatError, id?: string}} Held wait: milliseconds until the next message is sent.
 *   error: the server's refusal of the message with that id; without one, the server's rate is kept */

export class Queue {
  /** @type {Map<string, Item>} */ #items = new Map();
  #hooks; #timeout; #open = false; #replayed = false;
  #flying = 0; #window = most; #hold = 0;
  #rate;
  /** @type {import('./frames.js').Limits|null} */ #limits = null; #cancel = () => {};
  ages = new Ages();

  /** @param {number} timeout milliseconds that the server has to answer
   * @param {{send: (frame: string) => void, held: (held: Held) => void}} hooks
   * @param {Rate} [rate] that of all rooms of the connection */
  constructor(timeout, hooks, rate = new Rate()) {
    this.#timeout = timeout;
    this.#hooks = hooks;
    this.#rate = rate;
  }

  get size() { return this.#items.size; }

  /** Bytes of the largest that is sent and not yet answered. */
  get largest() { return Math.max(0, ...[...this.#items.values()].map((item) => (item.sent ? item.frame.bytes : 0))); }

  /** @param {string} id @returns {Promise<any>|undefined} of a message that is in the queue */
  promise(id) { return this.#items.get(id)?.promise; }

  /** @param {string} id @param {import('./frames.js').Frame} frame @returns {Promise<any>} */
  add(id, frame) {
    const item = /** @type {Item} */ ({id, frame, sent: null, doubt: null, stop() {}});
    item.promise = new Promise((resolve, reject) => Object.assign(item, {resolve, reject}));
    this.#items.set(id, item);
    this.#pump();
    return item.promise;
  }

  /** There is a connection. @param {import('./frames.js').Limits} limits */
  opened(limits) {
    this.#limits = limits;
    this.#rate.set(limits);
    this.#open = true;
    this.#replayed = false;
    this.#pump();
  }

  /** All that was in the log when the connection was made has come. */
  replayed() {
    this.#replayed = true;
    this.#pump();
  }

  /** The connection is lost. @param {number} [code] why it was closed */
  lost(code) {
    this.#open = false;
    this.#cancel();
    const flying = [...this.#items.values()].filter((item) => item.sent);
    for (const item of flying) this.#back(item, true);
    if (code !== 1009 || flying.length === 0) return;
    const largest = flying.reduce((a, b) => (b.frame.bytes > a.frame.bytes ? b : a));
    this.settle(largest.id, new ChatError('too_long', 'the server does not take a message of this size'));
  }

  /** The server refuses a message. @param {string} id @param {ChatError} error @returns {boolean} whether it is one of these */
  refused(id, error) {
    const item = this.#items.get(id);
    if (!item) return false;
    const away = error.code === 'unavailable';
    if (!away && error.code !== 'rate_limited') return this.settle(id, error);
    if (!item.sent) return true; // an answer to an earlier try
    let pause = error.retryAfter || defaultPause;
    if (away) pause += Math.random() * pause; // it may be the same for everyone
    this.#back(item, away);
    this.#window = 1;
    if (away) this.#hold = Math.max(this.#hold, now() + pause);
    else this.#rate.pause(pause);
    this.#pump(error, id);
    return true;
  }

  /** Ends the wait for an answer. @param {string} id @param {Stored|ChatError} result @returns {boolean} whether anything waited */
  settle(id, result) {
    const item = this.#items.get(id);
    if (!item) return false;
    this.#items.delete(id);
    item.stop();
    if (item.sent) this.#flying--;
    if (result instanceof Error) {
      item.reject(result);
    } else {
      if (item.sent) this.#window = Math.min(this.#window + 1, most);
      item.resolve({id, offset: result.offset});
    }
    this.#pump();
    return true;
  }

  /** @param {ChatError} error */
  close(error) {
    this.#open = false;
    this.#cancel();
    for (const id of [...this.#items.keys()]) this.settle(id, error);
  }

  /** @param {Item} item @param {boolean} doubtful whether the server may have kept it */
  #back(item, doubtful) {
    if (doubtful) item.doubt ??= item.sent;
    item.sent = null;
    item.stop();
    this.#flying--;
  }

  /** Sends what may be sent now. @param {ChatError} [error] why there is a pause @param {string} [id] */
  #pump(error, id) {
    this.#cancel();
    if (!this.#open) return;
    for (const item of [...this.#items.values()]) {
      if (item.sent) continue;
      if (this.#flying >= this.#window) return;
      const why = this.#limits && unfit(item.frame, this.#limits);
      if (why) {
        this.settle(item.id, item.doubt ? uncertain() : why);
        return; // that went on with the rest
      }
      if (item.doubt && !this.#replayed) return; // the replay may show that it arrived, and what time it is
      if (item.doubt && this.ages.since(item.doubt) >= knownFor) {
        this.settle(item.id, uncertain());
        return;
      }
      const wait = Math.max(this.#hold - now(), this.#rate.wait);
      if (wait > 0) {
        this.#cancel = later(wait, () => this.#pump());
        return this.#hooks.held({wait, error, id});
      }
      this.#rate.take();
      this.#flying++;
      item.sent = this.ages.stamp();
      item.stop = later(this.#timeout, () => this.settle(item.id, new ChatError('timeout', 'the server did not answer')));
      this.#hooks.send(item.frame.text);
    }
  }
}
