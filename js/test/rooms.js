// A server for many rooms over one connection, played by the test on the WebSocket of fake.js.

import {stage} from './fake.js';

export const limits = {message_bytes: 1000, rate_per_second: 0, burst: 0, data_bytes: 100, rooms: 100};
export const hello = (more = {}) => last().say({type: 'hello', protocol: 'chat.v1', user: 'me', username: 'Me', session: 'S'.repeat(32), limits, ...more});
export const welcome = (room, position, more = {}) => last().say({
  type: 'welcome', room, protocol: 'chat.v1', user: 'me', username: 'Me', session: '', position, resumed: false, gap: false,
  members: [{user: 'me', username: 'Me'}], member_count: 1, limits, ...more,
});
export const say = (room, offset, text, more = {}) => last().say({...message(offset, text, more), room});
export const sent = () => last().sent.map(({id, ...o}) => o);

/** A connection in the rooms a and b, with the events of each room in `log`. */
export async function inside(options = {}) {
  const page = await stage({clock: true});
  startMany(options);
  window.log = [];
  window.note = (chat) => {
    for (const type of ['message', 'gap', 'error']) chat.on(type, (o) => log.push(`${chat.room} ${o.message ?? type}`));
    chat.on('state', ({state, error}) => log.push(`${chat.room} ${state}${error ? ` ${error.code}` : ''}`));
    return chat;
  };
  window.a = note(many.join('a'));
  window.b = note(many.join('b'));
  await page.clock.runFor(10);
  hello();
  await page.clock.runFor(10);
  return page;
}

/** The connection is lost, and another one is made. */
export async function back(page) {
  last().end(1001);
  many.reconnect();
  await page.clock.runFor(10);
  last().sent = [];
  hello();
  await page.clock.runFor(10);
}
