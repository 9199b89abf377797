// One's own messages that are on their way: shown after all others until the room
// has them, and with what to do if it does not.

import {ChatError, newID} from './chat.js';
import {message} from './render.js';
import {advice} from './status.js';
import {el} from './text.js';

export class Outbox {
  #box; #hooks; #items = new Map(); // by message id

  /** @param {HTMLElement} box
   * @param {{chat: () => import('./chat.js').Chat, failed: (text: string) => void, stored: (m: object) => void,
   *   changed: () => void, done: () => void}} hooks done: a choice was made, and its button is gone */
  constructor(box, hooks) {
    this.#box = box;
    this.#hooks = hooks;
  }

  clear() {
    this.#items.clear();
    this.#box.replaceChildren();
  }

  /** @param {string} text @param {import('./store.js').Receiver} to */
  send(text, to) { this.#try(this.#add({id: newID(), text, to})); }

  /** What the room does not have yet. @returns {import('./store.js').Unsent[]} */
  get unsent() { return [...this.#items.values()].map((item) => item.unsent); }

  /** Shows what was not sent by the time the room was left. @param {import('./store.js').Unsent[]} unsent */
  restore(unsent) {
    for (const e of unsent) this.#draw(this.#add(e), new ChatError('disconnected', 'you left the room before the server answered'));
  }

  /** The room has it. @param {string} id */
  arrived(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#items.delete(id);
    item.node.remove();
  }

  #add(unsent) {
    const {id, text, to} = unsent, {user, username} = this.#hooks.chat();
    const m = {type: to ? 'private' : 'message', user, username, message: text, id, to: to?.user, to_username: to?.username};
    const item = {m, unsent, date: new Date(), node: el('div', 'entry')};
    this.#items.set(id, item);
    this.#box.append(item.node);
    return item;
  }

  async #try(item) {
    const chat = this.#hooks.chat();
    this.#draw(item, null);
    try {
      const {offset} = await chat.send(item.m.message, {id: item.m.id, to: item.m.to});
      // The message itself comes as everyone gets it, unless it is in a gap.
      setTimeout(() => {
        if (this.#items.get(item.m.id) !== item) return;
        this.arrived(item.m.id);
        this.#hooks.stored({...item.m, offset, time: item.date.toISOString()});
      }, 3000);
    } catch (e) {
      if (this.#items.get(item.m.id) !== item) return; // it came, or the room was left
      this.#draw(item, e);
      this.#hooks.failed(advice(e));
    }
  }

  #draw(item, error) {
    const node = message({m: item.m, own: true, date: item.date}, false);
    node.classList.add(error ? 'failed' : 'pending');
    const tick = node.querySelector('.tick');
    tick.textContent = error ? '!' : '…';
    tick.nextElementSibling.textContent = error ? ' not sent' : ' sending';
    if (error) node.querySelector('.bubble').append(this.#choices(item, error));
    item.node.replaceChildren(node);
    this.#hooks.changed();
  }

  #choices(item, error) {
    const retry = el('button', 'link', 'Retry'), drop = el('button', 'link', 'Delete');
    retry.type = drop.type = 'button';
    const choose = (button, fn) => button.addEventListener('click', () => {
      this.#hooks.failed('');
      fn();
      this.#hooks.done();
    });
    choose(retry, () => this.#try(item));
    choose(drop, () => this.arrived(item.m.id));
    if (error.retryAfter > 0) hold(retry, error.retryAfter);
    const p = el('p', 'choices', 'Not sent. ', retry, ' ', drop);
    p.title = error.message;
    return p;
  }
}

/** Makes a button wait, and say for how long. @param {HTMLButtonElement} button @param {number} ms */
function hold(button, ms) {
  const label = button.textContent, until = performance.now() + ms;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `${label} in ${left} s` : label;
    if (left > 0) setTimeout(tick, 200);
  };
  tick();
}
