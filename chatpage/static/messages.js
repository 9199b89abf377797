// The messages of the room that the page is in: the list, where one writes, and what is on its way between them.

import {Composer} from './composer.js';
import {List} from './list.js';
import {Outbox} from './outbox.js';
import {names} from './render.js';
import {Revisions} from './revise.js';
import {advice} from './status.js';
import {$} from './text.js';

export class Messages {
  /** @type {import('./chat.js').Chat|null} */ #chat = null;
  list; composer; outbox; #revisions;

  /** @param {{moved: () => void}} hooks moved: what is in view has changed */
  constructor({moved}) {
    this.composer = new Composer({
      send: (text, to) => {
        this.list.mark(null);
        this.outbox.send(text, to);
        this.list.toEnd();
      },
      typing: () => this.#chat?.typing(),
    });
    this.list = new List({
      scroller: $('scroller'), box: $('log'), top: $('start'),
      load: async (before) => this.#revisions.page(await this.#chat.history(before === undefined ? {} : {before})),
      entry: (m) => this.entry(m),
      moved,
      start: (oldest) => (oldest <= 1 ? `This is the beginning of \u2068${this.#chat.room}\u2069` : 'The server keeps no older messages'),
    });
    this.#revisions = new Revisions(this.list);
    this.outbox = new Outbox(this.list, {
      chat: () => this.#chat,
      failed: (text) => this.composer.notice(text),
      stored: (m) => this.list.add(this.entry(m)),
      done: () => this.composer.rest(),
    });
  }

  /** Begins anew, for another room. */
  clear() {
    this.list.clear();
    this.#revisions.clear();
    this.outbox.clear();
    this.composer.clear();
    names.clear();
  }

  /** Shows what comes in a room, until it follows another. @param {import('./chat.js').Chat} chat */
  follow(chat) {
    this.#chat = chat;
    /** @type {typeof chat.on} */
    const on = (type, fn) => chat.on(type, (detail) => chat === this.#chat && fn(detail));
    for (const type of /** @type {const} */ (['edit', 'delete', 'reaction'])) on(type, (a) => this.#revisions.amend(a));
    on('update', (m) => this.#revisions.update(m));
    on('gap', ({reset}) => this.#gap(reset));
    on('held', (h) => this.outbox.held(h));
    on('typing', (m) => this.composer.typing(m));
    on('error', (e) => this.composer.notice(advice(e)));
  }

  /** What the list has of a message. @param {import('./types.js').Message} m */
  entry(m) { return {kind: 'message', m, own: m.user === this.#chat.user, date: new Date(m.time)}; }

  #gap(reset) {
    this.#revisions.clear();
    const {last} = this.list;
    if (!last) return;
    this.list.gap({kind: 'gap', date: last.date, text: reset
      ? 'The server started anew. Messages sent meanwhile may be missing here.'
      : 'You were away for long. Some messages may be missing here.'}, reset);
  }
}
