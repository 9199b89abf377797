// From entries of the list to elements. An entry is one of
//   {kind: 'message', m, own, date}      m: the server's object
//   {kind: 'notice', joined, left, date} Maps of user to name
//   {kind: 'gap', text, date}
//   {kind: 'pending', draw, date}        of the outbox, which draws it
// and becomes one element, with a line for the day or for what is new before it.

import {marked} from './markup.js';
import {Names} from './names.js';
import {avatar, dayOf, el, fullTime, hue, isEmoji, nameOf, namesOf, sameDay, timeOf} from './text.js';

const together = 5 * 60_000; // messages of one author within this are one group
const longText = 1500, longLines = 20;

/** Who is in the room or has written here. */
export const names = new Names();

/** A user's name, and what tells the user apart if need be. @returns {Node[]} */
export function called(user, username) {
  const tail = user ? names.tail(user) : '';
  return tail ? [nameOf(username), el('span', 'tail', ` ${tail}`)] : [nameOf(username)];
}

/** Whether entry goes on where prev left off: same author, soon after, nothing between. */
export function continues(entry, prev) {
  return prev?.kind === 'message' && !entry.mark && prev.m.user === entry.m.user && prev.m.type === entry.m.type &&
    prev.m.to === entry.m.to && prev.m.username === entry.m.username &&
    entry.date - prev.date < together && sameDay(entry.date, prev.date);
}

/** Fills entry.node, which stays the same element for as long as the entry is shown. */
export function render(entry, prev) {
  entry.node ??= el('div', 'entry');
  // A screen reader says what comes new, once. It does not say what the user wrote, or what is drawn anew.
  if (entry.own || entry.kind === 'pending' || entry.node.isConnected) entry.node.setAttribute('aria-live', 'off');
  entry.node.classList.toggle('mention', Boolean(entry.mention));
  const parts = [];
  if (!prev || !sameDay(entry.date, prev.date)) parts.push(day(entry.date));
  if (entry.mark) parts.push(line('new', 'New'));
  if (entry.kind === 'message') parts.push(message(entry, continues(entry, prev)));
  else if (entry.kind === 'notice') parts.push(notice(entry));
  else if (entry.kind === 'pending') parts.push(entry.draw());
  else parts.push(line('gap', entry.text));
  const focused = entry.node.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  entry.node.replaceChildren(...parts);
  if (focused) refocus(entry.node, focused);
  return entry.node;
}

/** Puts the focus where it was before an entry was drawn anew. @param {HTMLElement} node @param {HTMLElement} was */
function refocus(node, was) {
  const {reaction} = was.dataset, same = reaction && [...node.querySelectorAll('button')].find((b) => b.dataset.reaction === reaction);
  (same || /** @type {HTMLElement} */ (node.querySelector('.msg[tabindex]')))?.focus({preventScroll: true});
}

function line(name, text) {
  return el('p', `line ${name}`, el('span', '', text));
}

function day(date) {
  const p = line('day', dayOf(date));
  p.dataset.time = String(date.getTime());
  return p;
}

/** Brings the lines for days up to date after midnight. @param {HTMLElement} box */
export function redate(box) {
  for (const p of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll('.line.day'))) {
    const text = dayOf(new Date(Number(p.dataset.time)));
    if (p.textContent !== text) p.firstElementChild.textContent = text;
  }
}

function notice({joined, left}) {
  const p = el('p', 'notice');
  if (joined.size) p.append(namesOf([...joined.values()]), ' joined');
  if (joined.size && left.size) p.append(' · ');
  if (left.size) p.append(namesOf([...left.values()]), ' left');
  return p;
}

/** @param {{m: object, own: boolean, date: Date, unfolded?: boolean, changes?: import('./changes.js').Changes, parts?: Parts}} entry @param {boolean} cont */
export function message(entry, cont) {
  const {m, own, date, changes, parts} = entry, {edit, deleting} = changes ?? {}, content = edit?.text ?? m.message;
  const e = el('div', `msg ${own ? 'own' : 'other'}${cont ? ' cont' : ''}${m.type === 'private' ? ' private' : ''}`);
  e.style.setProperty('--hue', String(hue(m.user)));
  const bubble = el('div', 'bubble');
  bubble.append(header(m, own, cont));
  if (m.type === 'private') bubble.append(privacy(m, own));
  if (edit || deleting) e.classList.add(edit?.error ? 'failed' : 'pending');
  if (m.reply_to && parts) bubble.append(parts.quote(entry));
  const text = el('div', isEmoji(content) ? 'text emoji' : 'text');
  text.dir = 'auto';
  const body = el('div', 'body', marked(content));
  const meta = el('span', 'meta', ...(m.edited ? [edited(m), ' '] : []), timeOf(date));
  if (own) {
    const [sign, said] = !edit && !deleting ? ['✓', 'sent'] : edit?.error ? ['!', 'not changed'] : ['…', deleting ? 'deleting' : 'saving'];
    const tick = el('span', 'tick', sign);
    tick.ariaHidden = 'true';
    meta.append(tick, el('span', 'quiet', ` ${said}`));
  }
  text.append(body, meta);
  bubble.append(text);
  if (isLong(content)) bubble.append(fold(text, entry));
  if (parts) bubble.append(...[parts.reactions(entry), parts.below(entry)].filter((part) => part !== null));
  if (!own) e.append(cont ? el('span', 'avatar') : avatar(m.user, m.username));
  e.append(bubble);
  if (parts) {
    e.role = 'article';
    e.tabIndex = -1;
  }
  return e;
}

/** @typedef {object} Parts what is around a text, beside what the message itself says
 * @property {(entry: object) => Node} quote what it answers
 * @property {(entry: object) => Node|null} reactions
 * @property {(entry: object) => Node|null} below what it waits for */

function edited(m) {
  const e = el('span', 'edited', 'edited');
  e.addEventListener('pointerenter', () => (e.title = `Edited ${fullTime(new Date(m.edited))}`), {once: true}); // slow for thousands
  return e;
}

function header(m, own, cont) {
  if (own) return el('p', 'from quiet', 'You:');
  if (cont) return el('p', 'from quiet', ...called(m.user, m.username), ':');
  const name = el('button', 'name', ...called(m.user, m.username));
  name.type = 'button';
  name.tabIndex = -1; // the list of members is for the keyboard: here it would be a stop at every message
  name.title = 'Write privately';
  name.dataset.user = m.user;
  return el('p', 'from', name, el('span', 'quiet', ':'));
}

function privacy(m, own) {
  const p = el('p', 'only', document.querySelector('#target svg').cloneNode(true));
  if (own) p.append('Only to ', ...called(m.to, m.to_username || m.to));
  else p.append('Only to you');
  return p;
}

const isLong = (s) => s.length > longText || s.split('\n').length > longLines;

/** @param {HTMLElement} text @param {{unfolded?: boolean}} entry */
function fold(text, entry) {
  const b = el('button', 'link more');
  b.type = 'button';
  const show = () => {
    text.classList.toggle('folded', !entry.unfolded);
    b.textContent = entry.unfolded ? 'Show less' : 'Show all';
    b.ariaExpanded = String(Boolean(entry.unfolded));
  };
  show();
  b.addEventListener('click', () => {
    entry.unfolded = !entry.unfolded;
    show();
    if (!entry.unfolded) text.closest('.bubble').scrollIntoView({block: 'nearest'});
  });
  return b;
}
