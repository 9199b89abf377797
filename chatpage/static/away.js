// Who is away: a user without input for ten minutes, in any tab. It is told by signals, which nobody stores.

const after = 600_000; // milliseconds
const every = 10_000; // between two looks, and between two words to the other tabs
const small = 50; // users, of a room in which people are told again
const between = 100; // milliseconds between two signals, of which a server takes 20 a second
const jitter = 3000; // not all of a room answer in one moment

/** What the name of the signal is. */
export const signal = 'away';

export class Away {
  #desks; #speaks; #user = ''; #active = Date.now(); #said = 0; #away = false; #timer; #channel = null;
  /** @type {Set<import('./desk.js').Desk>} */ #answering = new Set();

  /** @param {() => import('./desk.js').Desk[]} desks @param {() => boolean} speaks whether this tab is the one that tells */
  constructor(desks, speaks) {
    this.#desks = desks;
    this.#speaks = speaks;
    for (const type of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart']) {
      addEventListener(type, () => this.#input(), {capture: true, passive: true});
    }
    this.#join();
    addEventListener('pagehide', () => this.#channel?.close()); // or the page is not kept for the back button
    addEventListener('pageshow', (e) => e.persisted && this.#join());
  }

  /** Hears the other tabs. */
  #join() {
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel('chat-active');
    this.#channel.addEventListener('message', ({data}) => data === this.#user && this.#seen());
  }

  /** @param {string} user */
  begin(user) {
    this.#user = user;
    this.#active = Date.now();
    this.#away = false;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), every);
  }

  end() {
    this.#user = '';
    clearInterval(this.#timer);
  }

  /** Asks in a room who is away, if it is small. @param {import('./desk.js').Desk} desk */
  ask({chat}) {
    if (chat.count > 1 && chat.count <= small) chat.signal(signal, {away: this.#away, ask: true});
  }

  /** Somebody has come or asks. @param {import('./desk.js').Desk} desk */
  answer(desk) {
    if (!this.#away || !this.#speaks() || desk.chat.count > small || this.#answering.has(desk)) return;
    this.#answering.add(desk);
    setTimeout(() => {
      this.#answering.delete(desk);
      if (this.#away) desk.chat.signal(signal, {away: true});
    }, Math.random() * jitter);
  }

  #input() {
    if (!this.#user) return;
    if (Date.now() - this.#said > every || this.#away) {
      this.#said = Date.now();
      this.#channel?.postMessage(this.#user);
    }
    this.#seen();
  }

  #seen() {
    this.#active = Date.now();
    if (this.#away) this.#tell(false);
  }

  #look() {
    if (!this.#away && Date.now() - this.#active >= after) this.#tell(true);
  }

  /** @param {boolean} away */
  #tell(away) {
    this.#away = away;
    if (!this.#speaks()) return;
    this.#desks().forEach(({chat}, i) => setTimeout(() => {
      if (this.#away === away && chat.count > 1) chat.signal(signal, {away});
    }, i * between));
  }
}
