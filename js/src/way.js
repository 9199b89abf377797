// Whether a connection goes by WebSocket or by plain HTTP.
//
// Plain HTTP is for networks that let no WebSockets through. That is known when
//
//   - the first attempt fails, although a plain GET of the same address is answered and not
//     refused (askWhy in http.js). Once a WebSocket has worked, or when the server was not
//     there a moment ago, it takes two attempts in a row: it may only have come back between
//     the attempt and the question;
//   - sockets are cut within five seconds of opening, three times running. A close frame shows that frames do come
//     through, so it does not count.
//
// Over HTTP, a WebSocket is tried from time to time beside the stream. If it lives longer than that, the connection moves.

import {noStreams} from './stream.js';
import {now} from './time.js';

const quick = 5000, quickMost = 3; // milliseconds; times running
const shortest = 30_000, longest = 900_000; // milliseconds until a WebSocket is tried again

export class Way {
  /** @type {'socket'|'http'} */ over = 'socket';
  #able = true; // whether there is a way over HTTP
  #known = false; #proven = false; // what is known of the network: whether anything was tried, whether HTTP was needed
  #blocked = 0; #cut = 0; #vain = 0;
  #pause = shortest; #next = 0; // until the next try of a WebSocket, and when that is

  constructor() {
    if (typeof WebSocket === 'undefined') this.#turn();
  }

  /** A handshake has failed. @param {boolean} blocked as askWhy tells @returns {boolean} whether to go on over HTTP, now */
  failed(blocked) {
    this.#blocked = blocked ? this.#blocked + 1 : 0;
    const enough = this.#blocked >= (this.#known && !this.#proven ? 2 : 1);
    this.#known = true;
    return enough && this.#turn();
  }

  /** The server has answered. */
  opened() {
    this.#known = true;
    this.#proven = this.over === 'http';
    this.#blocked = this.#vain = 0;
  }

  /** A WebSocket that was open is lost. @param {number} code @param {number} lived milliseconds */
  lost(code, lived) {
    this.#cut = code === 1006 && lived < quick ? this.#cut + 1 : 0;
    if (lived > longest) this.#pause = shortest;
    if (this.#cut >= quickMost) this.#turn();
  }

  /** A stream could not be opened. @param {import('./errors.js').ChatError|null} why the server's refusal */
  failedOverHTTP(why) {
    if (why && noStreams.has(why.status)) this.#able = false;
    this.#vain = why ? 0 : this.#vain + 1;
    if (!this.#able || this.#vain >= 2) this.back(); // the network may be another one
  }

  /** Goes by WebSocket from now on. */
  back() {
    if (typeof WebSocket === 'undefined') return;
    this.over = 'socket';
    this.#blocked = this.#cut = this.#vain = 0;
  }

  /** @returns {number} milliseconds until a WebSocket is tried again */
  get wait() { return Math.max(0, this.#next - now()); }

  /** A try was in vain: the next one is later, and not for everyone at the same time. */
  longer() {
    this.#pause = Math.min(longest, 2 * this.#pause);
    this.#plan();
  }

  /** The network may be another one. */
  renew() {
    this.#pause = shortest;
    this.#next = now() + 2000 + 3000 * Math.random();
  }

  #plan() { this.#next = now() + this.#pause * (0.5 + Math.random()); }

  #turn() {
    if (!this.#able) return false;
    this.over = 'http';
    this.#blocked = this.#cut = this.#vain = 0;
    this.longer();
    return true;
  }
}
