// One room over plain HTTP, where WebSockets are blocked: Server-Sent Events bring what
// the room says, and each thing to say is a POST (docs/protocol.md).
//
// The events are read with fetch: an EventSource can send no Authorization header, shows neither the status nor the
// text of a refusal, and comes back by a rule of its own. Here the rules are those of link.js.

import {ChatError} from './errors.js';
import {messages, refusalIn, roomURL} from './http.js';
import {sound} from './sound.js';
import {Records} from './sse.js';
import {later} from './time.js';
import {bearer} from './wire.js';

/** What a server answers that has no streams, or cannot send them through what is around it. */
export const noStreams = new Set([404, 405, 501]);

const postWithin = 20_000; // milliseconds
const outlives = 8192; // bytes of a POST that may outlive the page: browsers allow 64 KiB of them altogether

/** @typedef {import('./socket.js').Wire} Wire @typedef {import('./socket.js').WireHooks} WireHooks */
/** @typedef {object} Where
 * @property {URL} base
 * @property {string} room
 * @property {string} [username]
 * @property {string} [session] stands in the URL, because the protocol has no other place for it here
 * @property {string} [since]
 * @property {() => Promise<string|undefined>} token asked before each request */

/** @implements {Wire} */
export class Stream {
  pings = false; // the server sends comments, so that silence tells
  #where; #session; #hooks; #reading = new AbortController(); #writing = new AbortController();
  #closed = false; #waiting = 0; #last = Promise.resolve();

  /** @param {Where} where @param {WireHooks} hooks */
  constructor(where, hooks) {
    this.#where = where;
    this.#session = where.session;
    this.#hooks = hooks;
    this.#read();
  }

  get busy() { return this.#waiting > 0; }

  /** Posts an object after those before it, one at a time, so that the room gets them in order. @param {string} text */
  send(text) {
    const o = JSON.parse(text);
    if (o.type === 'history') return void this.#history(o);
    if (o.type === 'auth') return; // each request has its own credentials
    this.#waiting++;
    this.#last = this.#last.then(() => this.#post(o.id, text)).finally(() => this.#waiting--);
  }

  /** Ends the stream. What was given to `send` still goes out, as on a socket that is closed. */
  close() {
    this.#closed = true;
    this.#reading.abort();
  }

  /** @param {number} code @param {string} reason @param {ChatError|null} [why] */
  #end(code, reason, why = null) {
    this.#writing.abort(); // it is sent again, with its id, when the stream is back
    if (this.#closed) return;
    this.close();
    this.#hooks.lost(code, reason, why);
  }

  /** @param {any} o */
  #tell(o) {
    if (!this.#closed) this.#hooks.receive(o);
  }

  /** @param {string} [since] @returns {URL} */
  #url(since) {
    const url = roomURL(this.#where.base, this.#where.room, 'events');
    for (const [key, value] of Object.entries({username: this.#where.username, session: this.#session, since})) {
      if (value) url.searchParams.set(key, value);
    }
    return url;
  }

  async #headers() {
    try {
      return bearer(await this.#where.token());
    } catch (e) {
      throw new ChatError('auth_failed', e instanceof Error ? e.message : String(e));
    }
  }

  async #read() {
    let why = null;
    try {
      const r = await fetch(this.#url(this.#where.since), {
        headers: {Accept: 'text/event-stream', ...await this.#headers()}, cache: 'no-store', signal: this.#reading.signal,
      });
      if (r.ok && r.body && r.headers.get('Content-Type')?.startsWith('text/event-stream')) await this.#follow(r.body);
      else why = await refusalIn(r);
    } catch (e) {
      if (e instanceof ChatError) why = e; // or the network's
    }
    this.#end(1006, '', why);
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async #follow(body) {
    const records = new Records(), decoder = new TextDecoder(), reader = body.getReader();
    for (;;) {
      const {done, value} = await reader.read();
      if (done || this.#closed) return;
      this.#hooks.heard();
      for (const data of records.push(decoder.decode(value, {stream: true}))) this.#take(JSON.parse(data));
    }
  }

  /** @param {any} o */
  #take(o) {
    if (!sound(o)) return;
    if (o.type === 'left') return this.#end(o.code, o.reason); // what a close frame says
    if (o.type === 'welcome' && o.session) this.#session = o.session;
    this.#tell(o);
  }

  /** @param {string|undefined} id @param {string} text */
  async #post(id, text) {
    const {signal} = this.#writing;
    if (signal.aborted) return;
    const stop = later(postWithin, () => this.#end(1006, ''));
    try {
      const r = await fetch(this.#url(), {
        method: 'POST', headers: {'Content-Type': 'application/json', ...await this.#headers()}, body: text, signal, keepalive: text.length < outlives,
      });
      if (r.ok) return this.#tell(await r.json());
      const why = await refusalIn(r) ?? between(r);
      this.#tell({type: 'error', id, code: why.code, message: why.message, retry_after_ms: why.retryAfter});
    } catch (e) {
      if (e instanceof ChatError) this.#tell({type: 'error', id, code: e.code, message: e.message});
      else this.#end(1006, ''); // nobody knows whether it arrived
    } finally {
      stop();
    }
  }

  /** @param {any} o */
  async #history({before, after, limit, request}) {
    try {
      const page = await messages(this.#where.base, this.#where.room, {before, after, limit, token: this.#where.token, signal: this.#reading.signal});
      this.#tell({...page, type: 'history', request, epoch: page.position.split(':')[0]});
    } catch (e) {
      const {code, message, retryAfter} = e instanceof ChatError ? e : new ChatError('unavailable', 'the messages cannot be read');
      this.#tell({type: 'error', id: request, code, message, retry_after_ms: retryAfter});
    }
  }
}

/** What it means that something between here and the server refuses a POST. @param {Response} r @returns {ChatError} */
function between({status}) {
  if (status >= 500) throw new Error('no answer of the server');
  if (status === 413) return new ChatError('too_long', 'something between here and the server takes no message of this size');
  return new ChatError(status === 429 ? 'rate_limited' : `http_${status}`, 'something between here and the server refuses this');
}
