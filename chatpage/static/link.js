// A WebSocket that comes back: reconnects with full jitter, notices a connection
// that died in silence, and finds out why a handshake was refused. chat.js is
// built on it.

import {later, now, retryAfter} from './time.js';

/** Why something failed. `code` is the server's (docs/protocol.md), or from here:
 * timeout, uncertain, disconnected, closed, close_N (the closing code), too_long, bad_token, bad_url. */
export class ChatError extends Error {
  /** @param {string} code @param {string} message @param {number} [retryAfter] milliseconds until trying again may help */
  constructor(code, message, retryAfter = 0) {
    super(message);
    this.name = 'ChatError';
    this.code = code;
    this.retryAfter = retryAfter;
    this.final = false; // whether trying again is of no use
  }
}

/** @typedef {'connecting'|'open'|'waiting'|'closed'} State */
/** @typedef {{wait?: number, error?: ChatError, code?: number}} More wait: milliseconds until the next attempt;
 *   code: that of the close, if there was a connection */
/** @typedef {object} Hooks
 * @property {() => URL} url the address, asked before each attempt
 * @property {() => string[]} offer what goes beside the subprotocol
 * @property {() => Promise<string|undefined>} token credentials, asked before each attempt
 * @property {boolean} renewable whether asking again may give other credentials
 * @property {(object: any) => void} receive takes each object from the server
 * @property {(state: State, more: More) => void} change
 * @property {(why: ChatError) => boolean} amend whether trying again may help after all
 * @property {(code: number) => boolean} excused whether the server closed for trouble that passes */

/** @param {string|undefined} token @returns {Record<string, string>} the headers that carry it */
export const bearer = (token) => (token ? {Authorization: `Bearer ${token}`} : {});

