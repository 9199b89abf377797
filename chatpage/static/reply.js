// What messages answer: one line of the original above each answer, as it is now, and the way there.

import {reveal, seek} from './find.js';
import {oneLine} from './markup.js';
import {called} from './render.js';
import {el} from './text.js';
import {fold} from './view.js';

const most = 500; // originals that are kept beside the list

export class Replies {
  #list; #hooks;
  /** @type {Map<number, Set<object>>} */ #answers = new Map(); // entries, by the offset that they answer
  /** @type {Map<number, object|null>} */ #asked = new Map(); // originals that are not in the list; null: gone
  /** @type {number[]} */ #wanted = []; #asking = false; #jump = 0;

  /** @param {import('./list.js').List} list
   * @param {{read: (offset: number) => Promise<object|null>, open: () => boolean, current: (entry: object) => boolean, notice: (text: string) => void}} hooks
   *   read: gets a message as it is now, null if it is not there; open: whether that can be asked for;
   *   current: whether an entry is of the present log */
  constructor(list, hooks) {
    this.#list = list;
    this.#hooks = hooks;
  }

  /** Originals that are not in the list may have been amended, or are of another log. */
  forget() { this.#asked.clear(); }

  /** An entry of the list answers a message. @param {object} entry */
  note(entry) {
    const to = entry.m.reply_to;
    if (to) this.#answers.set(to, (this.#answers.get(to) ?? new Set()).add(entry));
  }

  /** @param {import('./types.js').Amendment} a */
  amended(a) {
    const m = this.#asked.get(a.target);
    if (a.type === 'delete' && this.#answers.has(a.target)) this.#keep(a.target, null);
    else if (m) this.#asked.set(a.target, fold(m, a));
    if (a.type !== 'reaction') this.#redraw(a.target);
  }

  #redraw(offset) {
    for (const entry of this.#answers.get(offset) ?? []) if (entry.node) this.#list.redraw(entry);
  }

  /** The original above an answer. @param {{m: object}} entry */
  quote(entry) {
    const to = entry.m.reply_to, here = this.#hooks.current(entry);
    const m = here ? this.#list.at(to)?.m ?? this.#asked.get(to) : undefined;
    if (here && m === undefined) this.#want(to);
    const b = el('button', 'original');
    b.type = 'button';
    b.tabIndex = -1; // the message's menu is for the keyboard
    b.dataset.offset = String(to);
    const name = m && el('span', 'author', ...called(m.user, m.username));
    b.append(...(m ? [el('span', 'quiet', 'Answers '), name, el('span', 'quiet', ': '), el('bdi', '', oneLine(m.message) || 'A message without text')]
      : [el('span', 'gone', m === null ? 'A message that is not there any more' : 'An earlier message')]));
    return b;
  }

  #want(offset) {
    if (!this.#wanted.includes(offset)) this.#wanted.push(offset);
    queueMicrotask(() => this.ask());
  }

  /** Reads the originals that are not known, one after the other. */
  async ask() {
    if (this.#asking || this.#wanted.length === 0 || !this.#hooks.open()) return;
    const offset = this.#wanted.pop(); // the last are nearest to what is seen
    this.#asking = true;
    try {
      const m = this.#list.at(offset) ? undefined : await this.#hooks.read(offset);
      if (m !== undefined) this.#keep(offset, m);
      this.#redraw(offset);
    } catch {
      this.#wanted.push(offset); // the next connection asks again
      this.#asking = false;
      return;
    }
    this.#asking = false;
    this.ask();
  }

  #keep(offset, m) {
    if (this.#asked.size >= most) this.#asked.delete(this.#asked.keys().next().value);
    this.#asked.set(offset, m);
  }

  /** Shows a message in the list, and loads older ones until it is there. @param {number} offset */
  async jump(offset) {
    const jump = ++this.#jump;
    const entry = await seek(this.#list, offset);
    if (jump !== this.#jump) return;
    if (entry) return reveal(this.#list, entry, true);
    this.#hooks.notice(!this.#hooks.open()
      ? 'That message cannot be loaded without a connection.' : 'That message is not there any more: it was deleted, or the server no longer keeps it.');
  }
}
