// A WebSocket that comes back: reconnects with full jitter, notices a connection
// that died in silence, and finds out why a handshake was refused. chat.js is
// built on it.

/** Why something failed. `code` is the server's (docs/protocol.md), or from here:
 * timeout, disconnected, closed, close_N (the closing code), too_long. */
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
/** @typedef {{wait?: number, error?: ChatError}} More wait: milliseconds until the next attempt */
/** @typedef {object} Hooks
 * @property {() => URL} url the address, asked before each attempt
 * @property {() => Promise<string|undefined>} token credentials, asked before each attempt
 * @property {boolean} renewable whether asking again may give other credentials
 * @property {(object: any) => void} receive takes each object from the server
 * @property {(state: State, more: More) => void} change
 * @property {(why: ChatError) => boolean} amend whether trying again may help after all */

/** @param {string|undefined} token @returns {Record<string, string>} the headers that carry it */
export const bearer = (token) => (token ? {Authorization: `Bearer ${token}`} : {});

const watchEvery = 5000, openWithin = 15_000, pingAfter = 25_000, pongWithin = 10_000; // milliseconds
const longestWait = 30_000, stableAfter = 30_000;
const purpose = new Set([1000, 1008, 4003]); // codes of closing on purpose: do not come back

export class Link {
  /** @type {State} */ state = 'connecting';
  /** @type {WebSocket|null} */ #ws = null;
  #hooks; #attempt = 0; #tries = 0; #openedAt = 0;
  #heard = 0; #pinged = 0; #beat = 0; #retry = 0; #asked = 0; #patient = false;
  #wake = () => this.#check();

  /** @param {Hooks} hooks */
  constructor(hooks) { this.#hooks = hooks; }

  /** Begins, or tries at once if the connection is lost or was closed. */
  async open() {
    const attempt = ++this.#attempt;
    clearTimeout(this.#retry);
    this.#drop();
    globalThis.addEventListener?.('online', this.#wake);
    globalThis.document?.addEventListener('visibilitychange', this.#wake);
    this.#set('connecting');
    try {
      const token = await this.#hooks.token();
      if (attempt !== this.#attempt) return;
      const url = this.#hooks.url();
      url.protocol = url.protocol.replace('http', 'ws');
      const ws = this.#ws = new WebSocket(url, token ? ['chat.v1', `bearer.${token}`] : ['chat.v1']);
      ws.onmessage = (e) => this.#receive(e.data);
      ws.onclose = (e) => this.#lost(e.code, e.reason);
      this.#heard = Date.now();
      this.#pinged = 0;
      this.#beat = Number(setInterval(() => this.#watch(), watchEvery));
    } catch (e) {
      if (attempt === this.#attempt) this.#later(new ChatError('auth_failed', e instanceof Error ? e.message : String(e)));
    }
  }

  /** Says that the server has answered: the connection is in use from now on. */
  ready() {
    this.#openedAt = Date.now();
    this.#asked = 0;
    this.#set('open');
  }

  /** Sends an object, given as one or as its JSON. @param {object|string} object */
  send(object) { this.#ws?.send(typeof object === 'string' ? object : JSON.stringify(object)); }

  /** Makes the next attempt wait for ms, as the server wished. @param {number} ms */
  comeBackIn(ms) { this.#asked = ms; }

  /** Ends for good, until open is called again. @param {ChatError} error */
  close(error) {
    if (this.state === 'closed') return;
    this.#attempt++;
    clearTimeout(this.#retry);
    globalThis.removeEventListener?.('online', this.#wake);
    globalThis.document?.removeEventListener('visibilitychange', this.#wake);
    this.#drop();
    this.#set('closed', {error});
  }

  /** @param {State} state @param {More} [more] */
  #set(state, more = {}) {
    this.state = state;
    this.#hooks.change(state, more);
  }

  /** @param {string} data */
  #receive(data) {
    this.#heard = Date.now();
    this.#pinged = 0;
    let object;
    try {
      object = JSON.parse(data);
    } catch {
      return;
    }
    this.#hooks.receive(object);
  }

  #watch() {
    const quiet = Date.now() - this.#heard;
    if (this.state === 'connecting') {
      if (quiet > openWithin) this.#lost(1006, '');
    } else if (this.#pinged) {
      if (Date.now() - this.#pinged > pongWithin) this.#lost(1006, '');
    } else if (quiet > pingAfter) {
      this.#ping();
    }
  }

  #ping() {
    this.#pinged = Date.now();
    this.send({type: 'ping'});
  }

  /** The network or the page is back: look at once whether the connection still is. */
  #check() {
    if (globalThis.document?.hidden) return;
    if (this.state === 'open' && !this.#pinged && Date.now() - this.#heard > watchEvery) this.#ping();
    if (this.state === 'waiting' && !this.#patient) this.#later(null, Math.random() * 1000);
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
    const used = this.state === 'open';
    this.#drop();
    if (purpose.has(code) || (code === 4001 && !this.#hooks.renewable)) {
      return this.close(new ChatError(`close_${code}`, reason || 'the server ended the connection'));
    }
    if (used) {
      if (Date.now() - this.#openedAt > stableAfter) this.#tries = 0;
      return this.#later(null, this.#asked);
    }
    const attempt = this.#attempt;
    const why = await this.#ask();
    if (attempt !== this.#attempt) return;
    if (why?.final && !this.#hooks.amend(why)) return this.close(why);
    this.#later(why, (why?.retryAfter ?? 0) * (1 + Math.random() / 2));
  }

  /** Asks over HTTP why the handshake failed, which a WebSocket does not tell. 426 means that it would not have. */
  async #ask() {
    try {
      const token = await this.#hooks.token();
      const r = await fetch(this.#hooks.url(), {headers: bearer(token), cache: 'no-store', signal: AbortSignal.timeout(5000)});
      if (r.status < 400 || r.status === 426) return null;
      const {error} = await r.json();
      const why = new ChatError(error.code, error.message, 1000 * Number(r.headers.get('Retry-After')));
      why.final = r.status < 429;
      return why;
    } catch {
      return null; // nobody there
    }
  }

  /** Tries again after wait milliseconds, or by default after a random part of a time that doubles (full jitter). @param {ChatError|null} error @param {number} [wait] */
  #later(error, wait = 0) {
    this.#patient = wait > 1000; // it is the server's wish
    wait ||= 50 + Math.random() * Math.min(longestWait, 1000 * 2 ** this.#tries++);
    clearTimeout(this.#retry);
    this.#retry = Number(setTimeout(() => this.open(), wait));
    this.#set('waiting', {wait, error: error ?? undefined});
  }
}
