// What the user changes about messages, as long as the room does not have it: a new text, a deletion, reactions. The page
// shows it as if it were done, says that it is on its way, and what to do if it did not arrive.

import {advice} from './status.js';
import {el} from './text.js';

/** @typedef {{text: string, error: Error|null}} Edit */
/** @typedef {{edit?: Edit, deleting?: boolean, wants?: Map<string, {add: boolean, flying: number}>}} Changes of an entry */

const reactionsMost = 20;

export class Changer {
  #list; #hooks;

  /** @param {import('./list.js').List} list
   * @param {{chat: import('./chat.js').Chat, notice: (text: string) => void, done: () => void}} hooks */
  constructor(list, hooks) {
    this.#list = list;
    this.#hooks = hooks;
  }

  /** @param {object} entry @param {string} text */
  async edit(entry, text) {
    if (text === entry.m.message) return this.#drop(entry);
    const edit = this.#of(entry).edit = {text, error: null};
    this.#list.redraw(entry);
    try {
      await this.#hooks.chat.edit(entry.m.offset, text, {data: entry.m.data});
      // The change itself comes as everyone gets it, unless it is in a gap.
      setTimeout(() => {
        if (this.#of(entry).edit !== edit) return;
        entry.m = {...entry.m, message: text, edited: new Date().toISOString()};
        this.#drop(entry);
      }, 3000);
    } catch (e) {
      if (this.#of(entry).edit !== edit) return; // there is a later one
      edit.error = e;
      this.#list.redraw(entry);
      this.#hooks.notice(said(e));
    }
  }

  #drop(entry) {
    delete this.#of(entry).edit;
    this.#list.redraw(entry);
  }

  /** @param {object} entry */
  async delete(entry) {
    this.#of(entry).deleting = true;
    this.#list.redraw(entry);
    try {
      await this.#hooks.chat.delete(entry.m.offset);
      setTimeout(() => this.#list.remove(entry), 3000);
    } catch (e) {
      delete this.#of(entry).deleting;
      this.#list.redraw(entry);
      this.#hooks.notice(said(e));
    }
  }

  /** Adds the user's reaction, or takes it back. @param {object} entry @param {string} reaction */
  async react(entry, reaction) {
    const {chat} = this.#hooks, shown = this.reactions(entry), old = shown.find((r) => r.reaction === reaction);
    if (!old && shown.length >= reactionsMost) return this.#hooks.notice(`A message can have ${reactionsMost} different reactions, and this one has them.`);
    const wants = this.#of(entry).wants ??= new Map(), add = !old?.users.includes(chat.user);
    const want = wants.get(reaction) ?? {add, flying: 0};
    wants.set(reaction, want);
    Object.assign(want, {add, flying: want.flying + 1});
    this.#list.redraw(entry);
    const over = () => {
      if (--want.flying > 0) return;
      wants.delete(reaction);
      this.#list.redraw(entry);
    };
    try {
      await (add ? chat.react(entry.m.offset, reaction) : chat.unreact(entry.m.offset, reaction));
      setTimeout(over, 1000); // by then it has come as everyone gets it
    } catch (e) {
      over();
      this.#hooks.notice(e.code === 'bad_request' ? `The server does not take this reaction: ${e.message}.` : said(e));
    }
  }

  /** The reactions to a message, with those of the user as they are going to be. @param {object} entry
   * @returns {import('./view.js').Reaction[]} */
  reactions({m, changes}) {
    let all = m.reactions ?? [];
    const {user} = this.#hooks.chat;
    for (const [reaction, {add}] of changes?.wants ?? []) {
      const old = all.find((r) => r.reaction === reaction), has = Boolean(old?.users.includes(user));
      if (has === add) continue;
      const now = {reaction, count: (old?.count ?? 0) + (add ? 1 : -1), users: add ? [...old?.users ?? [], user] : old.users.filter((u) => u !== user)};
      all = (old ? all.map((r) => (r === old ? now : r)) : [...all, now]).filter((r) => r.count > 0);
    }
    return all;
  }

  /** An amendment of the user's own came: what it did is not on its way any more. @param {object} entry @param {object} amendment */
  arrived(entry, amendment) {
    if (amendment.type === 'edit' && entry.changes?.edit?.text === amendment.message) delete entry.changes.edit;
  }

  /** What is below the text of a message that is being changed, if anything. @param {object} entry */
  below(entry) {
    const {edit} = entry.changes ?? {};
    if (!edit?.error) return this.#hooks.chat.state === 'open' ? null : edit || entry.changes?.deleting ? el('p', 'waits', 'Waits for the connection') : null;
    const retry = el('button', 'link', 'Retry'), drop = el('button', 'link', 'Discard');
    retry.type = drop.type = 'button';
    const choose = (button, fn) => button.addEventListener('click', () => {
      this.#hooks.notice('');
      fn();
      this.#hooks.done();
    });
    choose(retry, () => this.edit(entry, edit.text));
    choose(drop, () => this.#drop(entry));
    return el('p', 'choices', 'Not changed. ', retry, ' ', drop);
  }

  /** @returns {Changes} */
  #of(entry) { return entry.changes ??= {}; }
}

/** @param {any} e */
function said(e) {
  switch (e.code) {
    case 'no_such_message': return 'That message is not there any more, or it is not yours to change.';
    case 'unsupported':
    case 'unknown_type': return 'This server cannot change messages.';
    case 'closed':
    case 'disconnected': return 'You left the room before the server had the change.';
    case 'uncertain': return 'The change may have arrived, or not. Look at the message before you try again.';
    case 'timeout': return 'The server did not answer in time. Try again.';
    default: return advice(e);
  }
}
