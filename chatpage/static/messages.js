// The messages of one room: the list, and what is on its way into it. The box where one writes is shared by all rooms.

import {List} from './list.js';
import {Outbox} from './outbox.js';
import {Revisions} from './revise.js';
import {advice} from './status.js';

export class Messages {
  #chat; #composer; #revisions; #shown = false;
  list; outbox;

  /** @param {import('./chat.js').Chat} chat of the room
   * @param {{composer: import('./composer.js').Composer, view: import('./viewport.js').Viewport, moved: () => void}} hooks
   *   moved: what is in view has changed */
  constructor(chat, {composer, view, moved}) {
    this.#chat = chat;
    this.#composer = composer;
    this.list = new List(view, {
      load: async (before) => this.#revisions.page(await chat.history(before === undefined ? {} : {before})),
      entry: (m) => this.entry(m),
      moved,
      start: (oldest) => (oldest <= 1 ? `This is the beginning of \u2068${chat.room}\u2069` : 'The server keeps no older messages'),
    });
    this.#revisions = new Revisions(this.list);
    this.outbox = new Outbox(this.list, {
      chat: () => chat,
      failed: (text) => this.#shown && composer.notice(text),
      stored: (m) => this.list.add(this.entry(m)),
      done: () => composer.rest(),
    });
    for (const type of /** @type {const} */ (['edit', 'delete', 'reaction'])) chat.on(type, (a) => this.#revisions.amend(a));
    chat.on('update', (m) => this.#revisions.update(m));
    chat.on('gap', ({reset}) => this.#gap(reset));
    chat.on('held', (h) => this.outbox.held(h));
    chat.on('typing', (m) => this.#shown && composer.typing(m));
    chat.on('error', (e) => this.#shown && composer.notice(advice(e)));
  }

  /** Comes into view. */
  show() {
    this.#shown = true;
    this.list.show();
  }

  /** Goes out of view. What comes meanwhile is there later. */
  hide() {
    this.#shown = false;
    this.list.hide();
  }

  /** Sends what was written in the room. @param {string} text @param {import('./store.js').Receiver} to */
  send(text, to) {
    this.list.mark(null);
    this.outbox.send(text, to);
    this.list.toEnd();
  }

  /** A message of the user came, or the user left: nothing is being typed. @param {string} user */
  stopped(user) {
    if (this.#shown) this.#composer.stopped(user);
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
