// A server that the test plays, inside the page: WebSocket is replaced, and each
// attempt is in `sockets`. The clock is the test's, too, where it asks for one.

import {person, serve, watch} from './harness.js';

/** Opens an empty page of the server's origin with chat.js and the fake in it. */
export async function stage({clock = false} = {}) {
  const {url} = await serve();
  const context = await person();
  if (clock) await context.clock.install({time: new Date(2026, 0, 2, 3, 4, 5)});
  await context.route('**/blank', (route) => route.fulfill({contentType: 'text/html', body: '<!doctype html><title>blank</title>'}));
  const page = await context.newPage();
  watch(page);
  await page.goto(`${url}blank`);
  await page.evaluate(async () => {
    const {connect} = await import('./chat.js');
    Object.assign(window, {connect, sockets: [], states: [], got: [], fetches: [], held: []});
    window.fetch = async (url) => {
      fetches.push(String(url));
      throw new TypeError('nobody there');
    };
    window.WebSocket = class {
      constructor(url, protocols) {
        Object.assign(this, {url: String(url), protocols, sent: []});
        sockets.push(this);
      }
      send(s) {
        this.sent.push(JSON.parse(s));
        this.answer?.(this.sent.at(-1));
      }
      close(code) {
        this.closed = code;
      }
      say(o) { this.onmessage?.({data: JSON.stringify(o)}); }
      end(code = 1006, reason = '') { this.onclose?.({code, reason}); }
      welcome(position, more = {}) {
        this.say({
          type: 'welcome', protocol: 'chat.v1', room: 'r', user: 'me', username: 'Me', session: '', position, resumed: false, gap: false,
          members: [{user: 'me', username: 'Me'}], member_count: 1, limits: {message_bytes: 1000, rate_per_second: 0, burst: 0, data_bytes: 100}, ...more,
        });
      }
    };
    /** Connects, and notes what the client tells. */
    window.start = (options = {}) => {
      window.chat = connect('/', {room: 'r', ...options});
      chat.on('state', (s) => states.push(s));
      chat.on('gap', () => got.push('gap'));
      chat.on('held', (h) => held.push(h));
      chat.on('message', (m) => got.push(m.message));
    };
    window.last = () => sockets.at(-1);
    window.message = (offset, message, more = {}) => ({
      type: 'message', offset, time: '2026-01-01T00:00:00.000Z', user: 'other', username: 'O', message, ...more,
    });
    /** What became of a send: an offset, or a code. */
    window.fate = (promise) => promise.then((r) => r.offset, (e) => e.code);
  });
  return page;
}
