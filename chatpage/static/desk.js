// One room that the user is in: its client, its messages, and what is unread. Of all rooms one is in view;
// the others go on, and are as they were when the user returns.

import {signal as awaySignal} from './away.js';
import {isFor} from './mention.js';
import {Messages} from './messages.js';
import {names} from './render.js';
import {Unread} from './unread.js';

/** Whether the user looks at the page. */
export const attentive = () => !document.hidden && document.hasFocus();

const manyNames = 50; // in one notice

/** @typedef {object} Hooks what the page does about a room
 * @property {(desk: Desk, change: import('./types.js').StateChange) => void} state
 * @property {(desk: Desk, w: any) => void} welcome
 * @property {(desk: Desk) => void} changed what is unread, or who is there
 * @property {(desk: Desk) => void} moved what is in view
 * @property {(desk: Desk, m: import('./types.js').Message, mention: boolean) => void} unseen a message that the user does not look at
 * @property {(desk: Desk) => void} asked somebody has come, or asks who is away
 * @property {() => void} alike somebody is hard to tell apart */

export class Desk {
  /** Whether the server has let the user in, since the page was loaded. */ welcomed = false;
  /** Why the user is not in the room. @type {import('./chat.js').ChatError|null} */ trouble = null;
  /** Messages below what is in view. */ below = 0;
  /** What is written but not sent. @type {import('./store.js').Draft} */ draft;
  unread = new Unread();
  /** Users who are away. @type {Set<string>} */ away = new Set();
  chat; messages;
  #hooks; #visited; #shown = false;
  #returned = false; // after a loss of the connection
  #fresh = true; // all that came before the replay has been read
  #last = 0; #told = 0; // offsets: of the latest message, and of the latest that was read

  /** @param {import('./chat.js').Chat} chat @param {{composer: import('./composer.js').Composer, view: import('./viewport.js').Viewport}} places
   * @param {import('./store.js').Left & {visited: boolean}} left what was left there last, and whether the user was there before
   * @param {Hooks} hooks */
  constructor(chat, places, {unsent, visited, ...draft}, hooks) {
    this.chat = chat;
    this.draft = draft;
    this.#visited = visited;
    this.#hooks = hooks;
    this.messages = new Messages(chat, {...places, moved: () => hooks.moved(this)});
    this.messages.outbox.restore(unsent);
    chat.on('state', (s) => this.#state(s));
    chat.on('welcome', (w) => this.#welcome(w));
    chat.on('message', (m) => this.#received(m));
    chat.on('delete', ({target}) => {
      this.unread.remove(target);
      hooks.changed(this);
    });
    chat.on('read', ({user, offset}) => {
      if (user !== chat.user) return;
      this.unread.readTo(offset); // in another tab, or on another device
      hooks.changed(this);
    });
    chat.on('gap', ({reset}) => reset && (this.#last = this.#told = 0));
    chat.on('signal', (s) => this.#signal(s));
    chat.on('typing', ({user}) => this.#back(user));
    chat.on('join', (m) => this.#presence(m));
    chat.on('leave', (m) => this.#presence(m));
    chat.on('members', () => hooks.changed(this));
  }

  get name() { return this.chat.room; }

  /** Whether the user sees each message that comes. */
  get looking() { return this.#shown && attentive() && this.messages.list.pinned; }

  show() {
    this.#shown = true;
    this.messages.show();
  }

  hide() {
    this.#shown = false;
    if (this.unread.count === 0) this.messages.list.mark(null);
    this.messages.hide();
  }

  /** The user looks: what is there is read, if it is the end that is in view. */
  look() {
    if (this.messages.list.pinned) this.below = 0;
    if (!this.looking || this.#last <= this.#told) return;
    this.#told = this.#last;
    this.unread.readTo(this.#last);
    this.chat.markRead(this.#last);
    this.#hooks.changed(this);
  }

  #state(change) {
    this.trouble = change.state === 'closed' || change.error?.code === 'too_many_streams' ? change.error ?? null : null;
    this.messages.outbox.changed();
    this.#hooks.state(this, change);
  }

  #welcome(w) {
    this.unread.welcome(w, this.#visited || this.welcomed);
    this.#fresh = this.unread.fresh;
    this.#returned = this.welcomed;
    this.welcomed = true;
    if (!this.#returned) this.messages.list.mayHaveOlder();
    this.#hooks.welcome(this, w);
  }

  #received(m) {
    const {list, outbox} = this.messages, {chat} = this;
    if (m.id && m.user === chat.user) outbox.arrived(m.id);
    this.messages.stopped(m.user);
    if (m.live) this.#back(m.user);
    if (names.add(m.user, m.username)) this.#hooks.alike();
    const e = this.messages.entry(m);
    const mention = !e.own && isFor(m, chat, chat.members.values(), (offset) => list.at(offset));
    if (mention) e.mention = true;
    if (!list.add(e, !m.live)) return;
    this.#last = Math.max(this.#last, m.offset);
    const {looking} = this, fresh = m.live ? this.unread.fresh : this.#fresh;
    if (e.own || !this.unread.add(m.offset, mention)) return looking ? this.look() : undefined;
    if (looking && (m.live || this.#returned)) return this.look(); // what the user sees come is not new to the user
    if (fresh) list.mark(e);
    this.#fresh = false;
    if (looking) return this.look();
    if (this.#shown && !list.pinned) this.below++;
    if (m.live || this.#returned) this.#hooks.unseen(this, m, mention);
    this.#hooks.changed(this);
  }

  /** @param {import('./types.js').Signal} s */
  #signal({user, name, data}) {
    if (name !== awaySignal) return;
    if (data?.ask === true) this.#hooks.asked(this);
    if (data?.away !== true) return this.#back(user);
    if (this.chat.members.has(user)) this.away.add(user);
    this.#hooks.changed(this);
  }

  /** A user is there. @param {string} user */
  #back(user) {
    if (this.away.delete(user)) this.#hooks.changed(this);
  }

  #presence(m) {
    const {list} = this.messages, {last} = list;
    this.messages.stopped(m.user);
    this.#back(m.user);
    if (m.event === 'join') this.#hooks.asked(this);
    const [to, from] = m.event === 'join' ? ['joined', 'left'] : ['left', 'joined'];
    if (last?.kind === 'notice' && !last.mark && last.joined.size + last.left.size < manyNames) {
      if (!last[from].delete(m.user)) last[to].set(m.user, m.username); // who is back has not left
      list.redraw(last);
    } else {
      list.add({kind: 'notice', joined: new Map(), left: new Map(), [to]: new Map([[m.user, m.username]]), date: new Date(m.time)});
    }
  }
}
