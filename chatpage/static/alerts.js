// Tells of what is unread where the user does not look: the icon of the tab, a word for screen readers, and
// notifications, if the user has turned them on. Of several tabs of one user, one notifies.

import {attentive} from './desk.js';
import {names} from './render.js';
import {alertsKept, keepAlerts} from './store.js';
import {$, plural} from './text.js';

const soon = 1000, pause = 5000; // milliseconds: before the first notification of a room, and between two
const longest = 200; // characters of a message in it

/** @typedef {'all'|'mentions'|'none'} Level which messages of a room the user wants to be told of */
/** @typedef {{count: number, m: any, mention: boolean, next: number, timer: number, shown: Notification|null}} Waiting */

export class Alerts {
  #open; #user = ''; #end = new AbortController(); #look = () => {};
  /** @type {Map<import('./desk.js').Desk, Waiting>} */ #waiting = new Map();

  /** Whether this tab is the one that speaks for the user. */
  first = !navigator.locks;

  /** @param {(room: string) => void} open opens a room */
  constructor(open) {
    this.#open = open;
    for (const type of ['focus', 'blur', 'visibilitychange']) addEventListener(type, () => this.#look(), true);
    addEventListener('pagehide', () => this.#release()); // a page with locks cannot be kept for the back button
    addEventListener('pageshow', (e) => e.persisted && this.#user && this.#hold());
  }

  get on() { return alertsKept().on && globalThis.Notification?.permission === 'granted'; }

  /** @param {string} room @returns {Level} */
  level(room) { return alertsKept().rooms.get(room) ?? 'mentions'; }

  /** @param {string} room @param {Level} level */
  set(room, level) {
    const {on, rooms} = alertsKept();
    rooms.delete(room);
    if (level !== 'mentions') rooms.set(room, level);
    keepAlerts({on, rooms});
  }

  /** Turns notifications on, for which the browser asks the user, or off. @param {boolean} on
   * @returns {Promise<string>} why not, or '' */
  async turn(on) {
    keepAlerts({...alertsKept(), on: false});
    if (!on) return '';
    if (!globalThis.Notification) return 'This browser has no notifications for this page.';
    if (await Notification.requestPermission() !== 'granted') return 'The browser does not let this page notify you. Its settings for this site can change that.';
    keepAlerts({...alertsKept(), on: true});
    return '';
  }

  /** The user is known. @param {string} user */
  begin(user) {
    if (user === this.#user) return;
    this.end();
    this.#user = user;
    this.#hold();
  }

  /** Takes the locks by which the tabs of a user agree. */
  #hold() {
    if (!navigator.locks) return;
    const user = this.#user;
    const {signal} = this.#end = new AbortController();
    const until = (/** @type {AbortSignal} */ s) => new Promise((resolve) => s.addEventListener('abort', resolve));
    const hold = (name, mode, s, got = () => {}) => navigator.locks.request(`chat ${name} ${user}`, {mode, signal: s}, () => {
      got();
      return until(s);
    }).catch(() => {}); // it ended before
    hold('alerts', 'exclusive', signal, () => (this.first = true));
    let looking = new AbortController();
    looking.abort();
    this.#look = () => {
      if (attentive() === !looking.signal.aborted) return;
      if (!looking.signal.aborted) return looking.abort();
      looking = new AbortController();
      hold('looked at', 'shared', looking.signal);
    };
    signal.addEventListener('abort', () => looking.abort());
    this.#look();
  }

  /** The user is gone. */
  end() {
    this.#user = '';
    this.#release();
    for (const desk of [...this.#waiting.keys()]) this.#drop(desk);
    this.show(0);
  }

  #release() {
    this.#end.abort();
    this.#look = () => {};
    this.first = !navigator.locks;
  }

  /** @param {number} unread messages that are to be shown by the icon */
  show(unread) {
    const href = unread ? 'icon-dot.svg' : 'icon.svg';
    if ($('favicon').getAttribute('href') !== href) $('favicon').href = href;
  }

  /** A message that the user does not look at. @param {import('./desk.js').Desk} desk @param {any} m @param {boolean} mention */
  unseen(desk, m, mention) {
    const level = this.level(desk.name);
    if (level === 'none') return;
    if (mention) this.#say(desk, m);
    if (!mention && level !== 'all') return;
    const w = this.#waiting.get(desk) ?? {count: 0, m, mention, next: 0, timer: 0, shown: null};
    this.#waiting.set(desk, Object.assign(w, {count: w.count + 1, m, mention}));
    if (w.timer) return;
    w.timer = Number(setTimeout(() => this.#notify(desk, w), Math.max(soon, w.next - performance.now())));
  }

  /** Takes away what was told of rooms that are read by now. */
  read() {
    for (const [desk, {m}] of this.#waiting) if (m.offset <= desk.unread.read) this.#drop(desk);
  }

  /** @param {import('./desk.js').Desk} desk */
  #drop(desk) {
    const w = this.#waiting.get(desk);
    this.#waiting.delete(desk);
    clearTimeout(w?.timer);
    w?.shown?.close();
  }

  /** @param {any} m */
  #name(m) {
    const tail = names.tail(m.user);
    return tail ? `${m.username} (${tail})` : m.username;
  }

  /** For screen readers: a badge is not spoken, what is for the user is. */
  #say(desk, m) { $('told').textContent = `${this.#name(m)} ${m.type === 'private' ? 'wrote to you privately' : 'wrote to you'} in ${desk.name}`; }

  /** @param {import('./desk.js').Desk} desk @param {Waiting} w */
  async #notify(desk, w) {
    w.timer = 0;
    if (!this.on || !this.first || attentive()) return;
    const {held = []} = await navigator.locks?.query() ?? {};
    if (held.some(({name}) => name === `chat looked at ${this.#user}`)) return; // in another tab
    if (this.#waiting.get(desk) !== w) return;
    const {m, count} = w, where = m.type === 'private' ? 'privately' : `in ${desk.name}`;
    const body = count > 1 ? plural(count, 'new message', 'new messages') : Array.from(m.message).slice(0, longest).join('');
    try {
      w.shown = new Notification(`${this.#name(m)} ${where}`, {body, tag: `chat ${this.#user} ${desk.name}`, icon: 'icon.svg'});
    } catch {
      return void this.turn(false); // browsers of phones have none for a page
    }
    w.next = performance.now() + pause;
    w.shown.addEventListener('click', () => {
      focus();
      this.#open(desk.name);
      this.#drop(desk);
    });
  }
}
