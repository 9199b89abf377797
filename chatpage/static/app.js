// The page: asks who and where, joins the rooms, and shows what comes in the one that is in view.

import {Actions} from './actions.js';
import {rooms as listRooms} from './chat.js';
import {Composer} from './composer.js';
import {offerLink} from './copy.js';
import {Desks} from './desks.js';
import {names} from './render.js';
import {Rooms} from './rooms.js';
import {closeSide, offerRooms, showMembers, showRooms} from './side.js';
import {refusal, showConnection, showKnocking, stopCounting} from './status.js';
import {forget, keepSession, remember, remembered, visit, visitedRooms} from './store.js';
import {$, plural} from './text.js';
import {Viewport} from './viewport.js';

const here = new URL('.', location.href);

/** @type {import('./desk.js').Desk|null} */ let desk = null; // the room in view, or that the user is trying to enter
let name = '', inside = false;
let asked = ''; // the address's part when the room was opened
let queued = false; // the side is about to be drawn

const composer = new Composer({
  send: (text, to, reply) => desk?.messages.send(text, to, reply),
  edit: (entry, text) => desk?.messages.edit(entry, text),
  last: () => desk?.messages.changeNewest(),
  typing: () => desk?.chat.typing(),
});
const desks = new Desks(here, {composer, view: new Viewport({scroller: $('scroller'), box: $('log'), top: $('start')})}, {
  state: (of, change) => of === desk ? showState(change) : drawSoon(),
  welcome,
  changed: () => {
    showTitle();
    drawSoon();
  },
  moved: (of) => of === desk && seen(),
  unseen: (of) => of === desk && seen(),
  alike: () => desk?.messages.list.redraw(),
  given: (of) => visit(of.name, ''),
});
new Actions(() => desk?.messages);
const rooms = new Rooms(here, {
  changed: drawSoon,
  apart: () => [...visitedRooms().keys()].filter((room) => desks.get(room)?.chat.state !== 'open'),
  session: () => desks.session,
});

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

/** Comes to the server, and into a room. @param {string} room */
function enter(room) {
  goOut();
  desks.begin(name);
  open(room);
}

/** Leaves the server. */
function goOut() {
  close();
  desks.end();
  rooms.leave();
}

/** Takes the room out of view. */
function close() {
  if (!desk) return;
  desk.draft = composer.draft;
  desks.keep([desk]);
  desk.hide();
  if (!desk.welcomed && desk.chat.state === 'closed' && !visitedRooms().has(desk.name)) desks.close(desk); // there is no such room
  desk = null;
  stopCounting();
  composer.clear();
}

/** Shows a room, and joins it if the user is not in it. @param {string} room */
function open(room) {
  close();
  asked = location.hash;
  desk = desks.open(room);
  composer.draft = desk.draft;
  desk.show();
  $('title').textContent = desk.name; // what is written now goes there
  if (inside) showState({state: desk.chat.state, error: desk.trouble ?? undefined});
  if (desk.welcomed) arrive();
}

/** The user is in the room in view. */
function arrive() {
  const {name: room, chat} = desk;
  remember(name, room);
  visit(room, desk.unread.place);
  composer.limit = chat.limits.message_bytes;
  $('title').textContent = room;
  // The server's form of the name, unless the address has changed and is about to be followed.
  if (location.hash === asked && roomInAddress() !== room) history.replaceState(null, '', asked = `#${encodeURIComponent(room)}`);
  seen();
  draw();
}

function welcome(of, w) {
  keepSession(name, w.session);
  if (of !== desk) return drawSoon();
  const first = !inside;
  inside = true;
  if (first) showConnection({state: 'open'}, true);
  $('door').hidden = true;
  $('app').hidden = false;
  $('me').textContent = w.username;
  arrive();
  if (!first) return;
  rooms.enter();
  desks.others();
  composer.rest();
}

function leave() {
  goOut();
  forget();
  closeSide();
  showDoor();
  $('name').focus();
}

// --- What is there.

/** The user looks, or what is in view has changed. */
function seen() {
  if (!desk) return;
  desk.look();
  const {list} = desk.messages;
  $('down').hidden = list.pinned || (desk.below === 0 && list.below < 300);
  $('down').classList.toggle('some', desk.below > 0);
  $('unseen').textContent = desk.below ? plural(desk.below, 'new message', 'new messages') : 'Latest';
  showTitle();
}

function showTitle() {
  if (!inside) return;
  const unread = desks.all.reduce((n, of) => n + of.unread.count, 0);
  document.title = `${unread ? `(${unread}) ` : ''}${desk.name} · chat`;
}

function drawSoon() {
  if (queued) return;
  queued = true;
  setTimeout(draw, 50);
}

/** Draws the side. */
function draw() {
  queued = false;
  if (!inside || !desk) return;
  const {chat} = desk, there = chat.state === 'open', n = there ? chat.count : 0;
  let alike = false;
  for (const m of chat.members.values()) alike = names.add(m.user, m.username) || alike;
  if (alike) desk.messages.list.redraw();
  showMembers($('members'), chat);
  $('count').textContent = n ? n.toLocaleString() : '';
  $('present').textContent = n > 1 ? `${n.toLocaleString()} people here` : n ? 'Only you are here' : there ? '' : 'Not connected';
  const yours = new Set([...visitedRooms().keys(), ...desks.all.map((of) => of.name)]);
  showRooms(rooms.names(yours).map((room) => row(room, yours.has(room))));
}

/** @param {string} room @param {boolean} yours @returns {import('./rooms.js').Room} */
function row(room, yours) {
  const of = desks.get(room), there = of?.chat.state === 'open';
  return {
    name: room, yours, here: of === desk && Boolean(of),
    count: there ? of.chat.count : rooms.count(room),
    unread: there ? of.unread.count : yours ? rooms.unread(room) : 0,
    mentioned: Boolean(there && of.unread.mentioned),
    trouble: of?.chat.state === 'closed' && of.trouble ? refusal(of.trouble) : '',
  };
}

// --- The connection.

function showState(change) {
  if (inside) {
    showConnection(change, desk.welcomed);
    return draw();
  }
  if (change.state !== 'closed') return showKnocking(change);
  $('room').value = desk.name;
  goOut();
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
  desk.chat.reconnect();
  composer.rest(); // the button is about to go
});
$('down').addEventListener('click', () => {
  desk.messages.list.toEnd();
  composer.rest();
});

// A member in the side, or a name over a message: write to them.
for (const place of [$('members'), $('log')]) {
  place.addEventListener('click', (e) => {
    const user = e.target.closest('button[data-user]')?.dataset.user;
    if (!user) return;
    const member = desk.chat.members.get(user);
    if (!member) return composer.notice('They are no longer in the room.');
    closeSide();
    composer.to({user, username: member.username, tail: names.tail(user)});
    composer.focus();
  });
}

$('format').addEventListener('click', () => $('formats').showModal());
offerLink((text) => composer.notice(text));
addEventListener('hashchange', () => {
  const room = roomInAddress();
  closeSide();
  if (!desk) $('room').value = room;
  else if (!inside) enter(room || desk.name);
  else if (room && room !== desk.name) open(room);
});
/** Keeps what is written but not sent. */
function keep() {
  if (!desk) return;
  desk.draft = composer.draft;
  desks.keep();
}
for (const type of ['focus', 'visibilitychange']) addEventListener(type, () => inside && seen(), true);
addEventListener('visibilitychange', () => document.hidden && keep()); // it may be the last we hear
addEventListener('pagehide', keep);
$('find').addEventListener('input', () => showMembers($('members'), desk.chat));

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
