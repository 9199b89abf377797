// What the page shows of all rooms: the side, the title, and the choices of the dialog that goes to one.

import {names} from './render.js';
import {showMembers, showRooms} from './side.js';
import {refusal} from './status.js';
import {visitedRooms} from './store.js';
import {$} from './text.js';
import {shortly} from './unread.js';

const pause = 50; // milliseconds between two drawings

export class Panel {
  #parts; #queued = false;

  /** @param {{desks: import('./desks.js').Desks, rooms: import('./rooms.js').Rooms, alerts: import('./alerts.js').Alerts,
   *   desk: () => import('./desk.js').Desk|null}} parts desk: the one in view, if the user has come in */
  constructor(parts) { this.#parts = parts; }

  /** Brings the title and the tab's icon up to date. */
  title() {
    const {desks, alerts} = this.#parts, desk = this.#parts.desk();
    if (!desk) return;
    const unread = desks.all.reduce((n, of) => n + (alerts.level(of.name) === 'none' ? 0 : of.unread.count), 0);
    document.title = `${unread ? `(${shortly(unread)}) ` : ''}${desk.name} · chat`;
    alerts.show(unread);
    alerts.read();
  }

  drawSoon() {
    if (this.#queued) return;
    this.#queued = true;
    setTimeout(() => this.draw(), pause);
  }

  /** Draws the side. */
  draw() {
    this.#queued = false;
    const desk = this.#parts.desk();
    if (!desk) return;
    const {chat} = desk, there = chat.state === 'open', n = there ? chat.count : 0;
    let alike = false;
    for (const m of chat.members.values()) alike = names.add(m.user, m.username) || alike;
    if (alike) desk.messages.list.redraw();
    showMembers($('members'), chat, desk.away);
    $('count').textContent = n ? n.toLocaleString() : '';
    $('present').textContent = n > 1 ? `${n.toLocaleString()} people here` : n ? 'Only you are here' : there ? '' : 'Not connected';
    showRooms(this.#rows);
  }

  /** Where the user may want to go, the likeliest first. @returns {import('./jump.js').Choice[]} */
  get choices() {
    const {chat} = /** @type {import('./desk.js').Desk} */ (this.#parts.desk());
    const people = [...chat.members.values()].filter(({user}) => user !== chat.user);
    const by = (what) => (a, b) => Number(what(b)) - Number(what(a));
    const rows = this.#rows.filter((r) => !r.here).sort(by((r) => r.yours)).sort(by((r) => r.unread > 0)).sort(by((r) => r.mentioned));
    return [
      ...rows.map(({name, unread, mentioned}) => ({room: name, unread, mentioned})),
      ...people.map(({user, username}) => ({room: '', user, username, tail: names.tail(user)})),
    ];
  }

  /** @returns {import('./rooms.js').Room[]} */
  get #rows() {
    const yours = new Set([...visitedRooms().keys(), ...this.#parts.desks.all.map((of) => of.name)]);
    return this.#parts.rooms.names(yours).map((room) => this.#row(room, yours.has(room)));
  }

  /** @param {string} room @param {boolean} yours @returns {import('./rooms.js').Room} */
  #row(room, yours) {
    const {desks, rooms, alerts, desk} = this.#parts, of = desks.get(room), there = of?.chat.state === 'open';
    return {
      name: room, yours, here: Boolean(of) && of === desk(),
      count: there ? of.chat.count : rooms.count(room),
      unread: there ? of.unread.count : yours ? rooms.unread(room) : 0,
      mentioned: Boolean(there && of.unread.mentioned),
      muted: alerts.level(room) === 'none',
      trouble: of?.chat.state === 'closed' && of.trouble ? refusal(of.trouble) : '',
    };
  }
}
