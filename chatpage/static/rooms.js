// The rooms in the side: those that one was in, with what is new in them, and those
// with most people. However many there are, what is shown and what it costs is bounded.

import {messages, rooms as listRooms} from './chat.js';
import {visitedRooms} from './store.js';

const every = 10_000; // milliseconds between two looks
const shown = 100;

/** @typedef {{name: string, count: number, unread: number, here: boolean}} Room */

const byName = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'}).compare;

/** The rooms, those with most people first. @param {Map<string, number>} rooms */
export const bySize = (rooms) => [...rooms].sort((a, b) => b[1] - a[1] || byName(a[0], b[0]));

export class Rooms {
  #base; #changed; #timer; #here = ''; #next = 0; #loading = false;
  /** @type {Map<string, number>} the rooms with most people, and those that one was in */ #open = new Map();
  /** @type {Map<string, number>} */ #unread = new Map();

  /** @param {URL} base where the server is @param {() => void} changed */
  constructor(base, changed) {
    this.#base = base;
    this.#changed = changed;
  }

  /** Begins to look, from inside a room. @param {string} here */
  enter(here) {
    this.#here = here;
    this.#unread.delete(here);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.hidden || this.load(), 1000);
    this.load();
  }

  leave() { clearInterval(this.#timer); }

  /** The rooms to show. @param {number} count the users in the present room, 0 if that is not known @returns {Room[]} */
  list(count) {
    const names = new Set([this.#here, ...visitedRooms().keys()]);
    for (const [name] of bySize(this.#open)) if (names.size < shown) names.add(name);
    return [...names].sort(byName).map((name) => {
      const here = name === this.#here;
      return {name, here, count: here ? count : this.#open.get(name) ?? 0, unread: here ? 0 : this.#unread.get(name) ?? 0};
    });
  }

  /** Looks, if it is time to. */
  async load() {
    if (this.#loading || performance.now() < this.#next) return;
    this.#loading = true;
    const here = this.#here;
    try {
      this.#open = await listRooms(this.#base, {limit: shown, named: visitedRooms().keys()});
      await this.#look(here);
      if (here === this.#here) this.#changed();
    } catch { /* the status tells of trouble */ } finally {
      this.#loading = false;
      this.#next = performance.now() + every;
    }
  }

  /** Counts what is new where one was. @param {string} here */
  async #look(here) {
    for (const [room, position] of [...visitedRooms()].reverse()) {
      if (room === here || !position) continue;
      const colon = position.indexOf(':'), offset = Number(position.slice(colon + 1).split(':')[0]);
      const read = async (after) => messages(this.#base, room, {after, limit: 100});
      let page = await read(offset).catch(() => null);
      if (page && !page.position.startsWith(position.slice(0, colon + 1))) page = await read(0).catch(() => null); // another log
      this.#unread.set(room, page?.messages.length ?? 0);
    }
  }
}
