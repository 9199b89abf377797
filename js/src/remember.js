// What outlives a reload of the page: the session, and the place up to which everything was delivered.

import {isSession} from './wire.js';

/** What keeps strings: sessionStorage, or what looks like it.
 * @typedef {{getItem: (key: string) => string|null, setItem: (key: string, value: string) => void}} Store */
/** @typedef {{session: string, position: string, joined: string}} Kept joined: the position of the first welcome, as long as
 *   nothing has come after it */

// A value is overwritten by one of the same length, so a storage that is full later still takes it.
const length = 256;
const longest = 1000; // characters of a value that may be one of these

/** @type {WeakMap<Store, Set<string>>} */ const inUse = new WeakMap(); // the keys of those that are not closed

/** @param {boolean|Store|undefined} remember @returns {Store|null} */
function storeOf(remember) {
  try {
    return remember === true ? globalThis.sessionStorage ?? null : remember || null;
  } catch {
    return null; // the browser does not allow this page to have one
  }
}

export class Memory {
  session = ''; position = ''; joined = '';
  /** @type {Store|null} */ #store;
  /** @type {string} */ #key;
  #held = false; #written = '';

  /** Reads what was written by the same one before the reload. Two of the same name in one page are told apart by their order.
   * @param {boolean|Store|undefined} remember true: sessionStorage @param {URL} base @param {string} kind
   * @param {string} [username] */
  constructor(remember, base, kind, username = '') {
    this.#store = storeOf(remember);
    const name = `chat ${base} ${JSON.stringify([kind, username])}`;
    this.#key = name;
    for (let n = 2; !this.#hold(); n++) this.#key = `${name} ${n}`;
    try {
      const text = this.#store?.getItem(this.#key);
      const o = text && text.length <= longest ? JSON.parse(text) : null;
      for (const key of /** @type {const} */ (['session', 'position', 'joined'])) if (typeof o?.[key] === 'string') this[key] = o[key];
    } catch { /* it is somebody else's, or cannot be read */ }
    if (!isSession(this.session)) this.session = '';
  }

  /** @param {Kept} now */
  write({session, position, joined}) {
    if (!this.#store || !this.#hold()) return;
    const text = JSON.stringify({session, position, joined}).padEnd(length);
    if (text === this.#written) return;
    try {
      this.#store.setItem(this.#key, text);
      this.#written = text;
    } catch { /* the older place stays: from there, nothing is lost */ }
  }

  /** Another one may have the key. */
  release() {
    if (this.#store && this.#held) inUse.get(this.#store)?.delete(this.#key);
    this.#held = false;
  }

  /** @returns {boolean} whether nobody else in this page has the key */
  #hold() {
    if (this.#held || !this.#store) return true;
    const keys = inUse.get(this.#store) ?? new Set();
    if (keys.has(this.#key)) return false;
    inUse.set(this.#store, keys.add(this.#key));
    return this.#held = true;
  }
}
