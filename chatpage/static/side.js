// The side: the rooms with the number of people in them, and who is in this one.
// On a small screen it covers the messages, and only when it is asked for.

import {names} from './render.js';
import {bySize} from './rooms.js';
import {$, avatar, el, nameOf} from './text.js';
import {shortly} from './unread.js';

const byName = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'}).compare;

/** Makes the children of ul what items say, keeping those that stay, and so the focus. */
function sync(ul, items, keyOf, draw) {
  const old = new Map([...ul.children].map((li) => [li.dataset.key, li]));
  items.forEach((item, i) => {
    const key = keyOf(item);
    const li = old.get(key) ?? el('li');
    old.delete(key);
    li.dataset.key = key;
    const look = JSON.stringify(item);
    if (li.look !== look) {
      const focused = li.contains(document.activeElement);
      li.replaceChildren(...draw(item));
      if (focused) li.firstElementChild?.focus();
    }
    li.look = look;
    if (ul.children[i] !== li) ul.insertBefore(li, ul.children[i] ?? null);
  });
  for (const li of old.values()) li.remove();
}

/** @param {import('./rooms.js').Room[]} rooms */
export function showRooms(rooms) {
  const others = rooms.filter((r) => !r.yours);
  showSome($('mine'), rooms.filter((r) => r.yours));
  showSome($('others'), others);
  $('more-rooms').hidden = $('others').hidden = others.length === 0;
}

/** @param {HTMLElement} ul @param {import('./rooms.js').Room[]} rooms */
function showSome(ul, rooms) {
  sync(ul, rooms, (r) => r.name, (r) => {
    const a = el('a', r.muted ? 'row muted' : 'row', silent('#', 'hash'), nameOf(r.name));
    a.href = `#${encodeURIComponent(r.name)}`;
    if (r.here) a.setAttribute('aria-current', 'page');
    if (r.trouble) {
      a.append(el('span', 'trouble', '!', el('span', 'quiet', ` ${r.trouble}`)));
      a.title = r.trouble;
    }
    if (r.muted) a.append(el('span', 'quiet', ' muted'));
    if (r.mentioned) a.append(el('span', 'for-me', silent('@'), el('span', 'quiet', ' for you')));
    if (r.unread) a.append(el('span', 'unread', shortly(r.unread), el('span', 'quiet', ' new')));
    if (r.count) a.append(el('span', 'number', String(r.count), el('span', 'quiet', r.count === 1 ? ' person' : ' people')));
    return [a];
  });
}

/** A sign for the eye only. @param {string} sign @param {string} [name] */
function silent(sign, name = '') {
  const e = el('span', name, sign);
  e.ariaHidden = 'true';
  return e;
}

/** Offers rooms to join. @param {HTMLElement} box @param {Map<string, number>} rooms @param {(room: string) => void} choose */
export function offerRooms(box, rooms, choose) {
  box.replaceChildren(...bySize(rooms).map(([name, count]) => {
    const b = el('button', '', nameOf(name), el('span', '', String(count), el('span', 'quiet', count === 1 ? ' person' : ' people')));
    b.type = 'button';
    b.addEventListener('click', () => choose(name));
    return b;
  }));
}

const searchFrom = 12; // members
const plain = (s) => s.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase();

/** @param {HTMLElement} ul @param {import('./chat.js').Chat} chat @param {Set<string>} away users without input */
export function showMembers(ul, chat, away) {
  const many = chat.members.size >= searchFrom, wanted = many ? plain($('find').value.trim()) : '';
  $('find').hidden = !many;
  const items = [...chat.members.values()]
    .map((m) => ({user: m.user, name: m.username, me: m.user === chat.user, tail: names.tail(m.user), away: away.has(m.user)}))
    .filter((m) => plain(m.name).includes(wanted))
    .sort((a, b) => Number(b.me) - Number(a.me) || byName(a.name, b.name) || (a.user < b.user ? -1 : 1));
  const more = chat.count - chat.members.size;
  if (wanted && items.length === 0) items.push({user: '', name: 'Nobody of that name', me: false, tail: '', away: false});
  else if (more > 0 && !wanted) items.push({user: '', name: `and ${more.toLocaleString()} more`, me: false, tail: '', away: false});
  sync(ul, items, (m) => m.user, (m) => {
    if (!m.user) return [el('p', 'row more', m.name)];
    const parts = [avatar(m.user, m.name), nameOf(m.name)];
    if (m.tail) parts.push(el('span', 'tail', m.tail));
    if (m.me) return [el('p', 'row', ...parts, el('span', 'tag', 'you'))];
    if (m.away) parts.push(el('span', 'tag', 'away'));
    const b = el('button', m.away ? 'row away' : 'row', el('span', 'quiet', 'Write privately to'), ...parts);
    b.type = 'button';
    b.title = 'Write privately';
    b.dataset.user = m.user;
    return [b];
  });
}

const small = matchMedia('(max-width: 46rem)');

function openSide(open) {
  const covering = open && small.matches;
  document.body.classList.toggle('covered', covering);
  $('show').ariaExpanded = String(covering);
  $('main').inert = covering;
  $('side').inert = small.matches && !covering;
  if (covering) $('hide').focus();
}

/** @param {boolean} [focus] whether the button that opened it gets the focus back */
export function closeSide(focus = false) {
  openSide(false);
  if (focus) $('show').focus();
}

small.addEventListener('change', () => closeSide());
$('show').addEventListener('click', () => openSide(true));
$('hide').addEventListener('click', () => closeSide(true));
$('shade').addEventListener('click', () => closeSide(true));
$('side').addEventListener('keydown', (e) => {
  if (e.key === 'Escape' && small.matches) closeSide(true);
});
