// Time for the client. Nothing here asks what time it is: people set their clocks.

/** Milliseconds since some moment. A computer that sleeps may stop it. */
export const now = () => performance.now();

const longest = 2 ** 31 - 1, day = 86_400_000;
const mostPause = 30_000, steady = 30_000; // milliseconds; a connection that has lasted for so long

/** Calls fn after ms, however long that is: setTimeout takes more than 24 days for none.
 * @param {number} ms @param {() => void} fn @returns {() => void} what keeps fn from being called */
export function later(ms, fn) {
  const until = now() + ms;
  /** @type {ReturnType<typeof setTimeout>} */ let timer;
  const arm = () => {
    const left = until - now();
    timer = left > longest ? setTimeout(arm, longest) : setTimeout(fn, Math.max(0, left));
  };
  arm();
  return () => clearTimeout(timer);
}

/** The pauses between attempts: a random part of a time that doubles (full jitter). */
export class Pauses {
  #tries = 0;

  /** What was open is lost. @param {number} lived milliseconds */
  lasted(lived) { if (lived > steady) this.#tries = 0; }

  /** @param {number} [code] that of the close: 1013 asks to come back immediately, and that is done once
   * @returns {number} milliseconds */
  next(code) {
    const tries = this.#tries++;
    return code === 1013 && tries === 0 ? 1 + 99 * Math.random() : 50 + Math.random() * Math.min(mostPause, 1000 * 2 ** tries);
  }
}

/** The milliseconds that a server asks to wait, within reason: 0 to a day. @param {any} ms */
export const wish = (ms) => (ms > 0 ? Math.min(Number(ms), day) : 0);

/** The same of a response's Retry-After, which is seconds or a date (RFC 9110, section 10.2.3). @param {Headers} headers */
export function retryAfter(headers) {
  const value = headers.get('Retry-After') ?? '';
  if (/^\d+$/.test(value)) return wish(1000 * Number(value));
  return wish(Date.parse(value) - Date.parse(headers.get('Date') ?? '')); // both are the server's
}

/** @typedef {{at: number, server: number}} Stamp a moment, by now and by the server's clock (NaN: not known) */

/** How long ago something was, also over a sleep in which now stood still: then the
 * server's times, which come with messages, tell. */
export class Ages {
  /** @type {Stamp} */ #known = {at: 0, server: NaN};
  #latest = -Infinity;

  /** The server has said what time it was, or if live is true, is. @param {string} time @param {boolean} live */
  heard(time, live) {
    const server = Date.parse(time);
    if (Number.isNaN(server)) return;
    this.#latest = Math.max(this.#latest, server);
    if (live) this.#known = {at: now(), server};
  }

  /** @returns {Stamp} this moment */
  stamp() {
    const at = now();
    return {at, server: this.#known.server + at - this.#known.at};
  }

  /** @param {Stamp} stamp @returns {number} milliseconds since then, at least */
  since({at, server}) {
    const slept = this.#latest - server;
    return Math.max(now() - at, slept > 0 ? slept : 0);
  }
}
