// What nobody should send or do: objects with wrong types, names that mean something to JavaScript, listeners that end what they
// listen to, and what is left of a chat that is closed.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {seeded} from './chance.js';
import {stage} from './fake.js';
import {back, hello, inside, say, sent, welcome} from './rooms.js';
import {web} from './web.js';

const values = [null, true, false, 0, -1, 1.5, 1e300, '', 'x', '__proto__', [], [null], {}, {a: null}, [[]], [{user: 1}]];
const samples = [
  {type: 'welcome', room: 'r', user: 'me', username: 'Me', session: '', position: 'e:9', resumed: false, gap: false, members: [{user: 'u', username: 'U'}], member_count: 1, limits: {message_bytes: 1000, data_bytes: 10}, read: 1},
  {type: 'hello', user: 'me', username: 'Me', session: '', limits: {message_bytes: 1000, rooms: 100}},
  {type: 'message', offset: 4, time: '2026-01-01T00:00:00.000Z', user: 'u', username: 'U', message: 'x', data: {}, reply_to: 1, edited: 'x', amended: 3, reactions: [{reaction: 'x', count: 1, users: ['u']}], id: 'i'},
  {type: 'edit', offset: 5, time: 'x', user: 'u', username: 'U', target: 4, message: 'y'}, {type: 'delete', offset: 6, user: 'u', target: 4},
  {type: 'reaction', offset: 7, user: 'u', target: 4, reaction: 'x', remove: true}, {type: 'position', position: 'e:9'}, {type: 'ack', id: 'i', offset: 8},
  {type: 'history', messages: [], first: 1, more: false, request: 'q'}, {type: 'error', code: 'x', message: 'y', id: 'z', retry_after_ms: 1}, {type: 'typing', user: 'u', username: 'U'},
  {type: 'left', code: 1013, reason: ''}, {type: 'read', user: 'u', offset: 1}, {type: 'signal', user: 'u', username: 'U', name: 'n', data: {}}, {type: 'goodbye', reason: '', retry_after_ms: 1},
  {type: 'system', event: 'join', user: 'u', username: 'U', message: 'x', time: 'x'}, {type: 'presence', joined: [{user: 'u', username: 'U'}], left: [{user: 'u', username: 'U'}], count: 1}, {type: 'pong'},
];

/** All samples, each with every value in place of every field; and no objects at all. */
const nonsense = () => [
  ...values.map((v) => JSON.stringify(v)), '', '{', '[', 'x',
  ...samples.flatMap((o) => Object.keys(o).flatMap((key) => [undefined, ...values].map((v) => JSON.stringify({...o, [key]: v})))),
];

test('objects with fields of wrong types do no harm to a room', async () => {
  const page = await stage({clock: true});
  start();
  await page.clock.runFor(100);
  last().welcome('e:1');
  for (const text of nonsense()) last().onmessage({data: text}); // throws if the client does
  for (const data of [new Blob(['x']), new ArrayBuffer(3)]) last().onmessage({data});
  await page.clock.runFor(100);
  assert.match(chat.position, /^\w+:\d+/);
  for (const text of got) assert.equal(typeof text, 'string');
  for (const [user, m] of chat.members) assert.deepEqual([typeof user, typeof m.username], ['string', 'string']);
  assert.equal(typeof chat.count, 'number');
  last().welcome('new:0', {gap: true});
  got.length = 0;
  last().say(message(1, 'as before'));
  assert.deepEqual(got, ['as before']);
  const sends = fate(chat.send('x', {id: 'x'}));
  last().say({type: 'ack', id: 'x', offset: 2});
  assert.equal(await sends, 2);
});

test('nor to one of many rooms, nor over HTTP', async () => {
  const page = await inside();
  welcome('a', 'e:0');
  for (const text of nonsense()) last().onmessage({data: text.replace(/^\{/, '{"room":"a",')});
  await page.clock.runFor(60_000);
  many.reconnect(); // it may be waiting
  await page.clock.runFor(10);
  hello();
  await page.clock.runFor(100);
  welcome('b', 'e:0');
  say('b', 1, 'as before');
  assert.ok(log.includes('b as before'));
  for (const [, room] of many.rooms) assert.equal(typeof room.room, 'string');

  const http = await stage({clock: true});
  const {streams} = web();
  globalThis.WebSocket = undefined;
  start();
  await http.clock.runFor(100);
  streams.at(-1).welcome('e:0');
  for (const text of nonsense()) if (/^\S+$/.test(text) && !text.includes('"left"')) streams.at(-1).raw(`data: ${text}\n\n`);
  await http.clock.runFor(100_000);
  chat.reconnect();
  await http.clock.runFor(100);
  streams.at(-1).welcome('new:0', {gap: true});
  streams.at(-1).say(message(1, 'as before'));
  await http.clock.runFor(100);
  assert.equal(got.at(-1), 'as before');
});

test('names that mean something to JavaScript', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const page = await inside();
  const chats = names.map((name) => note(many.join(name)));
  await page.clock.runFor(10);
  for (const [i, name] of names.entries()) {
    welcome(name, 'e:0', {members: [{user: name, username: name}]});
    last().onmessage({data: `{"type":"message","room":"${name}","offset":1,"time":"","user":"${name}","username":"x","message":"hi","data":{"__proto__":{"bad":1}}}`});
    last().onmessage({data: `{"type":"system","room":"${name}","event":"join","user":"__proto__","username":"p","message":"","time":""}`});
    last().onmessage({data: `{"type":"${name}","room":"${name}","bad":1}`});
    assert.ok(chats[i].members.has(name) && chats[i].members.has('__proto__'));
    const result = fate(chats[i].send('x', {id: name, data: JSON.parse('{"__proto__":1}')}));
    assert.match(JSON.stringify(last().sent.at(-1)), new RegExp(`"room":"${name}".*"data":{"__proto__":1}.*"id":"${name}"`));
    last().say({type: 'ack', room: name, id: name, offset: 2});
    assert.equal(await result, 2);
  }
  assert.deepEqual(log.filter((line) => line.endsWith(' hi')), names.map((name) => `${name} hi`));
  await back(page);
  assert.deepEqual(Object.keys(sent().find((o) => o.rooms).rooms).sort(), [...names].sort());
  assert.equal({}.bad, undefined);
});

