// What a client asks the server, and waits to be told.

import {ChatError} from './errors.js';
import {later} from './time.js';

/** @typedef {{stop: () => void, resolve: (answer: any) => void, reject: (error: Error) => void}} Asked */

export class Asks {
  /** @type {Map<string, Asked>} */ #asked = new Map();

  /** @param {string} id @param {() => void} send @returns {Promise<any>} the answer */
  ask(id, send) {
    return new Promise((resolve, reject) => {
      const stop = later(10_000, () => this.answer(id, new ChatError('timeout', 'the server did not answer')));
      this.#asked.set(id, {resolve, reject, stop});
      send();
    });
  }

  /** Ends the wait; reports whether anything waited. @param {string} id @param {any} result */
  answer(id, result) {
    const asked = this.#asked.get(id);
    if (!asked) return false;
    this.#asked.delete(id);
    asked.stop();
    if (result instanceof Error) asked.reject(result);
    else asked.resolve(result);
    return true;
  }

  /** @param {ChatError} error why no answer will come */
  lost(error) {
    for (const id of [...this.#asked.keys()]) this.answer(id, error);
  }
}
