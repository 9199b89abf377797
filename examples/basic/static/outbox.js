// One's own messages that are on their way: shown after all others until the room
// has them, and with what to do if it does not.

import {message} from './render.js';
import {el} from './text.js';
import {newID} from './chat.js';

/** What went wrong, and what the user can do. @param {import('./link.js').ChatError} e */
export function advice(e) {
  const seconds = Math.max(1, Math.ceil(e.retryAfter / 1000));
  switch (e.code) {
    case 'rate_limited': return `You are sending faster than this server allows. Wait ${seconds} s, then press Retry.`;
    case 'too_long': return 'That message is too long for this server. Shorten it, or send it in parts.';
    case 'no_such_user': return 'They have left the room, so the private message was not sent.';
    case 'unavailable': return 'The server cannot store messages right now. Press Retry in a moment.';
    case 'timeout': return 'The server did not answer in time. Press Retry: it will not be sent twice.';
    case 'closed':
    case 'disconnected': return 'You are not connected. Come back to the room, then press Retry.';
    case 'forbidden': return `You may not do this here: ${e.message}.`;
    case 'rejected': return `The server refused this: ${e.message}. Change it and try again.`;
    case 'empty_message': return 'There is nothing in that message.';
    default: return `${e.message[0]?.toUpperCase() ?? ''}${e.message.slice(1)}.`;
  }
}

export class Outbox {
  #box; #hooks; #items = new Map(); // by message id

  /** @param {HTMLElement} box
   * @param {{chat: () => import('./chat.js').Chat, failed: (text: string) => void, stored: (m: object) => void,
   *   changed: () => void}} hooks */
  constructor(box, hooks) {
    this.#box = box;
    this.#hooks = hooks;
  }

  clear() {
    this.#items.clear();
    this.#box.replaceChildren();
  }

  /** @param {string} text @param {{user: string, username: string}|null} to */
  send(text, to) {
    const {user, username} = this.#hooks.chat();
    const id = newID(), date = new Date();
    const m = {type: to ? 'private' : 'message', user, username, message: text, id, to: to?.user, to_username: to?.username};
    const item = {m, date, node: el('div', 'entry')};
    this.#items.set(id, item);
    this.#box.append(item.node);
    this.#try(item);
  }

  /** The room has it. @param {string} id */
  arrived(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#items.delete(id);
    item.node.remove();
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
    retry.addEventListener('click', () => {
      this.#hooks.failed('');
      this.#try(item);
    });
    drop.addEventListener('click', () => {
      this.#hooks.failed('');
      this.arrived(item.m.id);
    });
    const p = el('p', 'choices', 'Not sent. ', retry, ' ', drop);
    p.title = error.message;
    return p;
  }
}
