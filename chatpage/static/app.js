// The page: asks who and where, joins the room, and shows what comes.

import {connect, rooms as listRooms} from './chat.js';
import {offerLink} from './copy.js';
import {Messages} from './messages.js';
import {names} from './render.js';
import {Rooms} from './rooms.js';
import {closeSide, offerRooms, showMembers, showRooms} from './side.js';
import {refusal, showConnection, showKnocking, stopCounting} from './status.js';
import {forget, keepLeft, keepSession, leftIn, remember, remembered, sessionOf, visit, visitedRooms} from './store.js';
import {$, plural} from './text.js';

const here = new URL('.', location.href);

let chat = null; // the room that the page is in, or is trying to enter
let name = '', inside = false;
let returning = false; // to a room whose messages are in the list
let missing = false; // what is replayed was missed, not history
let unseen = 0; // messages below what is in view
let unread = 0; // messages that came while the page was not looked at
let asked = ''; // the address's part when the room was entered
let before = ''; // the place up to which the room was read when it was left last

const messages = new Messages({moved: () => seen()});
const {list, composer, outbox} = messages;
const rooms = new Rooms(here, () => showPresence());

/** The room that the address names, or ''. */
function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)).trim();
  } catch {
    return '';
  }
}

// --- Coming in and going out.

function showDoor(error = null) {
  inside = false;
  $('app').hidden = true;
  $('door').hidden = false;
  $('door').classList.remove('back');
  $('enter').textContent = 'Join';
  $('refused').textContent = error ? refusal(error) : '';
  if (error) $(error.code === 'bad_name' ? 'name' : 'room').focus();
  document.title = 'chat';
  listRooms(here, {limit: 4}).then((open) => offerRooms($('open'), open, (room) => {
    $('room').value = room;
    $('name').focus();
  })).catch(() => {}); // joining tells
}

/** Keeps what is written but not sent, until the room is entered again. */
function keep() {
  if (!inside || !chat) return;
  keepLeft(chat.room, {...composer.draft, unsent: outbox.unsent});
  visit(chat.room, chat.position);
}

function part() {
  keep();
  const old = chat;
  chat = null;
  old?.close();
  rooms.leave();
  stopCounting();
}

function enter(room) {
  part();
  asked = location.hash;
  messages.clear();
  before = visitedRooms().get(room) ?? '';
  returning = false;
  unread = 0;
  const c = chat = connect(here, {room, username: name, session: sessionOf(name)});
  messages.follow(c);
  const left = leftIn(room);
  composer.draft = left;
  outbox.restore(left.unsent);
  $('title').textContent = room; // what is written now goes there
  showPresence();
  seen();
  const on = (type, fn) => c.on(type, (detail) => c === chat && fn(detail));
  on('state', (s) => showState(s));
  on('welcome', (w) => welcome(w));
  on('message', (m) => received(m));
  on('join', (m) => presence(m));
  on('leave', (m) => presence(m));
  on('members', () => showPresence());
}

function welcome(w) {
  const first = !inside;
  inside = true;
  if (first) showConnection({state: 'open'});
  remember(name, w.room);
  keepSession(name, w.session);
  // The server's form of the name, unless the address has changed and is about to be followed.
  if (location.hash === asked && roomInAddress() !== w.room) history.replaceState(null, '', `#${encodeURIComponent(w.room)}`);
  $('door').hidden = true;
  $('app').hidden = false;
  composer.limit = w.limits.message_bytes;
  $('title').textContent = w.room;
  $('me').textContent = w.username;
  if (!returning) list.mayHaveOlder();
  missing = returning;
  returning = true;
  seen();
  rooms.enter(w.room);
  visit(w.room, before);
  if (!w.position.startsWith(before.split(':')[0])) before = ''; // of another log
  if (first) composer.rest();
}

function leave() {
  part();
  forget();
  closeSide();
  showDoor();
  $('name').focus();
}

// --- What comes.

function received(m) {
  if (m.id && m.user === chat.user) outbox.arrived(m.id);
  composer.stopped(m.user);
  const e = messages.entry(m), looking = attentive();
  if (names.add(m.user, m.username)) list.redraw();
  if (!list.add(e, !m.live) || e.own) return;
  if (before && !m.live && m.offset > Number(before.split(':')[1])) {
    list.mark(e); // the first of what came while one was in other rooms
    before = '';
  }
  if (!(m.live || missing) || (looking && list.pinned)) return;
  if (unread === 0 && unseen === 0) list.mark(e);
  if (!list.pinned) unseen++;
  if (!looking) unread++;
  seen();
}

