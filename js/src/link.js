// A connection that comes back: reconnects with full jitter, notices one that died in
// silence, finds out why a handshake was refused, and goes over plain HTTP where WebSockets
// are blocked (way.js says when). chat.js is built on it.

import {ChatError} from './errors.js';
import {askWhy} from './http.js';
import {Socket} from './socket.js';
import {sound} from './sound.js';
import {later, now, Pauses, wish} from './time.js';
import {Way} from './way.js';
import {isToken} from './wire.js';

/** @typedef {'connecting'|'open'|'waiting'|'closed'} State */
/** @typedef {{wait?: number, error?: ChatError, code?: number}} More wait: milliseconds until the next attempt;
 *   code: that of the close, if there was a connection */
/** @typedef {object} Hooks
 * @property {() => URL} url the WebSocket's address, asked before each attempt
 * @property {() => string[]} offer what goes beside the subprotocol
 * @property {(hooks: import('./socket.js').WireHooks) => import('./socket.js').Wire} stream the same over plain HTTP
 * @property {() => Promise<string|undefined>} token credentials, asked before each attempt
 * @property {boolean} renewable whether asking again may give other credentials
 * @property {(object: any) => void} receive takes each object from the server
 * @property {(state: State, more: More) => void} change
 * @property {(why: ChatError) => boolean} amend whether trying again may help after all */

const watchEvery = 5000, openWithin = 15_000, tokenWithin = 60_000, pingAfter = 25_000, pongWithin = 10_000; // milliseconds
const streamSilent = 60_000; // a stream has a comment each 25 s, unless the server was told otherwise
const awakeWithin = 4000; // the same after the network or the page has come back
const steadyAfter = 6000; // a WebSocket that is tried beside a stream
const purpose = new Set([1000, 1008, 4003]); // codes of closing on purpose: do not come back
// What tells that the network or the page is back, and what to listen to for it.
const wakes = /** @type {const} */ (['online', 'pageshow', 'focus']), documentWakes = /** @type {const} */ (['visibilitychange', 'resume']);

export class Link {
  /** @type {State} */ state = 'connecting';
  /** @type {import('./socket.js').Wire|null} */ #wire = null;
  #hooks; #way = new Way(); #attempt = 0; #pauses = new Pauses(); #openedAt = 0; #began = 0;
  #heard = 0; #pinged = NaN; #within = pongWithin; #watched = 0; #slept = false; #beat = 0;
  #retry = () => {}; #look = () => {}; #asked = 0; #patient = false; #troubles = 0;
  #rise = () => {}; // ends the try of a WebSocket, or the wait for it
  #listening = new AbortController();