test('a WebSocket that cannot be made, and two names of one room', async () => {
  const page = await stage({clock: true});
  globalThis.WebSocket = class { constructor() { throw new DOMException('insecure', 'SecurityError'); } };
  start();
  const result = fate(chat.send('x'));
  await page.clock.runFor(60_000);
  assert.deepEqual([chat.state, states.at(-1).error.code, await result], ['closed', 'bad_url', 'bad_url']);

  await inside();
  const twin = note(many.join('ａ'));
  await page.clock.runFor(1);
  const [first, , other] = last().sent;
  welcome('a', 'e:0', {id: other.id});
  assert.deepEqual([a.state, twin.state, many.rooms.get('a') === a, many.rooms.size], ['open', 'closed', true, 2]);
  last().say({type: 'error', room: 'a', id: first.id, code: 'bad_request', message: 'in it already'});
  assert.equal(a.state, 'open');
});

/** What is left after the end: nothing sent, opened or planned. */
async function ended(page, what) {
  const count = sockets.length, open = sockets.filter((s) => s.onclose && !s.closed).length;
  assert.equal(open, 0, `${what}: sockets`);
  assert.equal(page.clock.planned(), 0, `${what}: timers`);
  await page.clock.runFor(100_000);
  assert.equal(sockets.length, count, `${what}: it came back`);
}

test('a chat that is closed by a listener or at any time is closed, and leaves no timer', async () => {
  for (const event of ['connecting', 'open', 'waiting', 'welcome', 'members', 'gap', 'message', 'held']) {
    for (const blocked of [false, true]) {
      const page = await stage({clock: true});
      const {streams} = web();
      if (blocked) globalThis.WebSocket = undefined;
      start();
      const close = () => chat.close();
      if (['connecting', 'open', 'waiting'].includes(event)) chat.on('state', ({state}) => state === event && close());
      else chat.on(event, close);
      chat.send('x').catch(() => {});
      await page.clock.runFor(100);
      const end = blocked ? streams.at(-1) : last();
      end?.welcome('e:5', {gap: true, limits: {message_bytes: 1000, rate_per_second: 1, burst: 0}});
      await page.clock.runFor(1);
      chat.send('y').catch(() => {});
      end?.say(message(6, 'x'));
      await page.clock.runFor(1);
      if (event === 'waiting') blocked ? end.cut() : end.end(1001);
      await page.clock.runFor(100);
      assert.equal(chat.state, 'closed', event);
      assert.equal(chat.signal('s'), false);
      assert.deepEqual(states.filter((s) => s.state === 'closed').length, 1);
      if (blocked) assert.ok(streams.every((s) => s.aborted), `${event}: streams`);
      await ended(page, event);
    }
  }
});

test('rooms that listeners close, in the way of another one', async () => {
  for (const act of [
    () => last().end(1001),
    () => last().say({type: 'left', room: 'a', code: 1013, reason: ''}),
    () => last().say({type: 'error', room: 'a', code: 'not_joined', message: ''}),
  ]) {
    const page = await inside();
    welcome('a', 'e:0');
    welcome('b', 'e:0');
    a.on('state', ({state}) => {
      if (state !== 'waiting') return;
      a.close();
      b.close();
    });
    act();
    await page.clock.runFor(60_000);
    assert.deepEqual([a.state, b.state, many.rooms.size], ['closed', 'closed', 0], String(act));
    assert.deepEqual(log.filter((line) => line.startsWith('b ')), ['b open', 'b closed closed']);
    many.close();
    await ended(page, String(act));
  }
  const page = await inside();
  many.on('joined', (chat) => note(chat).close());
  welcome('c', 'e:0');
  await page.clock.runFor(10);
  assert.deepEqual([many.rooms.has('c'), sent().at(-1)], [false, {type: 'leave', room: 'c'}], 'put in, and left');
  assert.deepEqual(log.filter((line) => line.startsWith('c ')), ['c closed closed']);
});

test('what is done in any order leaves nothing behind', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed), page = await inside();
    const acts = [
      () => many.join(random.of(['a', 'b', 'c'])), () => many.leave(random.of(['a', 'b', 'c'])), () => many.reconnect(), () => last()?.end(random.of([1001, 1006, 1013, 1009])),
      () => hello(), () => [...many.rooms.keys()].forEach((name) => welcome(name, 'e:0')), () => last().say({type: 'left', room: random.of(['a', 'b', 'c']), code: random.of([1000, 1013, 4003]), reason: ''}),
      () => dispatchEvent(new Event(random.of(['online', 'focus', 'pagehide', 'resume']))), () => dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})),
      () => void random.of([...many.rooms.values()])?.send('x').catch(() => {}), () => page.clock.runFor(3000 * random()), () => page.clock.fastForward(100_000 * random()),
    ];
    for (let n = 0; n < 30; n++) await random.of(acts)();
    many.close();
    await page.clock.runFor(6000); // the latest question why a handshake failed
    assert.equal(many.rooms.size, 0, `seed ${seed}`);
    await ended(page, `seed ${seed}`);
  }
});
