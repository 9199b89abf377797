// What can be done with a message: by a toolbar that follows the mouse, a menu, a long touch, and the keyboard.

import {beside, entryOf, reveal} from './find.js';
import {menu} from './menu.js';
import {oneLine} from './markup.js';
import {openPicker} from './picker.js';
import {frequentEmoji, useEmoji} from './store.js';
import {$, timeOf} from './text.js';

const long = 450; // milliseconds of a touch that opens the menu
const slip = 10; // pixels that the finger may move meanwhile
const icons = {
  reply: 'M8 5L3.5 9.5 8 14M4 9.5h7a5 5 0 0 1 5 5v1', edit: 'M4 16l.8-3.4L13 4.4a1.7 1.7 0 0 1 2.4 2.4L7.2 15z', delete: 'M4.5 6h11M8 6V4.5h4V6M6 6l.7 10h6.6L14 6M8.5 9v4.5M11.5 9v4.5',
  copy: 'M7.5 7.5V4.5h8v8h-3M4.5 7.5h8v8h-8z', more: 'M10 5v10M5 10h10',
};

export class Actions {
  #room; #over = null; // the entry under the mouse
  /** @type {HTMLElement|null} */ #current = null; // the message that a Tab leads to

  /** @param {() => import('./messages.js').Messages|undefined} room the messages in view */
  constructor(room) {
    this.#room = room;
    const log = $('log');
    log.addEventListener('click', (e) => this.#click(e));
    log.addEventListener('keydown', (e) => this.#key(e));
    log.addEventListener('focusin', (e) => this.#focused(e.target.closest('.msg')));
    log.addEventListener('pointerover', (e) => e.pointerType === 'mouse' && this.#hover(e.target.closest('.msg')));
    $('scroller').addEventListener('pointerleave', () => this.hide());
    $('scroller').addEventListener('scroll', () => this.hide(), {passive: true});
    $('scroller').addEventListener('focusin', (e) => e.target === e.currentTarget && this.#rove());
    $('tools').addEventListener('click', (e) => this.#tool(e.target.closest('button')));
    this.#touch(log);
  }

  hide() {
    this.#over = null;
    $('tools').hidden = true;
  }

  /** @param {Element|null} msg */
  #entry(msg) {
    const room = this.#room(), entry = msg && room && entryOf(room.list, msg.closest('.entry'));
    return entry?.kind === 'message' && room.current(entry) ? entry : null;
  }

  // --- The mouse.

  /** @param {HTMLElement|null} msg */
  #hover(msg) {
    const entry = this.#entry(msg);
    if (!entry) return this.hide();
    const bubble = msg.querySelector('.bubble').getBoundingClientRect(), tools = $('tools'), pane = $('scroller'), edge = pane.getBoundingClientRect();
    this.#over = entry;
    tools.hidden = false;
    $('tools-edit').hidden = !editable(entry);
    // Over the upper edge of the bubble, inside of what is seen.
    const {width, height} = tools.getBoundingClientRect();
    const left = entry.own === (getComputedStyle(msg).direction === 'rtl') ? Math.max(bubble.right - width + 12, bubble.left + 40) : Math.min(bubble.left - 12, bubble.right - 40 - width);
    tools.style.left = `${Math.max(4, Math.min(left - edge.left, edge.width - width - 16))}px`;
    tools.style.top = `${Math.max(bubble.top - height + 6, edge.top + 2) - edge.top + pane.scrollTop}px`;
  }

  /** @param {HTMLElement|null} button */
  #tool(button) {
    const entry = this.#over, room = this.#room();
    if (!button || !entry || !room?.list.entries.includes(entry)) return;
    if (button.id === 'tools-react') this.#pick(entry, button);
    else if (button.id === 'tools-reply') room.reply(entry);
    else if (button.id === 'tools-edit') room.change(entry);
    else this.#menu(entry, button, this.#message(entry));
  }

  // --- The keyboard: one message can be reached by Tab, and the others from there by arrows.

  #message(entry) { return /** @type {HTMLElement|null} */ (entry.node?.querySelector('.msg') ?? null); }

  /** @param {HTMLElement|null} msg */
  #focused(msg) {
    const entry = this.#entry(msg);
    if (!entry) return;
    if (this.#current && this.#current !== msg) reachable(this.#current, false);
    this.#current = msg;
    reachable(msg, true);
    msg.ariaLabel = `${entry.own ? 'You' : entry.m.username}, ${timeOf(entry.date).textContent}: ${oneLine(entry.m.message) || 'a message without text'}`;
  }

  /** Makes the newest message the one that a Tab leads to, if there is none. */
  #rove() {
    if (this.#current?.isConnected) return;
    this.#current = /** @type {HTMLElement|null} */ ([...$('log').querySelectorAll('.msg[tabindex]')].at(-1) ?? null);
    if (this.#current) reachable(this.#current, true);
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    const target = /** @type {HTMLElement} */ (e.target), msg = /** @type {HTMLElement|null} */ (target.closest('.msg'));
    const entry = this.#entry(msg);
    if (!entry || e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === 'ContextMenu' || (e.key === 'F10' && e.shiftKey)) {
      e.preventDefault();
      addEventListener('contextmenu', (e) => e.preventDefault(), {once: true, capture: true, signal: AbortSignal.timeout(500)}); // the same key's
      return this.#menu(entry, msg.querySelector('.bubble'), msg);
    }
    if (target !== msg || (e.shiftKey && e.key !== '+')) return;
    const room = this.#room();
    const act = {
      ArrowUp: () => this.#go(entry, -1), ArrowDown: () => this.#go(entry, 1), Enter: () => this.#menu(entry, msg.querySelector('.bubble'), msg),
      r: () => room.reply(entry), e: () => room.change(entry), '+': () => this.#pick(entry, msg.querySelector('.bubble'), msg),
      Delete: () => deletable(entry, room) && room.remove(entry), o: () => entry.m.reply_to && room.jump(entry.m.reply_to),
    }[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act();
  }

  #go(entry, step) {
    const {list} = this.#room(), to = beside(list, entry, step);
    if (to) reveal(list, to, false);
    else if (step > 0) $('text').focus();
  }

  // --- Touch.

  /** @param {HTMLElement} log */
  #touch(log) {
    let timer = 0, from = null;
    const stop = () => {
      clearTimeout(timer);
      timer = 0;
    };
    log.addEventListener('pointerdown', (e) => {
      const msg = (/** @type {Element} */ (e.target)).closest('.bubble')?.closest('.msg');
      stop();
      if (e.pointerType !== 'touch' || !e.isPrimary || (/** @type {Element} */ (e.target)).closest('a, pre')) return;
      const entry = this.#entry(msg);
      if (!entry) return;
      from = e;
      timer = Number(setTimeout(() => {
        stop();
        navigator.vibrate?.(10);
        this.#menu(entry, msg.querySelector('.bubble'), null);
        // The touch's end is none of what is under it now.
        addEventListener('click', (e) => {
          e.preventDefault();
          e.stopPropagation();
        }, {once: true, capture: true, signal: AbortSignal.timeout(700)});
      }, long));
    });
    log.addEventListener('pointermove', (e) => timer && Math.hypot(e.clientX - from.clientX, e.clientY - from.clientY) > slip && stop());
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, stop);
    $('scroller').addEventListener('scroll', stop, {passive: true});
    log.addEventListener('contextmenu', (e) => /** @type {PointerEvent} */ (e).pointerType === 'touch' && !(/** @type {Element} */ (e.target)).closest('a, pre') && e.preventDefault());
  }

  // --- Both.

  #click(e) {
    const button = e.target.closest('button'), entry = this.#entry(e.target.closest('.msg'));
    if (!button || !entry) return;
    if (button.dataset.reaction) this.#room().react(entry, button.dataset.reaction);
    else if (button.matches('.add')) this.#pick(entry, button);
    else if (button.matches('.original')) this.#room().jump(Number(button.dataset.offset));
  }

  /** @param {any} entry @param {Element} anchor @param {HTMLElement|null} [back] */
  #pick(entry, anchor, back = /** @type {HTMLElement} */ (anchor)) {
    const room = this.#room();
    openPicker(anchor, this.#back(entry, back), (emoji) => {
      useEmoji(emoji);
      room.react(entry, emoji);
    });
  }

  /** @param {any} entry @param {Element} anchor @param {HTMLElement|null} back */
  #menu(entry, anchor, back) {
    const {m} = entry, room = this.#room();
    menu('Message', [
      ...frequentEmoji(5).map((label) => ({label, small: true, run: () => room.react(entry, label)})),
      {label: 'More reactions', icon: icons.more, small: true, run: () => this.#pick(entry, this.#message(entry)?.querySelector('.bubble') ?? $('log'), back)},
      {label: 'Reply', icon: icons.reply, hint: 'R', run: () => room.reply(entry)},
      ...(m.reply_to ? [{label: 'Go to what it answers', icon: 'M5 10h10M10.5 5.5L15 10l-4.5 4.5', hint: 'O', run: () => room.jump(m.reply_to)}] : []),
      ...(m.message && navigator.clipboard ? [{label: 'Copy text', icon: icons.copy, run: () => copyText(m.message, (text) => room.notice(text))}] : []),
      ...(editable(entry) ? [{label: 'Edit', icon: icons.edit, hint: 'E', run: () => room.change(entry)}] : []),
      ...(deletable(entry, room) ? [{label: 'Delete…', icon: icons.delete, hint: 'Del', bad: true, run: () => room.remove(entry)}] : []),
    ], anchor, this.#back(entry, back));
  }

  /** What gets the focus in the end: an entry is drawn anew when something about it comes. @param {any} entry @param {HTMLElement|null} back
   * @returns {import('./menu.js').Back} */
  #back(entry, back) { return back && (() => (back.isConnected ? back : this.#message(entry))); }
}

/** @param {string} text @param {(text: string) => void} notice tells what went wrong */
async function copyText(text, notice) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    notice('The browser does not let this page copy.');
  }
}

/** Whether Tab leads to a message and its reactions. @param {HTMLElement} msg @param {boolean} is */
function reachable(msg, is) {
  for (const e of [msg, .../** @type {NodeListOf<HTMLElement>} */ (msg.querySelectorAll('.reaction'))]) e.tabIndex = is ? 0 : -1;
}

/** Whether the user may delete the message of an entry. @param {any} entry @param {import('./messages.js').Messages} room */
const deletable = (entry, room) => entry.own || (room.moderated && entry.m.type === 'message');

/** Whether the user may change the text of an entry. */
export const editable = (entry) => entry.own && Boolean(entry.m.message) && !entry.changes?.deleting;