/** What may stand in the list of subprotocols (RFC 9110, section 5.6.2). */
const isToken = (/** @type {string} */ s) => /^[\w!#$%&'*+.^`|~-]+$/.test(s);

const watchEvery = 5000, openWithin = 15_000, pingAfter = 25_000, pongWithin = 10_000; // milliseconds
const awakeWithin = 4000; // the same after the network or the page has come back
const longestWait = 30_000, stableAfter = 30_000;
const purpose = new Set([1000, 1008, 4003]); // codes of closing on purpose: do not come back
// What tells that the network or the page is back, and what to listen to for it.
const wakes = /** @type {const} */ (['online', 'pageshow', 'focus']), documentWakes = /** @type {const} */ (['visibilitychange', 'resume']);

export class Link {
  /** @type {State} */ state = 'connecting';
  /** @type {WebSocket|null} */ #ws = null;
  #hooks; #attempt = 0; #tries = 0; #openedAt = 0; #began = 0;
  #heard = 0; #pinged = NaN; #within = pongWithin; #watched = 0; #slept = false; #beat = 0;
  #retry = () => {}; #asked = 0; #patient = false;
  #listening = new AbortController();

  /** @param {Hooks} hooks */
  constructor(hooks) { this.#hooks = hooks; }

  /** Begins, or tries immediately if the connection is lost or was closed. */
  async open() {
    const attempt = ++this.#attempt;
    this.#retry();
    this.#drop();
    this.#listen();
    this.#heard = this.#began = this.#watched = now();
    this.#pinged = NaN;
    this.#beat = Number(setInterval(() => this.#watch(), watchEvery));
    this.#set('connecting');
    let token;
    try {
      token = await this.#hooks.token();
    } catch (e) {
      if (attempt === this.#attempt) this.#later(new ChatError('auth_failed', e instanceof Error ? e.message : String(e)));
      return;
    }
    if (attempt !== this.#attempt) return;
    try {
      if (token && !isToken(`bearer.${token}`)) throw new ChatError('bad_token', 'the token has characters that a WebSocket cannot carry');
      const url = this.#hooks.url();
      url.protocol = url.protocol.replace('http', 'ws');
      const ws = this.#ws = new WebSocket(url, ['chat.v1', ...this.#hooks.offer(), ...(token ? [`bearer.${token}`] : [])]);
      ws.onmessage = (e) => this.#receive(e.data);
      ws.onclose = (e) => this.#lost(e.code, e.reason);
    } catch (e) { // it would fail each time
      this.close(e instanceof ChatError ? e : new ChatError('bad_url', e instanceof Error ? e.message : String(e)));
    }
  }

  /** Says that the server has answered: the connection is in use from now on. */
  ready() {
    this.#openedAt = now();
    this.#asked = 0;
    this.#set('open');
  }

  /** Sends an object, given as one or as its JSON. @param {object|string} object */
  send(object) { this.#ws?.send(typeof object === 'string' ? object : JSON.stringify(object)); }

  /** Makes the next attempt wait for ms, as the server wished. @param {number} ms */
  comeBackIn(ms) { this.#asked = ms; }

  /** Ends for good, until open is called again. @param {ChatError} error @param {number} [code] */
  close(error, code) {
    if (this.state === 'closed') return;
    this.#attempt++;
    this.#retry();
    this.#listening.abort();
    this.#drop();
    this.#set('closed', {error, code});
  }

  /** @param {State} state @param {More} [more] */
  #set(state, more = {}) {
    this.state = state;
    this.#hooks.change(state, more);
  }

  #listen() {
    this.#listening.abort();
    this.#listening = new AbortController();
    const {signal} = this.#listening;
    const wake = (/** @type {Event} */ e) => this.#check(e.type);
    for (const type of wakes) globalThis.addEventListener?.(type, wake, {signal});
    for (const type of documentWakes) globalThis.document?.addEventListener(type, wake, {signal});
    globalThis.addEventListener?.('pagehide', () => this.#pause(), {signal});
  }

  /** @param {string} data */
  #receive(data) {
    this.#heard = now();
    this.#pinged = NaN;
    this.#within = pongWithin;
    let object;
    try {
      object = JSON.parse(data);
    } catch {
      return;
    }
    this.#hooks.receive(object);
  }

  #watch() {
    const t = now();
    // After a sleep the answer may wait behind this very call: ask once more.
    this.#slept = t - this.#watched > 3 * watchEvery && !this.#slept;
    this.#watched = t;
    if (this.state === 'connecting') {
      if (t - this.#heard > openWithin && !this.#slept) this.#lost(1006, '');
    } else if (Number.isNaN(this.#pinged)) {
      if (t - this.#heard > pingAfter) this.#ping();
    } else if (this.#slept) {
      this.#ping();
    } else if (t - this.#pinged > this.#within) {
      this.#lost(1006, '');
    }
  }

  #ping() {
    this.#pinged = now();
    this.send({type: 'ping'});
  }

  /** The network or the page is back: look whether the connection still is. @param {string} why */
  #check(why) {
    if (globalThis.document?.hidden) return;
    const t = now();
    if (this.state === 'open' && (why === 'online' || t - this.#heard > watchEvery)) {
      if (!(t - this.#pinged < awakeWithin)) this.#ping();
      this.#within = awakeWithin;
      later(awakeWithin + 100, () => this.state === 'open' && this.#heard <= t && this.#watch());
    } else if (this.state === 'connecting' && why !== 'focus' && t - this.#began > awakeWithin) {
      this.open(); // what it was sent over may be gone
    } else if (this.state === 'waiting' && !this.#patient) {
      if (why === 'pageshow') this.open();
      else this.#later(null, Math.random() * 1000); // not everyone in the same moment
    }
  }

  /** The page goes away, perhaps to come back as it was: nobody shall wait for it meanwhile. */
  #pause() {
    if (this.state === 'closed') return;
    this.#attempt++;
    this.#retry();
    this.#drop();
    this.#patient = false;
    this.#set('waiting', {wait: Infinity});
  }

  #drop() {
    clearInterval(this.#beat);
    const ws = this.#ws;
    this.#ws = null;
    if (!ws) return;
    ws.onmessage = ws.onclose = null;
    ws.close(1000);
  }

  /** @param {number} code @param {string} reason */
  async #lost(code, reason) {
    const used = this.state === 'open', excused = this.#hooks.excused(code);
    this.#drop();
    if ((purpose.has(code) && !excused) || (code === 4001 && !this.#hooks.renewable)) {
      return this.close(new ChatError(`close_${code}`, reason || 'the server ended the connection'), code);
    }
    if (used) {
      if (now() - this.#openedAt > stableAfter) this.#tries = 0;
      return this.#later(null, this.#asked || (excused ? 5000 * (1 + Math.random()) : 0), code);
    }
    const attempt = this.#attempt;
    const why = await this.#ask();
    if (attempt !== this.#attempt) return;
    if (why?.final && !this.#hooks.amend(why)) return this.close(why);
    this.#later(why, (why?.retryAfter ?? 0) * (1 + Math.random() / 2));
  }

  /** Asks over HTTP why the handshake failed, which a WebSocket does not tell. 426 means that it would not have. */
  async #ask() {
    const signal = AbortSignal.timeout(5000);
    try {
      const token = await Promise.race([this.#hooks.token(), new Promise((_, no) => signal.addEventListener('abort', no))]);
      const r = await fetch(this.#hooks.url(), {headers: bearer(token), cache: 'no-store', signal});
      if (r.status < 400 || r.status === 426) return null;
      const {error} = await r.json();
      const why = new ChatError(error.code, error.message, retryAfter(r.headers));
      why.final = r.status < 429;
      return why;
    } catch {
      return null; // nobody there
    }
  }

  /** Tries again after wait milliseconds, or by default after a random part of a time that doubles (full jitter).
   * @param {ChatError|null} error @param {number} [wait] @param {number} [code] */
  #later(error, wait = 0, code) {
    this.#patient = wait > 1000; // it is the server's wish
    wait ||= 50 + Math.random() * Math.min(longestWait, 1000 * 2 ** this.#tries++);
    clearInterval(this.#beat);
    this.#retry();
    this.#retry = later(wait, () => this.open());
    this.#set('waiting', {wait, error: error ?? undefined, code});
  }
}
