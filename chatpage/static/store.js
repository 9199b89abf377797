// What is remembered. In the tab: who it is, so that a reload asks nothing, and
// what was written but not sent. In the browser: the last name and room, for the
// next tab, and the session of each name, so that two tabs with one name are one
// user, and with two names are two.

const keptSessions = 30;

function read(storage, key) {
  try {
    return JSON.parse(storage().getItem(key));
  } catch {
    return null; // nothing, garbage, or storage is forbidden
  }
}

function write(storage, key, value) {
  try {
    storage().setItem(key, JSON.stringify(value));
  } catch { /* then it is not remembered */ }
}

const browser = () => localStorage, tab = () => sessionStorage;
const text = (v) => (typeof v === 'string' ? v : '');

/** Reads a list of pairs of a string and something. @returns {Map<string, any>} */
function pairs(storage, key) {
  const list = read(storage, key);
  return new Map(Array.isArray(list) ? list.filter((e) => Array.isArray(e) && e.length === 2 && typeof e[0] === 'string') : []);
}

/** @returns {{name: string, room: string, here: boolean}} here: the tab itself has joined before */
export function remembered() {
  const own = read(tab, 'chat'), last = own ?? read(browser, 'chat');
  return {name: text(last?.name), room: text(last?.room), here: own !== null};
}

/** @param {string} name @param {string} room */
export function remember(name, room) {
  write(tab, 'chat', {name, room});
  write(browser, 'chat', {name, room});
}

/** Makes the tab ask again, and throws away what was not sent. */
export function forget() {
  try {
    for (const key of ['chat', 'chat-unsent']) sessionStorage.removeItem(key);
  } catch { /* it never remembered */ }
}

/** @param {string} name @returns {string} '' if there is none */
export const sessionOf = (name) => text(pairs(browser, 'chat-sessions').get(name));

/** @param {string} name @param {string} session */
export function keepSession(name, session) {
  const all = pairs(browser, 'chat-sessions');
  all.delete(name);
  if (session) all.set(name, session);
  write(browser, 'chat-sessions', [...all].slice(-keptSessions)); // the latest last
}

/** @typedef {{user: string, username: string, tail?: string}|null} Receiver of a private message; null is everyone.
 *   tail: the end of user, if others have that name */
/** @typedef {{id: string, text: string, to: Receiver, date?: string, replyTo?: number}} Unsent */
/** @typedef {{text: string, to: Receiver, drafts: [string, string][], reply: import('./composer.js').Reply|null}} Draft what is in the
 *   box and what it answers, and what is put aside for other users */
/** @typedef {Draft & {unsent: Unsent[]}} Left a draft, and what was on its way */

/** @param {string} room @param {Left} left */
export function keepLeft(room, left) {
  const all = pairs(tab, 'chat-unsent');
  all.delete(room);
  if (left.text || left.reply || left.drafts.length > 0 || left.unsent.length > 0) all.set(room, left);
  write(tab, 'chat-unsent', [...all]);
}

/** @param {string} room @returns {Left} what was left there last */
export function leftIn(room) {
  const left = pairs(tab, 'chat-unsent').get(room);
  const receiver = (v) => (typeof v?.user === 'string' && typeof v.username === 'string' ? v : null);
  const some = (list, check) => (Array.isArray(list) ? list.filter(check) : []);
  const unsent = some(left?.unsent, (e) => typeof e?.id === 'string' && typeof e.text === 'string');
  const drafts = some(left?.drafts, (e) => Array.isArray(e) && typeof e[0] === 'string' && typeof e[1] === 'string');
  const date = (v) => (Number.isNaN(Date.parse(v)) ? undefined : v);
  const offset = (v) => (Number.isSafeInteger(v) && v > 0 ? v : undefined);
  const {reply: r} = left ?? {};
  const reply = offset(r?.offset) && [r.epoch, r.username, r.text].every((v) => typeof v === 'string') ? r : null;
  return {
    text: text(left?.text), to: receiver(left?.to), drafts, reply,
    unsent: unsent.map((e) => ({...e, to: receiver(e.to), date: date(e.date), replyTo: offset(e.replyTo)})),
  };
}

