// The page: asks who and where, joins the rooms, and shows what comes in the one that is in view.

import {offerSettings} from './about.js';
import {Actions} from './actions.js';
import {Alerts} from './alerts.js';
import {Away} from './away.js';
import {Composer} from './composer.js';
import {offerLink} from './copy.js';
import {Desks} from './desks.js';
import {showDoor} from './door.js';
import {Jump} from './jump.js';
import {Panel} from './panel.js';
import {names} from './render.js';
import {Rooms} from './rooms.js';
import {closeSide, showMembers} from './side.js';
import {refusal, showConnection, showKnocking, stopCounting} from './status.js';
import {forget, keepSession, remember, remembered, visit, visitAs, visitedRooms} from './store.js';
import {$, plural} from './text.js';
import {Viewport} from './viewport.js';

const here = new URL('.', location.href);

/** @type {import('./desk.js').Desk|null} */ let desk = null; // the room in view, or that the user is trying to enter
let name = '', inside = false;
let asked = ''; // the address's part when the room was opened

const composer = new Composer({
  send: (text, to, reply) => desk?.messages.send(text, to, reply),
  edit: (entry, text) => desk?.messages.edit(entry, text),
  last: () => desk?.messages.changeNewest(),
  typing: () => desk?.chat.typing(),
});
const desks = new Desks(here, {composer, view: new Viewport({scroller: $('scroller'), box: $('log'), top: $('start')})}, {
  state: (of, change) => of === desk ? showState(change) : panel.drawSoon(),
  welcome,
  changed: () => {
    panel.title();
    panel.drawSoon();
  },
  moved: (of) => of === desk && seen(),
  unseen: (of, m, mention) => {
    if (of === desk) seen();
    alerts.unseen(of, m, mention);
  },
  asked: (of) => away.answer(of),
  alike: () => desk?.messages.list.redraw(),
  given: (of) => visit(of.name, ''),
});
new Actions(() => desk?.messages);
const rooms = new Rooms(here, {
  changed: () => panel.drawSoon(),
  apart: () => [...visitedRooms().keys()].filter((room) => desks.get(room)?.chat.state !== 'open'),
  session: () => desks.session,
});

const alerts = new Alerts((room) => (location.hash = `#${encodeURIComponent(room)}`));
const away = new Away(() => desks.all, () => alerts.first);
const panel = new Panel({desks, rooms, alerts, desk: () => (inside ? desk : null)});
const jump = new Jump({
  choices: () => panel.choices,
  go: ({room, user}) => {
    closeSide();
    if (user) return writeTo(user);
    location.hash = `#${encodeURIComponent(room)}`;
    composer.focus();
  },
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

/** Comes to the server, and into a room. @param {string} room */
function enter(room) {
  goOut();
  visitAs(name);
  desks.begin(name);
  open(room);
}

/** @param {import('./chat.js').ChatError|null} [error] why the user is at the door */
function toDoor(error) {
  goOut();
  inside = false;
  closeSide();
  showDoor(here, error);
}

/** Leaves the server. */
function goOut() {
  close();
  desks.end();
  rooms.leave();
  alerts.end();
  away.end();
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
  panel.draw();
}

function welcome(of, w) {
  keepSession(name, w.session);
  if (of !== desk) return panel.drawSoon();
  const first = !inside;
  inside = true;
  if (first) showConnection({state: 'open'}, true);
  $('door').hidden = true;
  $('app').hidden = false;
  $('me').textContent = w.username;
  alerts.begin(w.user);
  arrive();
  away.ask(of);
  if (!first) return;
  away.begin(w.user);
  rooms.enter();
  desks.others();
  composer.rest();
}

/** Goes out, to come in as somebody else. */
function leave() {
  toDoor();
  forget();
  $('name').focus();
}

/** Leaves the room in view for good. */
function leaveRoom() {
  const old = desk;
  alerts.set(old.name, 'mentions');
  close();
  desks.leave(old);
  const next = desks.all.at(-1)?.name ?? [...visitedRooms().keys()].at(-1);
  if (!next) {
    toDoor();
    return $('room').focus();
  }
  history.pushState(null, '', `#${encodeURIComponent(next)}`);
  open(next);
  composer.rest();
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
  panel.title();
}

// --- The connection.

function showState(change) {
  if (inside) {
    showConnection(change, desk.welcomed);
    if (change.error?.code === 'too_many_streams') queueMicrotask(() => desk?.chat.reconnect()); // another room's turn to wait
    return panel.draw();
  }
  if (change.state !== 'closed') return showKnocking(change);
  $('room').value = desk.name;
  toDoor(change.error);
}

// --- What the user does.

$('join').addEventListener('submit', (e) => {
  e.preventDefault();
  name = $('name').value.trim();
  $('refused').textContent = '';
  enter($('room').value.trim() || 'general');
});
$('find-room').addEventListener('click', () => jump.open());
addEventListener('keydown', (e) => {
  if (!inside || e.key.toLowerCase() !== 'k' || !(e.ctrlKey || e.metaKey) || e.shiftKey || e.altKey) return;
  e.preventDefault();
  jump.open();
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

/** @param {string} user */
function writeTo(user) {
  const member = desk.chat.members.get(user);
  if (!member) return composer.notice('They are no longer in the room.');
  closeSide();
  composer.to({user, username: member.username, tail: names.tail(user)});
  composer.focus();
}

// A member in the side, or a name over a message: write to them.
for (const place of [$('members'), $('log')]) {
  place.addEventListener('click', (e) => {
    const user = e.target.closest('button[data-user]')?.dataset.user;
    if (user) writeTo(user);
  });
}

offerSettings({alerts, room: () => desk.name, changed: () => seen(), leave: leaveRoom});
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
$('find').addEventListener('input', () => showMembers($('members'), desk.chat, desk.away));

// --- The beginning.

const known = remembered();
name = known.name;
$('name').value ||= known.name; // the user may have been faster
$('room').value ||= roomInAddress() || known.room;
closeSide();
showDoor(here);
if (known.here) {
  document.documentElement.classList.add('back');
  enter($('room').value || 'general');
} else {
  $('name').focus();
}
