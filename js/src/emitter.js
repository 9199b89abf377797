// Listening to a Chat or a Connection: callbacks, an async iterator, and a promise of the first welcome.

import {ChatError} from './errors.js';

/** @typedef {import('./types.js').StateChange} StateChange */

/** @template {object} E the events, with what `on` passes
 * @template {keyof E} K
 * @typedef {{[T in K]: {type: T, detail: E[T]}}[K]} Happening one of the events as the iterator yields it */

/** @template {{state: StateChange}} E the events, with what `on` passes */
export class Emitter extends EventTarget {
  #open = false;
  /** @type {Set<(type: string, detail: any) => void>} */ #all = new Set();
  /** @type {ChatError|null} */ #ended = null;

  constructor() {
    super();
    this.#listen('state', ({state, error}) => {
      this.#open = state === 'open';
      this.#ended = state === 'closed' ? error ?? new ChatError('closed', 'not connected') : null;
    });
  }

  /** Calls fn for each event of a type. @template {keyof E & string} K @param {K} type @param {(detail: E[K]) => void} fn
   * @returns {() => void} what takes fn away again */
  on(type, fn) { return this.#listen(type, fn); }

  /** The events from now on, as `{type, detail}` with the detail that `on` passes, for `for await`. The loop ends after `close`. If the server ends it, the loop throws the ChatError. A lost connection does not end it.
   * Events that are not read yet wait in memory; leaving the loop drops them.
   * @template {keyof E & string} [K=keyof E & string] @param {...K} types those to yield; without any, all
   * @returns {AsyncIterableIterator<Happening<E, K>>} */
  events(...types) {
    const all = /** @type {any} */ (new Set(types));
    /** @type {any[]} */ const events = [];
    /** @type {{resolve: (r: any) => void, reject: (e: ChatError) => void}[]} */ const readers = [];
    let done = this.#ended !== null, /** @type {ChatError|null} */ error = this.#ended;
    const serve = () => {
      while (readers.length > 0 && (events.length > 0 || done)) {
        const {resolve, reject} = /** @type {any} */ (readers.shift());
        const failed = events.length === 0 && error;
        if (events.length > 0) resolve({done: false, value: events.shift()});
        else if (failed && failed.code !== 'closed') reject(failed);
        else resolve({done: true, value: undefined});
        if (failed) error = null; // it is thrown once
      }
    };
    const off = this.#everything((type, detail) => {
      if (all.size === 0 || all.has(type)) events.push({type, detail});
      if (type === 'state' && detail.state === 'closed') {
        done = true;
        error = this.#ended;
        off();
      }
      serve();
    });
    if (done) off();
    return {
      [Symbol.asyncIterator]() { return this; },
      next: () => new Promise((resolve, reject) => {
        readers.push({resolve, reject});
        serve();
      }),
      return: async () => {
        off();
        done = true;
        error = null;
        events.length = 0;
        serve();
        return {done: true, value: undefined};
      },
    };
  }

  /** Waits for the server: `const chat = await connect(url).ready()`.
   * @returns {Promise<this>} once it has welcomed the user, which may be already; rejects with a ChatError when the state
   *   becomes or is `closed`. As long as the server cannot be reached, the promise waits */
  ready() {
    return new Promise((resolve, reject) => {
      if (this.#open) return resolve(this);
      if (this.#ended) return reject(this.#ended);
      const off = this.#listen('state', ({state, error}) => {
        if (state !== 'open' && state !== 'closed') return;
        off();
        if (state === 'open') resolve(this);
        else reject(error);
      });
    });
  }

  /** @param {(type: string, detail: any) => void} fn */
  #everything(fn) {
    this.#all.add(fn);
    return () => this.#all.delete(fn);
  }

  /** As EventTarget's, which calls only those that listen to the type. @param {Event} event */
  dispatchEvent(event) {
    const same = super.dispatchEvent(event);
    for (const fn of [...this.#all]) fn(event.type, /** @type {CustomEvent} */ (event).detail);
    return same;
  }

  /** @param {string} type @param {(detail: any) => void} fn */
  #listen(type, fn) {
    const listener = (/** @type {Event} */ e) => fn(/** @type {CustomEvent} */ (e).detail);
    this.addEventListener(type, listener);
    return () => this.removeEventListener(type, listener);
  }
}
