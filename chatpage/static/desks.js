// The rooms that the user is in, over one connection.

import {connectRooms} from './chat.js';
import {Desk} from './desk.js';
import {keepLeft, keepPlaces, leftIn, sessionOf, unvisit, visitedRooms} from './store.js';

const most = 50; // rooms that are joined without being opened

const plain = (name) => name.normalize('NFKC').replace(/\s+/g, ' ').trim();

export class Desks {
  #base; #places; #hooks; #connection = null;
  /** @type {Map<string, Desk>} */ #all = new Map(); // by name, the latest opened last

  /** @param {URL} base @param {{composer: import('./composer.js').Composer, view: import('./viewport.js').Viewport}} places
   * @param {import('./desk.js').Hooks & {given: (desk: Desk) => void}} hooks given: the service has put the user into a room */
  constructor(base, places, hooks) {
    this.#base = base;
    this.#places = places;
    this.#hooks = {...hooks, welcome: (desk, w) => {
      this.#rename(desk);
      hooks.welcome(desk, w);
    }};
  }

  get all() { return [...this.#all.values()]; }

  get user() { return this.#connection?.user ?? ''; }

  get session() { return this.#connection?.session ?? ''; }

  /** @param {string} room @returns {Desk|undefined} */
  get(room) { return this.#all.get(room); }

  /** Connects as somebody. @param {string} name */
  begin(name) {
    this.end();
    const connection = this.#connection = connectRooms(this.#base, {username: name, session: sessionOf(name)});
    connection.on('joined', (chat) => this.#connection === connection && this.#hooks.given(this.#add(chat)));
  }

  /** Leaves the server. */
  end() {
    this.keep();
    const old = this.#connection;
    this.#connection = null;
    this.#all.clear();
    old?.close();
  }

  /** Opens a room. @param {string} room in any form of its name @returns {Desk} */
  open(room) {
    const known = this.all.find(({name}) => plain(name) === plain(room));
    const desk = known ?? this.#join(room);
    this.#all.delete(desk.name);
    this.#all.set(desk.name, desk);
    const limit = this.#connection.limits.rooms ?? Infinity;
    while (this.#all.size > Math.max(1, limit)) this.close(this.all[0]);
    const again = desk.trouble?.code;
    if (again === 'too_many' || again === 'too_many_streams') desk.chat.reconnect();
    return desk;
  }

  /** Joins the rooms in which the user was before, those first in which the user was last. */
  others() {
    const limit = Math.min(most, this.#connection.limits.rooms ?? most);
    for (const [room, since] of [...visitedRooms()].reverse()) {
      if (this.#all.size >= limit) return;
      if (this.#all.has(room)) continue;
      const last = [...this.#all];
      this.#join(room, since);
      for (const [name, desk] of last) { // what was opened stays the latest
        this.#all.delete(name);
        this.#all.set(name, desk);
      }
    }
  }

  /** Goes out of a room, which stays one of the user's. @param {Desk} desk */
  close(desk) {
    this.keep([desk]);
    this.#all.delete(desk.name);
    desk.chat.close();
  }

  /** Goes out of a room for good. @param {Desk} desk */
  leave(desk) {
    this.close(desk);
    unvisit(desk.name);
  }

  /** Keeps what is written but not sent, and up to where rooms are read. @param {Desk[]} some */
  keep(some = this.all) {
    for (const desk of some) keepLeft(desk.name, {...desk.draft, unsent: desk.messages.outbox.unsent});
    if (some.length > 0) keepPlaces(some.map((desk) => [desk.name, desk.unread.place]));
  }

  /** @param {string} room @param {string} [since] @returns {Desk} */
  #join(room, since) { return this.#add(this.#connection.join(room, {since: since || undefined})); }

  /** @param {import('./chat.js').Chat} chat @returns {Desk} */
  #add(chat) {
    const room = chat.room, desk = new Desk(chat, this.#places, {...leftIn(room), visited: visitedRooms().has(room)}, this.#hooks);
    this.#all.set(room, desk);
    return desk;
  }

  /** The server writes the name of a room in its own form. @param {Desk} desk */
  #rename(desk) {
    if (this.#all.get(desk.name) === desk) return;
    for (const [name, other] of this.#all) if (other === desk) this.#all.delete(name);
    this.#all.set(desk.name, desk);
  }
}
