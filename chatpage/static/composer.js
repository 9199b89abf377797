// Where one writes: the box, whom it goes to, who else is typing, and notices.

import {$, nameOf, plural} from './text.js';

const typingShown = 5000; // milliseconds
const touch = matchMedia('(hover: none)');
const bytes = (s) => new TextEncoder().encode(s).length;

export class Composer {
  #hooks; #to = null; #drafts = new Map(); // texts for those who are not written to now, by user; '' is everyone
  #typists = new Map(); #limit = 0; #noticed;

  /** @param {{send: (text: string, to: object|null) => void, typing: () => void}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    const text = $('text');
    text.addEventListener('input', () => {
      this.#size();
      if (text.value.trim() && !this.#to) hooks.typing(); // a private message is nobody else's business
    });
    text.addEventListener('keydown', (e) => this.#key(e));
    $('composer').addEventListener('submit', (e) => {
      e.preventDefault();
      this.#send();
    });
    $('public').addEventListener('click', () => {
      this.to(null);
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

  /** What is in the box, and for whom; and what is put aside for others. */
  get draft() { return {text: $('text').value, to: this.#to, drafts: [...this.#drafts]}; }
  set draft({text, to, drafts}) {
    this.#drafts = new Map(drafts);
    this.#show(to, text);
  }

  set limit(n) {
    this.#limit = n;
    this.#size();
  }

  /** Writes to one member, or to everyone. What was written to another is put aside, and goes to nobody else.
   * @param {import('./store.js').Receiver} member */
  to(member) {
    const was = this.#to?.user ?? '', is = member?.user ?? '';
    if (was === is) return this.#show(member, $('text').value);
    const text = this.#drafts.get(is) ?? '';
    this.#drafts.delete(is);
    if ($('text').value.trim()) this.#drafts.set(was, $('text').value);
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
    this.#size();
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
    this.draft = {text: '', to: null, drafts: []};
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
    } else if (e.key === 'Escape' && this.#to) {
      this.to(null);
    }
  }

  #send() {
    const text = $('text').value;
    if (!text.trim()) return;
    if (this.#limit && bytes(text) > this.#limit) {
      this.notice('That message is too long for this server. Shorten it, or send it in parts.');
      return;
    }
    this.notice('');
    this.#show(this.#to, '');
    this.#hooks.send(text, this.#to);
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