const attentive = () => !document.hidden && document.hasFocus();

function presence(m) {
  const {last} = list;
  composer.stopped(m.user);
  const [to, from] = m.event === 'join' ? ['joined', 'left'] : ['left', 'joined'];
  if (last?.kind === 'notice' && !last.mark && last.joined.size + last.left.size < 50) {
    if (!last[from].delete(m.user)) last[to].set(m.user, m.username); // who is back has not left
    list.redraw(last);
  } else {
    list.add({kind: 'notice', joined: new Map(), left: new Map(), [to]: new Map([[m.user, m.username]]), date: new Date(m.time)});
  }
}

/** Brings the counts of what was not seen up to date. */
function seen() {
  if (list.pinned) unseen = 0;
  if (attentive()) unread = 0;
  $('down').hidden = list.pinned || (unseen === 0 && list.below < 300);
  $('down').classList.toggle('some', unseen > 0);
  $('unseen').textContent = unseen ? plural(unseen, 'new message', 'new messages') : 'Latest';
  if (inside && chat) document.title = `${unread ? `(${unread}) ` : ''}${chat.room} · chat`;
}

// --- Who is where.

function showPresence() {
  const there = chat.state === 'open', n = there ? chat.count : 0;
  let alike = false;
  for (const m of chat.members.values()) alike = names.add(m.user, m.username) || alike;
  if (alike) list.redraw();
  showMembers($('members'), chat);
  $('count').textContent = n ? n.toLocaleString() : '';
  $('present').textContent = n > 1 ? `${n.toLocaleString()} people here` : n ? 'Only you are here' : inside && !there ? 'Not connected' : '';
  showRooms($('rooms'), rooms.list(n));
}

// --- The connection.

function showState(change) {
  outbox.changed();
  if (inside) showPresence();
  if (inside && (chat.user || change.state !== 'closed')) return showConnection(change);
  if (change.state !== 'closed') return showKnocking(change);
  $('room').value = chat.room;
  showDoor(change.error);
}

// --- What the user does.

$('join').addEventListener('submit', (e) => {
  e.preventDefault();
  name = $('name').value.trim();
  $('refused').textContent = '';
  enter($('room').value.trim() || 'general');
});
$('other').addEventListener('submit', (e) => {
  e.preventDefault();
  const room = $('other-room').value.trim();
  $('other-room').value = '';
  if (!room) return;
  location.hash = `#${encodeURIComponent(room)}`;
  closeSide();
  composer.focus();
});
$('rooms').addEventListener('click', (e) => e.target.closest('a') && closeSide(true));
$('leave').addEventListener('click', leave);
$('skip').addEventListener('click', (e) => {
  e.preventDefault(); // the part of the address is the room's
  composer.focus();
});
$('again').addEventListener('click', () => {
  chat.reconnect();
  composer.rest(); // the button is about to go
});
$('down').addEventListener('click', () => {
  list.toEnd();
  composer.rest();
});

// A member in the side, or a name over a message: write to them.
for (const place of [$('members'), $('log')]) {
  place.addEventListener('click', (e) => {
    const user = e.target.closest('button[data-user]')?.dataset.user;
    if (!user) return;
    const member = chat.members.get(user);
    if (!member) return composer.notice('They are no longer in the room.');
    closeSide();
    composer.to({user, username: member.username, tail: names.tail(user)});
    composer.focus();
  });
}

offerLink((text) => composer.notice(text));
addEventListener('hashchange', () => {
  const room = roomInAddress();
  closeSide();
  if (!chat) $('room').value = room;
  else if (room && room !== chat.room) enter(room);
});
for (const type of ['focus', 'visibilitychange']) addEventListener(type, () => inside && seen(), true);
addEventListener('visibilitychange', () => document.hidden && keep()); // it may be the last we hear
addEventListener('pagehide', () => keep());
$('find').addEventListener('input', () => showMembers($('members'), chat));

// --- The beginning.

const known = remembered();
name = known.name;
$('name').value = known.name;
$('room').value = roomInAddress() || known.room;
closeSide();
showDoor();
if (known.here) {
  $('door').classList.add('back');
  enter($('room').value || 'general');
} else {
  $('name').focus();
}
