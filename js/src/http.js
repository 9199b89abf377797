// What a server tells over plain HTTP.

import {ChatError} from './errors.js';
import {retryAfter} from './time.js';
import {bearer} from './wire.js';

/** @typedef {string|(() => string|undefined|Promise<string|undefined>)} Token credentials, or what gets them */

/** @param {Token|undefined} token @returns {Promise<string|undefined>} */
export const credentials = async (token) => (typeof token === 'function' ? token() : token);

/** @param {string|URL} url where the server is mounted @param {{token?: Token, limit?: number, named?: Iterable<string>, signal?: AbortSignal}} [options]
 * limit: so many of the rooms with most users; named: these rooms; 100 each at most. By default all rooms
 * @returns {Promise<Map<string, number>>} the users present in each room that has any */
export async function rooms(url, {token, limit, named, signal} = {}) {
  const at = new URL('rooms', mount(url));
  if (limit !== undefined) at.searchParams.set('limit', String(limit));
  for (const room of named ?? []) at.searchParams.append('room', room);
  const r = await fetch(at, {headers: bearer(await credentials(token)), cache: 'no-store', signal});
  if (!r.ok) throw await refusalIn(r) ?? new ChatError('unavailable', 'the rooms cannot be listed');
  return new Map(Object.entries(await r.json()));
}

/** Reads a room's messages without joining it. @param {string|URL} url @param {string} room
 * @param {{after?: number, before?: number, limit?: number, token?: Token, signal?: AbortSignal}} [options]
 * @returns {Promise<import('./types.js').Page & {position: string}>} position: the log's last place */
export async function messages(url, room, {token, signal, ...range} = {}) {
  const at = roomURL(mount(url), room, 'messages');
  for (const [key, value] of Object.entries(range)) if (value !== undefined) at.searchParams.set(key, String(value));
  const r = await fetch(at, {headers: bearer(await credentials(token)), cache: 'no-store', signal});
  if (!r.ok) throw await refusalIn(r) ?? new ChatError('unavailable', 'the messages cannot be read');
  return r.json();
}

/** Asks how many messages are unread in rooms, without joining them. @param {string|URL} url
 * @param {{named: Iterable<string>, session?: string, token?: Token, signal?: AbortSignal}} options named: 100 rooms at most; session: the anonymous
 *   user's, who is asked about. With a token or a cookie it is the user of that
 * @returns {Promise<Map<string, {read: number, last: number, unread: number}>>} by room, without those that the user may not read.
 *   read: the user's marker; last: the room's last offset; unread: from 100 on there may be more */
export async function unread(url, {named, session, token, signal}) {
  const at = new URL('unread', mount(url));
  if (session) at.searchParams.set('session', session);
  for (const room of named) at.searchParams.append('room', room);
  const r = await fetch(at, {headers: bearer(await credentials(token)), cache: 'no-store', signal});
  if (!r.ok) throw await refusalIn(r) ?? new ChatError('unavailable', 'the server does not tell what is unread');
  return new Map(Object.entries((await r.json()).rooms));
}

/** @param {string|URL} url */
export function mount(url) {
  const base = new URL(url, globalThis.location?.href);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

/** @param {URL} base @param {string} room @param {string} what @returns {URL} */
export const roomURL = (base, room, what) => new URL(`rooms/${encodeURIComponent(room)}/${what}`, base);

/** The codes that a server sends with each status. Another pair is not the server's (docs/protocol.md). */
const codes = new Map(/** @type {[number, string[]][]} */ ([
  [400, ['bad_request', 'bad_room', 'bad_name', 'bad_json', 'bad_utf8', 'empty_message', 'unknown_type']], [401, ['unauthorized']], [403, ['forbidden']],
  [404, ['not_found', 'no_such_message', 'no_such_user']], [405, ['method_not_allowed']], [406, ['not_acceptable']], [413, ['too_long']],
  [415, ['unsupported_media_type']], [422, ['rejected']], [426, ['upgrade_required']], [429, ['too_many', 'rate_limited']], [500, ['internal']],
  [501, ['internal', 'unsupported']], [503, ['unavailable']],
]));

/** Why a response refuses something, in the server's own words.
 * @param {Response} r @returns {Promise<ChatError|null>} null if something between here and the server has answered */
export async function refusalIn(r) {
  try {
    const {error} = await r.json();
    if (!codes.get(r.status)?.includes(error.code)) return null;
    const why = new ChatError(error.code, error.message, retryAfter(r.headers));
    why.status = r.status;
    why.final = r.status < 429;
    return why;
  } catch {
    return null;
  }
}

/** @typedef {{why: ChatError|null, blocked: boolean}} Verdict why: the server's refusal, if there is one;
 *   blocked: somebody answers plain HTTP there and refuses nothing, so it is the WebSocket that does not get through */

/** Asks with a plain GET of its address why a handshake failed, because browsers show nothing of a handshake's answer.
 * The server makes all its checks before it looks for the upgrade. So its answer is one of these:
 *
 *   426: it would have let this client in, but what came as a WebSocket did not arrive as one. That is blocked.
 *   another error of the server: plain HTTP would get it as well. That is not blocked.
 *   something else: a 5xx is a proxy that does not reach the server now; a page or another refusal is a filter, which may
 *     let other paths through: that counts as blocked, and a try over HTTP will tell.
 *   no answer: nobody is there, for the one as for the other.
 *
 * @param {URL} url @param {() => Promise<string|undefined>} token @returns {Promise<Verdict>} */
export async function askWhy(url, token) {
  const signal = AbortSignal.timeout(5000);
  try {
    const given = await Promise.race([token(), new Promise((_, no) => signal.addEventListener('abort', no))]);
    const r = await fetch(url, {headers: bearer(/** @type {string|undefined} */ (given)), cache: 'no-store', signal});
    if (r.status === 426) return {why: null, blocked: true};
    const why = r.status < 400 ? null : await refusalIn(r);
    return {why, blocked: !why && r.status < 500};
  } catch {
    return {why: null, blocked: false};
  }
}
