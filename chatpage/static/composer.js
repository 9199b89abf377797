// Where one writes: the box, whom it goes to, what it answers or changes, who else is typing, and notices.

import {fenced} from './paste.js';
import {$, nameOf, plural} from './text.js';

const typingShown = 5000; // milliseconds
const touch = matchMedia('(hover: none)');
const bytes = (s) => new TextEncoder().encode(s).length;

/** @typedef {{offset: number, epoch: string, username: string, text: string}} Reply what is answered: a message, and one line of it */

export class Composer {
  #hooks; #to = null; #drafts = new Map(); // texts for those who are not written to now, by user; '' is everyone
  /** @type {Reply|null} */ #reply = null;
  /** @type {{entry: object, draft: object}|null} */ #editing = null; // draft: what was in the box before
  #typists = new Map(); #limit = 0; #noticed;

  /** @param {{send: (text: string, to: object|null, reply: Reply|null) => void, edit: (entry: object, text: string) => void,
   *   last: () => void, typing: () => void}} hooks last: the user wants to change the latest message of their own */
  constructor(hooks) {
    this.#hooks = hooks;
    const text = $('text');
    text.addEventListener('input', () => {
      this.#size();
      if (text.value.trim() && !this.#to && !this.#editing) hooks.typing(); // a private message is nobody else's business
    });
    text.addEventListener('keydown', (e) => this.#key(e));
    text.addEventListener('paste', (e) => this.#paste(e));
    $('composer').addEventListener('submit', (e) => {
      e.preventDefault();
      this.#send();
    });
    $('public').addEventListener('click', () => {
      this.to(null);
      this.focus();
    });
    $('about-close').addEventListener('click', () => {
      this.#forgetAbout();
      this.focus();
    });
    $('notice-close').addEventListener('click', () => {
      this.notice('');
      this.rest();
    });
    this.#size();
  }

  focus() { $('text').focus({preventScroll: true}); }

  /** Puts the focus where it can stay, but brings up no keyboard on a touch screen. */
  rest() {
    if (!touch.matches) this.focus();
  }

  /** What is in the box, for whom, and what it answers; and what is put aside for others. */
  get draft() { return this.#editing?.draft ?? {text: $('text').value, to: this.#to, drafts: [...this.#drafts], reply: this.#reply}; }
  set draft({text, to, drafts, reply}) {
    this.#drafts = new Map(drafts);
    this.#editing = null;
    this.#reply = reply;
    this.#show(to, text);
  }

  /** Answers a message; null: none. @param {Reply|null} reply */
  answer(reply) {
    this.#stopEditing();
    this.#reply = reply;
    this.#show(this.#to, $('text').value);
  }

  /** The log has begun anew, or is another one: offsets of before are none of its messages. @param {string} epoch */
  began(epoch) {
    if (this.#editing) this.#stopEditing();
    if (this.#reply && this.#reply.epoch !== epoch) this.answer(null);
  }

  /** Changes a message of one's own in the box. @param {{m: object}} entry @param {string} text */
  edit(entry, text) {
    this.#editing = {entry, draft: this.draft};
    this.#show(null, text);
    $('text').setSelectionRange(text.length, text.length);
    this.focus();
  }

  /** A message is gone: it cannot be changed any more. @param {object} entry */
  gone(entry) {
    if (this.#editing?.entry === entry) this.#stopEditing();
  }

  #stopEditing() {
    if (this.#editing) this.draft = this.#editing.draft;
  }

  #forgetAbout() { this.#editing ? this.#stopEditing() : this.answer(null); }

  set limit(n) {
    this.#limit = n;
    this.#size();
  }

  /** Writes to one member, or to everyone. What was written to another is put aside, and goes to nobody else.
   * @param {import('./store.js').Receiver} member */
  to(member) {
    this.#stopEditing();
    const was = this.#to?.user ?? '', is = member?.user ?? '';
    if (was === is) return this.#show(member, $('text').value);
    const text = this.#drafts.get(is) ?? '';
    this.#drafts.delete(is);
    if ($('text').value.trim()) this.#drafts.set(was, $('text').value);
    this.#reply = null; // it belongs to the other conversation
    this.#show(member, text);
  }

  #show(member, text) {
    this.#to = member;
    $('text').value = text;
    $('target').hidden = !member;
    $('composer').classList.toggle('private', Boolean(member));
    $('to').textContent = member?.username ?? '';
    $('to-tail').textContent = member?.tail ? ` ${member.tail}` : '';
    $('text').placeholder = member ? 'Private message' : 'Message';
    this.#showAbout();
    this.#size();
  }

  #showAbout() {
    const editing = Boolean(this.#editing);
    $('about').hidden = !editing && !this.#reply;
    $('composer').classList.toggle('editing', editing);
    $('about').classList.toggle('answers', !editing);
    $('about-what').replaceChildren(...(editing ? ['Editing your message'] : this.#reply ? ['Answering ', nameOf(this.#reply.username)] : []));
    $('about-text').textContent = editing ? '' : this.#reply?.text ?? '';
    $('about-close').ariaLabel = editing ? 'Stop editing' : 'Do not answer it';
    $('send').ariaLabel = editing ? 'Save' : 'Send';
  }

  /** Shows what went wrong and what to do. An empty text takes it away. */
  notice(text) {
    clearTimeout(this.#noticed);
    $('notice-text').textContent = text;
    $('notice-close').hidden = !text;
    $('notice').classList.toggle('on', Boolean(text));
    if (text) this.#noticed = setTimeout(() => this.notice(''), 20_000);
  }

  /** @param {{user: string, username: string}} member */
  typing({user, username}) {
    clearTimeout(this.#typists.get(user)?.timer);
    this.#typists.set(user, {username, timer: setTimeout(() => this.stopped(user), typingShown)});
    this.#showTyping();
  }

  /** A message of the user came, or the user left. */
  stopped(user) {
    clearTimeout(this.#typists.get(user)?.timer);
    if (this.#typists.delete(user)) this.#showTyping();
  }

  clear() {
    for (const user of [...this.#typists.keys()]) this.stopped(user);
    this.draft = {text: '', to: null, drafts: [], reply: null};
    this.notice('');
  }

  #showTyping() {
    const names = [...this.#typists.values()].slice(0, 3).map((t) => t.username);
    const line = $('typing');
    line.replaceChildren();
    line.classList.toggle('on', names.length > 0);
    if (names.length === 0) return;
    if (names.length > 2) line.append('Several people are typing');
    else if (names.length === 2) line.append(nameOf(names[0]), ' and ', nameOf(names[1]), ' are typing');
    else line.append(nameOf(names[0]), ' is typing');
  }

  #key(e) {
    // While an input method composes a word, Enter and Escape are its own. Safari
    // ends composing before it tells of the Enter, but with key code 229.
    if (e.isComposing || e.keyCode === 229) return;
    if (e.key === 'Enter' && !e.shiftKey && !e.ctrlKey && !e.altKey && !e.metaKey) {
      e.preventDefault();
      this.#send();
    } else if (e.key === 'Escape') {
      if (this.#editing || this.#reply) this.#forgetAbout();
      else if (this.#to) this.to(null);
    } else if (e.key === 'ArrowUp' && !$('text').value && !this.#editing && !e.shiftKey && !e.ctrlKey && !e.altKey && !e.metaKey) {
      e.preventDefault();
      this.#hooks.last();
    }
  }

  /** @param {ClipboardEvent} e */
  #paste(e) {
    const box = $('text'), {selectionStart: from, selectionEnd: to, value} = box;
    const [text, html] = ['text/plain', 'text/html'].map((type) => e.clipboardData?.getData(type) ?? '');
    const code = fenced({text, html}, value.slice(0, from), value.slice(to));
    if (code === null) return;
    e.preventDefault();
    // In place of setRangeText, so that Undo takes it back.
    if (!document.execCommand('insertText', false, code)) box.setRangeText(code, from, to, 'end');
    this.#size();
  }

  #send() {
    const text = $('text').value;
    if (!text.trim()) return;
    if (this.#limit && bytes(text) > this.#limit) {
      this.notice('That message is too long for this server. Shorten it, or send it in parts.');
      return;
    }
    this.notice('');
    if (this.#editing) {
      const {entry} = this.#editing;
      this.#stopEditing();
      this.#hooks.edit(entry, text);
    } else {
      const reply = this.#reply;
      this.#reply = null;
      this.#show(this.#to, '');
      this.#hooks.send(text, this.#to, reply);
    }
    this.focus();
  }

  /** Makes the box as high as its text, up to what the style allows. */
  #size() {
    const text = $('text');
    text.style.height = '';
    // While it is hidden it has no height to go by.
    if (text.scrollHeight > 0) text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
    $('send').disabled = !text.value.trim();
    const left = this.#limit - (this.#limit && text.value.length * 3 > this.#limit * 0.8 ? bytes(text.value) : 0);
    const near = this.#limit > 0 && left < this.#limit * 0.2;
    $('room-left').textContent = !near ? '' : left < 0 ? `${plural(-left, 'byte', 'bytes')} too long` : `${plural(left, 'byte', 'bytes')} left`;
    $('room-left').classList.toggle('over', left < 0);
  }
}
