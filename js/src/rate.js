// The rate at which a server takes messages from one user, whatever the room.

import {now} from './time.js';

const margin = 0.95; // of the server's rate: the network sends what was apart together

export class Rate {
  #rate = 0; #burst = 0; #tokens = NaN; #filled = 0; // messages per millisecond; messages
  #hold = 0;

  /** @param {import('./frames.js').Limits} limits of the server */
  set(limits) {
    this.#rate = margin * (limits.rate_per_second || 0) / 1000;
    this.#burst = Math.max(1, limits.burst || 0);
    this.#fill();
  }

  /** One message goes out. */
  take() { this.#tokens--; }

  /** The server has refused one, in whatever room. @param {number} ms until it takes the next */
  pause(ms) { this.#hold = Math.max(this.#hold, now() + ms); }

  /** @returns {number} milliseconds until one more may go out */
  get wait() {
    const hold = Math.max(0, this.#hold - now());
    if (!(this.#rate > 0)) return hold;
    this.#fill();
    return Math.max(hold, this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#rate));
  }

  #fill() {
    const t = now();
    const full = this.#tokens + (t - this.#filled) * this.#rate;
    this.#tokens = Number.isNaN(full) ? this.#burst : Math.min(this.#burst, full);
    this.#filled = t;
  }
}
