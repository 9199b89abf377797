// What a client sends that the room's log keeps, as it goes out.

import {ChatError} from './errors.js';
import {utf8Length} from './wire.js';

/** @typedef {{message_bytes: number, data_bytes?: number, rate_per_second: number, burst: number}} Limits data_bytes: 0 if the
 *   server's log takes no data, and missing if the server is of a version without data, replies and what amends messages */
/** @typedef {{text: string, bytes: number, size: number, data: number, rich: boolean}} Frame bytes: of all; size, data: of the
 *   message and its data; rich: whether a server of an earlier version would keep only a part of it */

/** @param {any} object with an id @param {number} [more] bytes that the connection adds @returns {Frame} throws a ChatError */
export function frame(object, more = 0) {
  let data = '';
  if (object.data !== undefined) {
    try {
      data = JSON.stringify(object.data) ?? '';
    } catch { /* it is none */ }
    if (data[0] !== '{') throw new ChatError('bad_request', 'data is one object of JSON');
  }
  const text = JSON.stringify(object);
  return {
    text, bytes: utf8Length(text) + more, size: utf8Length(object.message ?? ''), data: utf8Length(data),
    rich: data !== '' || object.reply_to !== undefined,
  };
}

/** Why a server does not take a frame, if it does not. @param {Frame} frame @param {Limits} limits @returns {ChatError|null} */
export function unfit({bytes, size, data, rich}, {message_bytes: limit, data_bytes: most}) {
  if (size > limit) return new ChatError('too_long', `a message has at most ${limit} bytes`);
  if (rich && (most === undefined || (most === 0 && data > 0))) {
    return new ChatError('unsupported', 'the server does not take messages with data or replies'); // it would keep the rest
  }
  if (data > (most ?? 0)) return new ChatError('too_long', `data has at most ${most} bytes`);
  if (bytes > Math.max(2 * limit, 4096) + (most ?? 0)) return new ChatError('too_long', 'that is too long for one frame');
  return null;
}
