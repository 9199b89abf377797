// What a server tells over plain HTTP.

import {bearer, ChatError} from './link.js';

/** @typedef {string|(() => string|Promise<string>)} Token credentials, or what gets them */

/** @param {string|URL} url where the server is mounted
 * @param {{token?: Token, limit?: number, named?: Iterable<string>}} [options] limit: so many of the rooms with most
 * users, 100 at most; named: these rooms, 100 at most. Without both all rooms, which may be very many
 * @returns {Promise<Map<string, number>>} the users present in each room that has any */
export async function rooms(url, {token, limit, named} = {}) {
  const headers = bearer(typeof token === 'function' ? await token() : token);
  const at = new URL('rooms', mount(url));
  if (limit !== undefined) at.searchParams.set('limit', String(limit));
  for (const room of named ?? []) at.searchParams.append('room', room);
  const r = await fetch(at, {headers, cache: 'no-store'});
  if (!r.ok) throw new ChatError('unavailable', 'the rooms cannot be listed');
  return new Map(Object.entries(await r.json()));
}

/** Reads a room's messages without joining it. @param {string|URL} url @param {string} room
 * @param {{after?: number, before?: number, limit?: number, token?: Token}} [options]
 * @returns {Promise<import('./types.js').Page & {position: string}>} position: the log's last place */
export async function messages(url, room, {token, ...range} = {}) {
  const headers = bearer(typeof token === 'function' ? await token() : token);
  const at = new URL(`rooms/${encodeURIComponent(room)}/messages`, mount(url));
  for (const [key, value] of Object.entries(range)) at.searchParams.set(key, String(value));
  const r = await fetch(at, {headers, cache: 'no-store'});
  if (!r.ok) throw new ChatError('unavailable', 'the messages cannot be read');
  return r.json();
}

/** @param {string|URL} url */
export function mount(url) {
  const base = new URL(url, globalThis.location?.href);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}
