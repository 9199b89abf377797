// A connection for one room alone.

import {credentials, mount} from './http.js';
import {Link} from './link.js';
import {Stream} from './stream.js';

/** @typedef {import('./errors.js').ChatError} ChatError */

/** What a Chat is connected by: a connection of its own, or its part of one for many rooms.
 * @typedef {object} RoomLink
 * @property {URL} base where the server is
 * @property {import('./link.js').State} state
 * @property {'websocket'|'http'} transport
 * @property {number} added bytes that it adds to what is sent
 * @property {import('./rate.js').Rate} [rate] that of all its rooms
 * @property {() => void} open
 * @property {() => void} ready the room has welcomed
 * @property {(object: object|string) => void} send
 * @property {() => void} use something waits to be sent
 * @property {(error: ChatError) => void} close */

/** A connection of one room's own. @param {string|URL} url @param {import('./types.js').Options} options
 * @returns {(chat: import('./chat.js').Chat) => RoomLink} */
export const alone = (url, options) => (chat) => {
  const base = mount(url), {token, username} = options;
  const get = () => credentials(token);
  const link = new Link({
    url: () => {
      const at = new URL(`ws/${encodeURIComponent(chat.room)}`, base);
      if (username) at.searchParams.set('username', username);
      if (chat.position) at.searchParams.set('since', chat.position);
      return at; // the session is not in it, because consoles and proxies log URLs
    },
    offer: () => (chat.session ? [`session.${chat.session}`] : []),
    stream: (hooks) => new Stream({base, room: chat.room, username, session: chat.session, since: chat.position, token: get}, hooks),
    token: get,
    renewable: typeof token === 'function',
    receive: (o) => chat.receive(o),
    change: (state, more) => chat.change(state, more),
    amend: (why) => chat.amend(why),
  });
  return Object.assign(link, {base, added: 0, use() {}});
};
