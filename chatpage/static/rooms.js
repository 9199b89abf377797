// The rooms that the server has, with the number of people in them, and what is unread in those of the user's that
// the connection has no place for. However many there are, what is shown and what it costs is bounded.

import {rooms as listRooms, unread} from './chat.js';
import {visitedRooms} from './store.js';

const every = 10_000; // milliseconds between two looks
const shown = 100;

const byName = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'}).compare;

/** @typedef {object} Room
 * @property {string} name
 * @property {boolean} yours whether the user was there
 * @property {boolean} here whether it is in view
 * @property {number} count the users in it
 * @property {number} unread
 * @property {boolean} mentioned whether something unread is for the user
 * @property {boolean} muted whether the user wants to be told of nothing there
 * @property {string} trouble why the user is not in it, if that is worth telling */

/** The rooms, those with most people first. @param {Map<string, number>} rooms */
export const bySize = (rooms) => [...rooms].sort((a, b) => b[1] - a[1] || byName(a[0], b[0]));

export class Rooms {
  #base; #hooks; #timer; #next = 0; #loading = false;
  /** @type {Map<string, number>} those with most people, and the user's */ #open = new Map();
  /** @type {Map<string, number>} of those that the user is not in now */ #unread = new Map();

  /** @param {URL} base where the server is
   * @param {{changed: () => void, apart: () => string[], session: () => string}} hooks apart: the user's rooms that the
   *   connection does not tell of */
  constructor(base, hooks) {
    this.#base = base;
    this.#hooks = hooks;
  }

  /** Begins to look. */
  enter() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.hidden || this.load(), 1000);
    this.load();
  }

  leave() { clearInterval(this.#timer); }

  /** The names of rooms: the user's, and those with most people. @param {Iterable<string>} yours @returns {string[]} */
  names(yours) {
    const names = new Set([...visitedRooms().keys(), ...yours]);
    for (const [name] of bySize(this.#open)) if (names.size < shown) names.add(name);
    return [...names].sort(byName);
  }

  /** @param {string} name @returns {number} the users in a room, as of some seconds ago */
  count(name) { return this.#open.get(name) ?? 0; }

  /** @param {string} name @returns {number} of a room that the user is not in now */
  unread(name) { return this.#unread.get(name) ?? 0; }

  /** Looks, if it is time to. */
  async load() {
    if (this.#loading || performance.now() < this.#next) return;
    this.#loading = true;
    try {
      this.#open = await listRooms(this.#base, {limit: shown, named: visitedRooms().keys()});
      const apart = this.#hooks.apart().slice(-shown);
      this.#unread = new Map();
      if (apart.length > 0) {
        const found = await unread(this.#base, {session: this.#hooks.session(), named: apart});
        for (const [room, {unread}] of found) this.#unread.set(room, unread);
      }
    } catch { /* the status tells of trouble */ } finally {
      this.#loading = false;
      this.#next = performance.now() + every;
      this.#hooks.changed();
    }
  }
}
