// The messages of one room: the list, and what is on its way into it. The box where one writes is shared by all rooms.

import {editable} from './actions.js';
import {Changer} from './changes.js';
import {newest} from './find.js';
import {List} from './list.js';
import {oneLine} from './markup.js';
import {Outbox} from './outbox.js';
import {knows, reactions} from './reactions.js';
import {names} from './render.js';
import {Replies} from './reply.js';
import {Revisions} from './revise.js';
import {advice} from './status.js';
import {$} from './text.js';

export class Messages {
  #chat; #composer; #revisions; #changer; #replies; #shown = false;
  /** @type {import('./render.js').Parts} */ #parts;
  #epoch = ''; // of the log that offsets are of now
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
    this.#revisions = new Revisions(this.list, {changed: (entry, m) => m || composer.gone(entry)});
    const notice = (text) => this.notice(text), done = () => composer.rest();
    this.#changer = new Changer(this.list, {chat, notice, done});
    this.#replies = new Replies(this.list, {read: (offset) => this.#read(offset), open: () => chat.state === 'open', current: (entry) => this.current(entry), notice});
    this.#parts = {
      quote: (entry) => this.#replies.quote(entry),
      reactions: (entry) => reactions(this.#changer.reactions(entry), chat.user),
      below: (entry) => this.#changer.below(entry),
    };
    this.outbox = new Outbox(this.list, {
      chat: () => chat,
      failed: notice,
      stored: (m) => this.list.add(this.entry(m)),
      done,
      quote: this.#parts.quote,
    });
    chat.on('welcome', (w) => this.#welcome(w));
    for (const type of /** @type {const} */ (['edit', 'delete', 'reaction'])) chat.on(type, (a) => this.#amended(a));
    chat.on('update', (m) => this.#revisions.update(m));
    chat.on('gap', ({reset}) => this.#gap(reset));
    chat.on('held', (h) => this.outbox.held(h));
    chat.on('typing', (m) => this.#shown && composer.typing(m));
    chat.on('error', (e) => this.#shown && composer.notice(advice(e)));
  }

  /** Comes into view. */
  show() {
    this.#shown = true;
    if (this.#epoch) this.#composer.began(this.#epoch);
    this.list.show();
  }

  /** Goes out of view. What comes meanwhile is there later. */
  hide() {
    this.#shown = false;
    this.list.hide();
  }

  /** @param {string} text what went wrong and what to do */
  notice(text) {
    if (this.#shown) this.#composer.notice(text);
  }

  /** Sends what was written in the room. @param {string} text @param {import('./store.js').Receiver} to
   * @param {import('./composer.js').Reply|null} reply */
  send(text, to, reply) {
    this.list.mark(null);
    this.outbox.send(text, to, reply?.offset);
    this.list.toEnd();
  }

  /** A message of the user came, or the user left: nothing is being typed. @param {string} user */
  stopped(user) {
    if (this.#shown) this.#composer.stopped(user);
  }

  /** What the list has of a message. @param {import('./types.js').Message} m */
  entry(m) {
    const entry = {kind: 'message', m, own: m.user === this.#chat.user, date: new Date(m.time), parts: this.#parts, epoch: this.#epoch};
    knows(m.user, m.username);
    this.#replies.note(entry);
    return entry;
  }

  // --- What the user does with a message.

  /** Whether an entry is of the present log: offsets of an earlier one are those of other messages now. */
  current(entry) { return entry.epoch === undefined || entry.epoch === this.#epoch; }

  reply(entry) {
    const {m, own} = entry, to = m.type !== 'private' ? null : own ? {user: m.to, username: m.to_username ?? m.to} : {user: m.user, username: m.username};
    this.#composer.to(to && {...to, tail: names.tail(to.user)});
    this.#composer.answer({offset: m.offset, epoch: this.#epoch, username: m.username, text: oneLine(m.message)});
    this.#composer.focus();
  }

  /** Lets the user change an entry's text. */
  change(entry) {
    if (editable(entry)) this.#composer.edit(entry, entry.changes?.edit?.text ?? entry.m.message);
  }

  /** Lets the user change the newest message of their own. */
  changeNewest() {
    const entry = newest(this.list, (entry) => editable(entry) && this.current(entry));
    if (entry) this.change(entry);
  }

  /** @param {string} text what an entry is to say */
  edit(entry, text) { this.#changer.edit(entry, text); }

  react(entry, reaction) { this.#changer.react(entry, reaction); }

  /** Shows the message at an offset. @param {number} offset */
  jump(offset) { this.#replies.jump(offset); }

  /** Whether the user may delete the messages of others. */
  get moderated() { return this.#chat.moderator; }

  /** Deletes a message, after asking. */
  remove(entry) {
    const dialog = $('sure');
    $('sure-text').textContent = oneLine(entry.m.message) || 'A message without text';
    dialog.returnValue = '';
    dialog.onclose = () => {
      if (dialog.returnValue !== 'delete' || entry.changes?.deleting || !this.list.entries.includes(entry)) return;
      this.#changer.delete(entry);
      this.#composer.rest();
    };
    dialog.showModal();
  }

  // --- What comes.

  #welcome({position}) {
    this.#epoch = position.split(':')[0];
    if (this.#shown) this.#composer.began(this.#epoch);
    this.#replies.ask();
  }

  /** @param {import('./types.js').Amendment} a */
  #amended(a) {
    knows(a.user, a.username);
    const entry = this.list.at(a.target);
    if (entry && a.user === this.#chat.user) this.#changer.arrived(entry, a);
    this.#revisions.amend(a);
    this.#replies.amended(a);
  }

  /** A message as it is now; null if it is not there. @param {number} offset */
  async #read(offset) {
    const {messages: [m]} = this.#revisions.page(await this.#chat.history({after: offset - 1, limit: 1}));
    return m?.offset === offset ? m : null;
  }

  #gap(reset) {
    this.#revisions.clear();
    this.#replies.forget();
    const {last} = this.list;
    if (!last) return;
    this.list.gap({kind: 'gap', date: last.date, text: reset
      ? 'The server started anew. Messages sent meanwhile may be missing here.'
      : 'You were away for long. Some messages may be missing here.'}, reset);
  }
}
