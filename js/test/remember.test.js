// The option `remember`: a page is loaded again, at any time, and the storage may be of no use.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect, newID} from '../src/chat.js';
import {settled} from './clock.js';
import {stage} from './fake.js';
import {leftover, serve, until} from './server.js';

const session = 'S'.repeat(32);

/** A storage as a tab has one. */
const tab = (entries = []) => {
  const map = new Map(entries);
  return {map, getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value)};
};

/** Opens a chat, and returns what it asks the server for. */
async function asked(remember, more = {}) {
  start({remember, ...more});
  await settled();
  const {url, protocols} = last();
  return {since: new URL(url).searchParams.get('since'), session: protocols.find((p) => p.startsWith('session.')) ?? null};
}

test('the session and the position are kept, per room and user; options come first', async () => {
  await stage();
  const storage = tab();
  assert.deepEqual(await asked(storage), {since: null, session: null});
  last().welcome('e:7', {session});
  assert.equal(storage.map.size, 1);
  last().say(message(8, 'x'));
  const time = Date.parse(message(8, 'x').time);
  chat.close();
  assert.deepEqual(await asked(storage), {since: `e:8:${time}`, session: `session.${session}`});
  chat.close();
  assert.deepEqual(await asked(storage, {since: 'e:3', session: 'T'.repeat(32)}), {since: 'e:3', session: `session.${'T'.repeat(32)}`});
  chat.close();
  for (const other of [{room: 'r2'}, {username: 'U'}, {remember: undefined}, {remember: tab()}]) {
    assert.deepEqual(await asked(storage, other), {since: null, session: null});
    chat.close();
  }
});

test('what is lost between the welcome and the first message is a gap, over a reload, too', async () => {
  await stage();
  const storage = tab();
  await asked(storage);
  last().welcome('e:7', {session});
  chat.close();
  assert.deepEqual(await asked(storage), {since: null, session: `session.${session}`});
  last().welcome('e:9', {session});
  assert.deepEqual(got, ['gap']);
});

test('two chats of a page do not share a place', async () => {
  await stage();
  const storage = tab();
  for (const offset of [5, 9]) {
    await asked(storage);
    last().welcome(`e:${offset}`, {session});
    last().say(message(offset, 'x'));
  }
  assert.equal(storage.map.size, 2);
  const places = [...storage.map.values()].map((text) => JSON.parse(text).position.split(':')[1]);
  assert.deepEqual(places, ['5', '9']);
});

test('a storage of no use, and what else may be in it', async () => {
  await stage();
  const broken = () => { throw new DOMException('no', 'QuotaExceededError'); };
  Object.defineProperty(globalThis, 'sessionStorage', {configurable: true, get: () => { throw new DOMException('no', 'SecurityError'); }});
  leftover(() => delete globalThis.sessionStorage);
  const any = (text) => ({getItem: () => text, setItem: () => {}});
  const garbage = ['', 'null', '[]', '7', '"x"', '{', '{"session":7,"position":{},"joined":[]}', '{"session":"short","position":"e","joined":"e:x"}',
    JSON.stringify({session: 'S'.repeat(33), position: 'x'.repeat(100)}), JSON.stringify({session, position: `${'e'.repeat(2000)}:1`}), '{"__proto__":{"position":"e:1"}}'];
  for (const remember of [true, {getItem: broken, setItem: broken}, {getItem: () => null, setItem: broken}, {}, ...garbage.map(any)]) {
    assert.deepEqual(await asked(remember), {since: null, session: null});
    last().welcome('e:1', {session});
    last().say(message(1, 'x'));
    assert.equal(chat.state, 'open');
    chat.close();
  }
});

test('a storage that gets full keeps the latest place that it took, and takes a value of the same length', async () => {
  await stage();
  const storage = tab();
  let room = Infinity;
  const full = {...storage, setItem: (key, value) => {
    if (value.length > (storage.getItem(key)?.length ?? room)) throw new DOMException('no', 'QuotaExceededError');
    storage.setItem(key, value);
  }};
  await asked(full);
  last().welcome('e:1', {session});
  room = 0;
  for (const offset of [1, 10, 123456789]) last().say(message(offset, 'x'));
  chat.close();
  assert.match((await asked(full)).since, /^e:123456789:/);
});

/** Loads a page again and again, at any time. What the page has got and what it has to send is kept by the page itself. */
async function reloads(url, username, websocket) {
  const storage = tab(), got = [], outbox = new Map(), sent = [];
  const own = globalThis.WebSocket;
  if (!websocket) globalThis.WebSocket = undefined;
  leftover(() => void (globalThis.WebSocket = own));
  let alive = {}, chat, gaps = 0;
  const load = () => {
    const me = alive = {}, still = () => alive === me;
    const mine = {getItem: storage.getItem, setItem: (key, value) => still() && storage.setItem(key, value)};
    chat?.close(); // as the browser does, after the page can do nothing any longer
    chat = connect(url, {room: 'r', username, remember: mine});
    chat.on('message', (m) => still() && got.push(m));
    chat.on('gap', () => still() && gaps++);
    const send = (id, text) => chat.send(text, {id}).then(() => still() && outbox.delete(id), (e) => still() && assert.equal(e.code, 'closed'));
    for (const [id, text] of outbox) send(id, text);
    return (text) => {
      const id = newID();
      outbox.set(id, text);
      sent.push(text);
      send(id, text);
    };
  };
  leftover(() => chat.close());
  load();
  await chat.ready();
  // A page that is loaded for the first time begins with what comes then.
  await until('it has begun', () => chat.position !== '');
  for (let i = 0; i < 15; i++) {
    const say = load();
    for (let n = 0; n < 3; n++) say(`${username} ${i}.${n}`);
    await new Promise((r) => setTimeout(r, Math.random() < 0.3 ? 0 : 60 * Math.random()));
  }
  load();
  await until('all is sent', () => outbox.size === 0);
  return {got, sent, chat: () => chat, gaps: () => gaps};
}

for (const websocket of [true, false]) {
  test(`many reloads over ${websocket ? 'WebSockets' : 'HTTP'}: nothing is lost and nothing comes twice`, async () => {
    const {url} = await serve(['-rate', '0', '-history', '5000']);
    const first = await connect(url, {room: 'r', username: 'First'}).ready();
    leftover(() => first.close());
    const {offset} = await first.send('first');
    const tabs = await Promise.all(['Ann', 'Ben'].map((name) => reloads(url, name, websocket)));
    const end = await first.send('end');
    const {messages} = await first.history({after: 0, limit: 1000});
    const texts = messages.filter((m) => m.offset > offset && m.offset < end.offset).map((m) => m.message);
    assert.deepEqual([...texts].sort(), tabs.flatMap(({sent}) => sent).sort(), 'each message is stored once');
    for (const {got, chat, gaps} of tabs) {
      await until('the end has come', () => got.at(-1)?.message === 'end');
      assert.deepEqual(got.map((m) => m.message), ['first', ...texts, 'end']);
      assert.equal(gaps(), 0);
      assert.equal(new Set(messages.filter((m) => m.username === chat().username).map((m) => m.user)).size, 1, 'always the same user');
    }
  });
}