  /** @param {Hooks} hooks */
  constructor(hooks) { this.#hooks = hooks; }

  /** What the connection goes over. */
  get transport() { return this.#way.over === 'http' ? 'http' : 'websocket'; }

  /** Begins, or tries immediately if the connection is lost or was closed. */
  async open() {
    const attempt = ++this.#attempt;
    this.#retry();
    this.#drop();
    this.#listen();
    this.#heard = this.#began = this.#watched = now();
    this.#pinged = NaN;
    this.#troubles = 0;
    this.#beat = Number(setInterval(() => this.#watch(), watchEvery));
    this.#set('connecting');
    if (attempt !== this.#attempt) return; // a listener has closed it
    const hooks = {
      receive: (/** @type {any} */ o) => this.#receive(o),
      heard: () => {
        this.#heard = now();
        this.#pinged = NaN;
        this.#within = pongWithin;
      },
      lost: (/** @type {number} */ code, /** @type {string} */ reason, /** @type {ChatError|null} */ why = null) => this.#lost(code, reason, why),
    };
    if (this.#way.over === 'http') return void (this.#wire = this.#hooks.stream(hooks));
    await this.#socket(hooks, attempt, (wire) => {
      this.#wire = wire;
      this.#heard = now();
      this.#retry = later(awakeWithin, () => wire.opened || this.#hurry(attempt));
    }, (why) => (why.final ? this.close(why) : this.#later(why)));
  }

  /** @param {import('./socket.js').WireHooks} hooks @param {number} attempt nothing comes of it after another one
   * @param {(wire: Socket) => void} made @param {(why: ChatError) => void} failed */
  async #socket(hooks, attempt, made, failed) {
    let token;
    try {
      token = await this.#hooks.token();
    } catch (e) {
      if (attempt === this.#attempt) failed(new ChatError('auth_failed', e instanceof Error ? e.message : String(e)));
      return;
    }
    if (attempt !== this.#attempt) return;
    try {
      if (token && !isToken(`bearer.${token}`)) throw new ChatError('bad_token', 'the token has characters that a WebSocket cannot carry');
      made(new Socket(this.#hooks.url(), ['chat.v1', ...this.#hooks.offer(), ...(token ? [`bearer.${token}`] : [])], hooks));
    } catch (e) { // it would fail each time
      const why = e instanceof ChatError ? e : new ChatError('bad_url', e instanceof Error ? e.message : String(e));
      why.final = true;
      failed(why);
    }
  }

  /** Says that the server has answered: the connection is in use from now on. */
  ready() {
    this.#openedAt = now();
    this.#asked = 0;
    this.#retry();
    this.#way.opened();
    this.#set('open');
    if (this.state === 'open' && this.#way.over === 'http') this.#tryLater();
  }

  /** Sends an object, given as one or as its JSON. @param {object|string} object */
  send(object) { this.#wire?.send(typeof object === 'string' ? object : JSON.stringify(object)); }

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

  /** @param {any} o */
  #receive(o) {
    if (!sound(o)) return;
    if (o.type === 'goodbye') this.#asked = wish(o.retry_after_ms);
    if (o.type === 'ack') this.#troubles = 0;
    if (o.type === 'error') this.#troubles = o.code === 'rate_limited' || o.code === 'unavailable' ? this.#troubles + 1 : 0;
    if (o.type === 'error' && o.code === 'token_expiring' && this.#hooks.renewable) this.#renew(o);
    else this.#hooks.receive(o);
  }

  /** @param {any} o the server's warning */
  async #renew(o) {
    const attempt = this.#attempt;
    try {
      const token = await this.#hooks.token();
      if (attempt === this.#attempt) this.send({type: 'auth', token});
    } catch { // the old one may do for a while
      this.#hooks.receive(o);
    }
  }

  #watch() {
    const t = now();
    // After a sleep the answer may wait behind this very call: ask once more.
    this.#slept = t - this.#watched > 3 * watchEvery && !this.#slept;
    this.#watched = t;
    if (this.state === 'connecting') {
      if (t - this.#heard > (this.#wire ? openWithin : tokenWithin) && !this.#slept) this.#lost(1006, '');
    } else if (!this.#wire?.pings) {
      if (t - this.#heard > streamSilent && !this.#slept) this.#lost(1006, '');
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
    if (why === 'online') this.#way.renew();
    if (this.state === 'open' && !this.#wire?.pings) { // a stream cannot be asked
      if (why === 'online' || t - this.#heard > streamSilent / 2) this.#later(null, Math.random() * 1000);
    } else if (this.state === 'open' && (why === 'online' || t - this.#heard > watchEvery)) {
      if (!(t - this.#pinged < awakeWithin)) this.#ping();
      this.#within = awakeWithin;
      this.#look();
      this.#look = later(awakeWithin + 100, () => this.state === 'open' && this.#heard <= t && this.#watch());
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
    this.#look();
    this.#rise();
    this.#wire?.close();
    this.#wire = null;
  }

  /** The handshake has no answer for a while: a plain request that has one tells that it hangs. @param {number} attempt */
  async #hurry(attempt) {
    const {blocked} = await askWhy(this.#hooks.url(), this.#hooks.token);
    if (blocked && attempt === this.#attempt && this.state === 'connecting') this.#lost(1006, '', null, blocked);
  }

  /** @param {number} code @param {string} reason @param {ChatError|null} [why] @param {boolean} [blocked] if that is known */
  async #lost(code, reason, why = null, blocked) {
    const used = this.state === 'open', excused = code === 1008 && this.#troubles >= 50; // by the store or the rate
    const http = this.#way.over === 'http', attempt = ++this.#attempt; // what is still on its way is too late
    this.#retry();
    this.#drop();
    if ((purpose.has(code) && !excused) || (code === 4001 && !this.#hooks.renewable)) {
      return this.close(new ChatError(`close_${code}`, reason || 'the server ended the connection'), code);
    }
    if (used) {
      const lived = now() - this.#openedAt;
      this.#pauses.lasted(lived);
      if (!http) this.#way.lost(code, lived);
      else if (why) this.#way.failedOverHTTP(why);
      return this.#later(null, this.#asked || (excused ? 5000 * (1 + Math.random()) : 0), code);
    }
    if (!http && blocked === undefined) ({why, blocked} = await askWhy(this.#hooks.url(), this.#hooks.token));
    if (attempt !== this.#attempt) return;
    if (why?.final && !(http && why.status >= 404) && !this.#hooks.amend(why)) return this.close(why);
    if (http) this.#way.failedOverHTTP(why);
    else if (this.#way.failed(blocked ?? false)) return void this.open();
    this.#later(why, (why?.retryAfter ?? 0) * (1 + Math.random() / 2));
  }

  /** Tries again after wait milliseconds, or by default after the next pause.
   * @param {ChatError|null} error @param {number} [wait] @param {number} [code] */
  #later(error, wait = 0, code) {
    this.#patient = wait > 1000; // it is the server's wish
    wait ||= this.#pauses.next(code);
    this.#drop();
    this.#retry();
    this.#retry = later(wait, () => this.open());
    this.#set('waiting', {wait, error: error ?? undefined, code});
  }

  /** Tries a WebSocket when it is time, beside the stream. What it brings is not looked at: if it lives, the connection
   * is made anew over another one, which goes on at the place that the stream has come to. */
  #tryLater() {
    /** @type {Socket|null} */ let trial = null;
    let over = false;
    const attempt = this.#attempt;
    const again = () => {
      if (over) return;
      this.#rise();
      this.#way.longer();
      this.#tryLater();
    };
    const move = () => {
      if (this.#wire?.busy) return void (stop = later(500, move));
      this.#way.back();
      this.open();
    };
    let stop = later(this.#way.wait, () => {
      stop = later(openWithin, again);
      let answered = false;
      const heard = () => {
        if (answered) return;
        answered = true;
        stop();
        stop = later(steadyAfter, move);
      };
      this.#socket({heard, receive() {}, lost: again}, attempt, (wire) => {
        trial = wire;
        if (over) wire.close(); // the credentials came late
      }, again);
    });
    this.#rise = () => {
      over = true;
      stop();
      trial?.close();
      this.#rise = () => {};
    };
  }
}
