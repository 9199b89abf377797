// A server that the test plays, and a page without a browser. WebSocket, fetch and the page's
// event targets are replaced, and each connection attempt is in `sockets`. If a test asks for
// it, the clock is a fake too.

import {afterEach} from 'node:test';
import {connect, connectRooms} from '../src/chat.js';
import {install, settled, uninstall} from './clock.js';

const own = Object.fromEntries(['fetch', 'WebSocket', 'location', 'document', 'addEventListener', 'dispatchEvent'].map((k) => [k, globalThis[k]]));
const {random} = Math, {now} = Date;
/** @type {{close: () => void}[]} */ let chats = [];

afterEach(() => {
  for (const c of chats.splice(0)) c.close();
  Object.assign(globalThis, own);
  Object.assign(Math, {random});
  Object.assign(Date, {now});
});

class FakeSocket {
  constructor(url, protocols) {
    Object.assign(this, {url: String(url), protocols, sent: []});
    sockets.push(this);
  }
  send(s) {
    this.sent.push(JSON.parse(s));
    this.answer?.(this.sent.at(-1));
  }
  close(code) { this.closed = code; }
  say(o) { this.onmessage?.({data: JSON.stringify(o)}); }
  end(code = 1006, reason = '') { this.onclose?.({code, reason}); }
  welcome(position, more = {}) {
    this.say({
      type: 'welcome', protocol: 'chat.v1', room: 'r', user: 'me', username: 'Me', session: '', position, resumed: false, gap: false,
      members: [{user: 'me', username: 'Me'}], member_count: 1, limits: {message_bytes: 1000, rate_per_second: 0, burst: 0, data_bytes: 100}, ...more,
    });
  }
}

globalThis.PageTransitionEvent = class extends Event {
  constructor(type, {persisted}) {
    super(type);
    this.persisted = persisted;
  }
};

/** Opens an empty page with chat.js and the fake in it. There is only one at any time. */
export async function stage({clock = false} = {}) {
  for (const c of chats.splice(0)) c.close();
  uninstall();
  const page = new EventTarget();
  Object.assign(globalThis, {
    window: globalThis, connect, sockets: [], states: [], got: [], fetches: [], held: [], errors: [],
    location: new URL('http://127.0.0.1/'), document: Object.assign(new EventTarget(), {hidden: false}), WebSocket: FakeSocket,
    addEventListener: page.addEventListener.bind(page), dispatchEvent: page.dispatchEvent.bind(page),
    fetch: async (url) => {
      fetches.push(String(url));
      throw new TypeError('nobody there');
    },
    /** Connects, and records the client's events. */
    start: (options = {}) => {
      const c = globalThis.chat = connect('/', {room: 'r', ...options});
      chats.push(c);
      c.on('state', (s) => states.push(s));
      c.on('gap', () => got.push('gap'));
      c.on('held', (h) => held.push(h));
      c.on('message', (m) => got.push(m.message));
    },
    /** The same for many rooms. */
    startMany: (options = {}) => {
      const c = globalThis.many = connectRooms('/', options);
      chats.push(c);
      c.on('state', (s) => states.push(s));
      return c;
    },
    last: () => sockets.at(-1),
    message: (offset, message, more = {}) => ({
      type: 'message', offset, time: '2026-01-01T00:00:00.000Z', user: 'other', username: 'O', message, ...more,
    }),
    /** The result of a send: an offset, or a code. */
    fate: (promise) => promise.then((r) => r.offset, (e) => e.code),
  });
  const time = clock ? install() : {runFor: settled};
  return {
    clock: time,
    evaluate: async (what, arg) => (typeof what === 'string' ? (0, eval)(what) : what(arg)),
  };
}
