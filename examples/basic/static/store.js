// What is remembered. In the tab: who it is, so that a reload asks nothing. In the
// browser: the last name and room, for the next tab, and the session of each
// name, so that two tabs with one name are one user, and with two names are two.

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

/** Makes the tab ask again. */
export function forget() {
  try {
    sessionStorage.removeItem('chat');
  } catch { /* it never remembered */ }
}

/** @returns {Map<string, string>} name to session, the latest last */
function sessions() {
  const list = read(browser, 'chat-sessions');
  return new Map(Array.isArray(list) ? list.filter((e) => Array.isArray(e) && e.length === 2 && e.every((s) => typeof s === 'string')) : []);
}

/** @param {string} name @returns {string} '' if there is none */
export const sessionOf = (name) => sessions().get(name) ?? '';

/** @param {string} name @param {string} session */
export function keepSession(name, session) {
  const all = sessions();
  all.delete(name);
  if (session) all.set(name, session);
  write(browser, 'chat-sessions', [...all].slice(-keptSessions));
}
