// One's own messages that are on their way: each stands where it was written until
// the room has it, says what it waits for, and what to do if it did not arrive.

import {ChatError, newID} from './chat.js';
import {message} from './render.js';
import {advice, waitingFor} from './status.js';
import {el, timeIn} from './text.js';

/** @typedef {object} Item
 * @property {'pending'} kind
 * @property {object} m
 * @property {boolean} own
 * @property {Date} date
 * @property {import('./store.js').Unsent} unsent
 * @property {ChatError|null} error why it was not sent
 * @property {() => Node} draw */

export class Outbox {
  #list; #hooks; #held = null; #tick = 0;
  /** @type {Map<string, Item>} */ #items = new Map(); // by message id

  /** @param {import('./list.js').List} list
   * @param {{chat: () => import('./chat.js').Chat, failed: (text: string) => void, stored: (m: object) => void,
   *   done: () => void, quote: (entry: object) => Node}} hooks done: a choice was made, and its button is gone */
  constructor(list, hooks) {
    this.#list = list;
    this.#hooks = hooks;
  }

  /** @param {string} text @param {import('./store.js').Receiver} to @param {number} [replyTo] */
  send(text, to, replyTo) { this.#try(this.#add({id: newID(), text, to, replyTo}, null)); }

  /** What the room does not have yet. @returns {import('./store.js').Unsent[]} */
  get unsent() { return [...this.#items.values()].map((item) => item.unsent); }

  /** Shows what was not sent by the time the page was closed. @param {import('./store.js').Unsent[]} unsent */
  restore(unsent) {
    for (const e of unsent) this.#add(e, new ChatError('disconnected', 'the page was closed before the server answered'));
  }

  /** The room has it. @param {string} id */
  arrived(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#items.delete(id);
    this.#list.remove(item);
    if (item === this.#held?.item) this.#release();
  }

  /** What waits is sent in so many milliseconds. @param {import('./queue.js').Held} held */
  held({wait, error}) {
    const item = [...this.#items.values()].find((item) => !item.error);
    this.#release();
    if (!item || wait < 500) return;
    this.#held = {item, until: performance.now() + wait, error};
    this.#list.redraw(item);
    this.#tick = Number(setInterval(() => this.#count(), 1000));
  }

  /** The connection came or went: what waits says so. */
  changed() {
    this.#release();
    for (const item of this.#items.values()) if (!item.error) this.#list.redraw(item);
  }

  /** @param {import('./store.js').Unsent} unsent @param {ChatError|null} error */
  #add(unsent, error) {
    const {id, text, to, date, replyTo} = unsent, {user, username} = this.#hooks.chat();
    const m = {type: to ? 'private' : 'message', user, username, message: text, id, to: to?.user, to_username: to?.username, reply_to: replyTo};
    const item = /** @type {Item} */ ({kind: 'pending', m, own: true, date: date ? new Date(date) : new Date(), unsent, error});
    unsent.date = item.date.toISOString();
    item.draw = () => this.#draw(item);
    this.#items.set(id, item);
    this.#list.add(item);
    return item;
  }

  /** @param {Item} item */
  async #try(item) {
    const chat = this.#hooks.chat(), {id} = item.m;
    if (item.error) {
      item.error = null;
      this.#list.redraw(item);
    }
    try {
      const {offset} = await chat.send(item.m.message, {id, to: item.m.to, replyTo: item.m.reply_to});
      // The message itself comes as everyone gets it, unless it is in a gap.
      setTimeout(() => {
        if (this.#items.get(id) !== item) return;
        this.arrived(id);
        this.#hooks.stored({...item.m, offset, time: item.date.toISOString()});
      }, 3000);
    } catch (e) {
      if (this.#items.get(id) !== item) return; // it came, or the room was left
      item.error = e;
      if (item === this.#held?.item) this.#release();
      this.#list.redraw(item);
      this.#hooks.failed(advice(e));
    }
  }

  /** @param {Item} item */
  #draw(item) {
    const {error} = item;
    const node = message(item, false);
    node.classList.add(error ? 'failed' : 'pending');
    const tick = node.querySelector('.tick');
    tick.textContent = error ? '!' : '…';
    tick.nextElementSibling.textContent = error ? ' not sent' : ' sending';
    const bubble = node.querySelector('.bubble');
    if (item.m.reply_to) node.querySelector('.text').before(this.#hooks.quote(item));
    if (error) bubble.append(this.#choices(item));
    else if (item === this.#held?.item) bubble.append(this.#wait());
    else if (this.#hooks.chat()?.state !== 'open') bubble.append(el('p', 'waits', 'Waits for the connection'));
    return node;
  }

  #wait() {
    const {until, error} = this.#held;
    const left = el('span', '', timeIn(until - performance.now()));
    left.ariaHidden = 'true'; // not read out each second
    return el('p', 'waits', `${waitingFor(error)} Sends by itself`, left);
  }

  /** Counts down. */
  #count() {
    const left = this.#held.item.node?.querySelector('.waits span');
    if (left) left.textContent = timeIn(this.#held.until - performance.now());
  }

  #release() {
    clearInterval(this.#tick);
    const item = this.#held?.item;
    this.#held = null;
    if (item && this.#items.has(item.m.id)) this.#list.redraw(item);
  }

  /** @param {Item} item */
  #choices(item) {
    const unsure = item.error.code === 'uncertain';
    const retry = el('button', 'link', unsure ? 'Send again' : 'Retry'), drop = el('button', 'link', 'Delete');
    retry.type = drop.type = 'button';
    const choose = (button, fn) => button.addEventListener('click', () => {
      this.#hooks.failed('');
      fn();
      this.#hooks.done();
    });
    choose(retry, () => this.#try(item));
    choose(drop, () => this.arrived(item.m.id));
    const p = el('p', 'choices', unsure ? 'Not sent, as far as is known. ' : 'Not sent. ', retry, ' ', drop);
    p.title = item.error.message;
    return p;
  }
}
