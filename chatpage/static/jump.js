// The dialog in which the user goes to a room or writes to a person (Ctrl + K): a combobox with a list, as the
// ARIA authoring practices have it.

import {$, avatar, el, nameOf} from './text.js';
import {shortly} from './unread.js';

const shown = 30;
const plain = (s) => s.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase();

/** @typedef {{room: string, unread?: number, mentioned?: boolean, made?: boolean}} RoomChoice made: there is no such room yet
 * @typedef {{user: string, username: string, tail: string}} PersonChoice
 * @typedef {RoomChoice & Partial<PersonChoice>} Choice */

/** How well a name fits what was typed: the smaller the better, NaN if it does not. @param {string} typed @param {string} name */
export function fit(typed, name) {
  if (!typed || typed === name) return 0;
  const at = name.indexOf(typed);
  if (at === 0) return 1;
  if (at > 0) return /[\p{L}\p{N}]/u.test(name[at - 1]) ? 3 : 2;
  let from = 0, gaps = 0;
  for (const c of typed) { // its letters in that order
    const i = name.indexOf(c, from);
    if (i < 0) return NaN;
    gaps += i - from;
    from = i + c.length;
  }
  return 4 + gaps / (gaps + name.length);
}

export class Jump {
  #hooks; /** @type {Choice[]} */ #choices = []; #at = 0;

  /** @param {{choices: () => Choice[], go: (choice: Choice) => void}} hooks choices: those to choose from, the likeliest first */
  constructor(hooks) {
    this.#hooks = hooks;
    const dialog = $('jump'), text = $('jump-text');
    text.addEventListener('input', () => this.#search());
    text.addEventListener('keydown', (e) => this.#key(e));
    dialog.addEventListener('click', (e) => e.target === dialog && dialog.close());
    $('jump-list').addEventListener('click', (e) => {
      const i = [...$('jump-list').children].indexOf(e.target.closest('[role=option]'));
      if (i >= 0) this.#choose(i);
    });
  }

  open() {
    if ($('jump').open) return;
    $('jump-text').value = '';
    $('jump').showModal();
    this.#search();
  }

  #search() {
    const typed = $('jump-text').value.trim(), wanted = plain(typed);
    const all = this.#hooks.choices().map((choice) => ({choice, fit: fit(wanted, plain(choice.username ?? choice.room))}));
    this.#choices = all.filter((c) => !Number.isNaN(c.fit)).sort((a, b) => a.fit - b.fit).map((c) => c.choice).slice(0, shown);
    if (typed && !this.#choices.some((c) => !c.user && c.room === typed)) this.#choices.push({room: typed, made: true});
    $('jump-list').replaceChildren(...this.#choices.map((choice, i) => this.#option(choice, i)));
    $('jump-count').textContent = this.#choices.length === 1 ? '1 result' : `${this.#choices.length} results`;
    this.#select(0);
  }

  /** @param {Choice} choice @param {number} i */
  #option({room, user, username, tail, unread, mentioned, made}, i) {
    const li = user ? el('li', 'row', avatar(user, username), nameOf(username)) : el('li', 'row', el('span', 'hash', '#'), nameOf(room));
    if (tail) li.append(el('span', 'tail', tail));
    if (user) li.append(el('span', 'tag', 'write privately'));
    if (made) li.append(el('span', 'tag', 'go to this room'));
    if (mentioned) li.append(el('span', 'for-me', '@', el('span', 'quiet', ' for you')));
    if (unread) li.append(el('span', 'unread', shortly(unread), el('span', 'quiet', ' new')));
    li.id = `jump-${i}`;
    li.role = 'option';
    return li;
  }

  /** @param {number} i */
  #select(i) {
    const {children} = $('jump-list');
    this.#at = i;
    [...children].forEach((li, n) => (li.ariaSelected = String(n === i)));
    if (children[i]) $('jump-text').setAttribute('aria-activedescendant', children[i].id);
    else $('jump-text').removeAttribute('aria-activedescendant');
    children[i]?.scrollIntoView({block: 'nearest'});
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    if (e.isComposing || e.keyCode === 229) return;
    const n = this.#choices.length, step = {ArrowDown: 1, ArrowUp: -1}[e.key];
    if (e.key === 'Enter') this.#choose(this.#at);
    else if (step && n > 0) this.#select((this.#at + step + n) % n);
    else return;
    e.preventDefault();
  }

  /** @param {number} i */
  #choose(i) {
    const choice = this.#choices[i];
    if (!choice) return;
    $('jump').close();
    this.#hooks.go(choice);
  }
}
