// Keeps what the list shows true: what is edited, deleted or reacted to is shown as it is now.

import {Amendments, fold} from './view.js';

export class Revisions {
  #list; #hooks; #amendments = new Amendments();

  /** @param {import('./list.js').List} list
   * @param {{changed: (entry: object, m: object|null) => void}} hooks changed: an entry is about to be shown anew; null: it is deleted */
  constructor(list, hooks) {
    this.#list = list;
    this.#hooks = hooks;
  }

  /** Begins anew: for another room, or after a gap, in which more may have been amended. */
  clear() { this.#amendments = new Amendments(); }

  /** @param {import('./types.js').Amendment} amendment */
  amend(amendment) {
    this.#amendments.add(amendment);
    const entry = this.#list.at(amendment.target);
    if (entry) this.#show(entry, fold(entry.m, amendment));
  }

  /** A message that is in the list has come as it is now. @param {import('./types.js').Message} m */
  update(m) {
    const entry = this.#list.at(m.offset);
    if (entry && (m.amended ?? 0) > (entry.m.amended ?? 0)) this.#show(entry, m);
  }

  /** The messages of a page that was read some time ago, as they are now.
   * @param {import('./types.js').Page} page @returns {import('./types.js').Page} */
  page(page) {
    return {...page, messages: page.messages.map((m) => this.#amendments.now(m)).filter((m) => m)};
  }

  #show(entry, m) {
    if (m === entry.m) return;
    this.#hooks.changed(entry, m);
    if (!m) return this.#list.remove(entry);
    entry.m = m;
    this.#list.redraw(entry);
  }
}