// --- The rooms that the user was in, by the user's name: up to which place each was read.

const keptRooms = 100;
let visitor = '';
let visited = null; // where storage is forbidden, for as long as the page is there

/** Whose rooms those are from here on. @param {string} name */
export function visitAs(name) {
  if (name !== visitor) visited = null;
  visitor = name;
}

/** @returns {Map<string, string>} */
function storedRooms() {
  const rooms = pairs(browser, 'chat-rooms').get(visitor);
  return new Map(Array.isArray(rooms) ? rooms.filter((e) => Array.isArray(e) && typeof e[0] === 'string' && typeof e[1] === 'string') : []);
}

/** @returns {Map<string, string>} by room: the place, '' if it is not known; the latest last */
export function visitedRooms() {
  visited ??= storedRooms();
  return visited;
}

/** @param {(all: Map<string, string>) => void} change */
function changeVisited(change) {
  const all = new Map([...visitedRooms(), ...storedRooms()]); // another tab may have changed them
  change(all);
  for (const old of [...all.keys()].slice(0, -keptRooms)) all.delete(old);
  const names = pairs(browser, 'chat-rooms');
  names.delete(visitor);
  names.set(visitor, [...all]);
  write(browser, 'chat-rooms', [...names].slice(-keptSessions));
  visited = all;
}

/** The user goes to a room, which is the latest then. @param {string} room @param {string} place */
export const visit = (room, place) => changeVisited((all) => {
  all.delete(room);
  all.set(room, place);
});

/** Up to which places rooms are read by now. @param {Iterable<[string, string]>} places */
export const keepPlaces = (places) => changeVisited((all) => {
  for (const [room, place] of places) if (place && all.has(room)) all.set(room, place);
});

/** The user has left a room for good. @param {string} room */
export function unvisit(room) {
  changeVisited((all) => all.delete(room));
  keepLeft(room, {text: '', to: null, drafts: [], reply: null, unsent: []});
}

// --- The emoji that the user reacts with.

const usual = ['👍', '❤️', '😂', '🎉', '🙏', '👀', '✅', '😮'], keptEmoji = 40;

/** @returns {Map<string, number>} how often each was used, the latest last */
function usedEmoji() {
  return new Map([...pairs(browser, 'chat-emoji')].filter(([e, n]) => e.length > 0 && e.length <= 32 && Number.isFinite(n)));
}

/** @param {string} emoji */
export function useEmoji(emoji) {
  const all = usedEmoji(), n = all.get(emoji) ?? 0;
  all.delete(emoji);
  all.set(emoji, n + 1);
  write(browser, 'chat-emoji', [...all].slice(-keptEmoji));
}

/** The user's most used emoji, and usual ones. @param {number} n @returns {string[]} */
export function frequentEmoji(n) {
  const used = [...usedEmoji()].reverse().sort((a, b) => b[1] - a[1]).map(([e]) => e);
  return [...new Set([...used, ...usual])].slice(0, n);
}

// --- Which rooms the user wants to be told of.

/** @typedef {{on: boolean, rooms: Map<string, import('./alerts.js').Level>}} AlertsKept on: whether there are notifications */
/** @type {AlertsKept|null} */ let alerts = null; // where storage is forbidden

/** @returns {AlertsKept} */
export function alertsKept() {
  const kept = read(browser, 'chat-alerts') ?? (alerts && {on: alerts.on, rooms: [...alerts.rooms]});
  const rooms = Array.isArray(kept?.rooms) ? kept.rooms.filter((e) => Array.isArray(e) && typeof e[0] === 'string' && (e[1] === 'all' || e[1] === 'none')) : [];
  return {on: kept?.on === true, rooms: new Map(rooms)};
}

/** @param {AlertsKept} kept */
export function keepAlerts(kept) {
  alerts = kept;
  write(browser, 'chat-alerts', {on: kept.on, rooms: [...kept.rooms].slice(-keptRooms)});
}
