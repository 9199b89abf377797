// The side: the rooms with the number of people in them, and who is in this one.
// On a small screen it covers the messages, and only when it is asked for.

import {$, avatar, el, nameOf} from './text.js';

const shownRooms = 100;
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

/** @param {HTMLElement} ul @param {Map<string, number>} rooms @param {string} current */
export function showRooms(ul, rooms, current) {
  const all = new Map(rooms);
  if (!all.has(current)) all.set(current, 0);
  const names = [...all.keys()].sort(byName);
  const shown = names.slice(0, shownRooms);
  if (!shown.includes(current)) shown.push(current);
  const items = shown.map((name) => ({name, count: all.get(name), here: name === current}));
  sync(ul, items, (r) => r.name, (r) => {
    const a = el('a', 'row', el('span', 'hash', '#'), nameOf(r.name));
    a.href = `#${encodeURIComponent(r.name)}`;
    if (r.here) a.setAttribute('aria-current', 'page');
    if (r.count) {
      const n = el('span', 'number', String(r.count));
      n.append(el('span', 'quiet', r.count === 1 ? ' person' : ' people'));
      a.append(n);
    }
    return [a];
  });
}

/** Offers the rooms with most people. @param {HTMLElement} box @param {Map<string, number>} rooms @param {(room: string) => void} choose */
export function offerRooms(box, rooms, choose) {
  const most = [...rooms].sort((a, b) => b[1] - a[1] || byName(a[0], b[0])).slice(0, 4);
  box.replaceChildren(...most.map(([name, count]) => {
    const b = el('button', '', nameOf(name), el('span', '', String(count), el('span', 'quiet', count === 1 ? ' person' : ' people')));
    b.type = 'button';
    b.addEventListener('click', () => choose(name));
    return b;
  }));
}

/** What tells members with one name apart. @param {import('./chat.js').Chat} chat
 * @returns {(m: import('./chat.js').Member) => string} '' for a name that only one has */
export function tails(chat) {
  const names = new Map(); // how many have one name
  for (const m of chat.members.values()) names.set(m.username, (names.get(m.username) ?? 0) + 1);
  return (m) => (names.get(m.username) > 1 ? m.user.slice(-4) : '');
}

/** @param {HTMLElement} ul @param {import('./chat.js').Chat} chat */
export function showMembers(ul, chat) {
  const tail = tails(chat);
  const items = [...chat.members.values()]
    .map((m) => ({user: m.user, name: m.username, me: m.user === chat.user, tail: tail(m)}))
    .sort((a, b) => Number(b.me) - Number(a.me) || byName(a.name, b.name) || (a.user < b.user ? -1 : 1));
  const more = chat.count - items.length;
  if (more > 0) items.push({user: '', name: `and ${more.toLocaleString()} more`, me: false, tail: ''});
  sync(ul, items, (m) => m.user, (m) => {
    if (!m.user) return [el('p', 'row more', m.name)];
    const parts = [avatar(m.user, m.name), nameOf(m.name)];
    if (m.tail) parts.push(el('span', 'tail', m.tail));
    if (m.me) return [el('p', 'row', ...parts, el('span', 'tag', 'you'))];
    const b = el('button', 'row', el('span', 'quiet', 'Write privately to'), ...parts);
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
