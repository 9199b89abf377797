// The ways to listen: the async iterator, and the promise of the welcome.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {settled} from './clock.js';
import {stage} from './fake.js';

/** What a promise has come to by now. */
const now = async (promise) => {
  let fate = 'pending';
  promise.then((v) => (fate = v), (e) => (fate = e.code));
  await settled();
  return fate;
};

test('the iterator has each event from its call on, in order, until the chat is closed', async () => {
  const page = await stage();
  start();
  const all = chat.events(), texts = chat.events('message'), left = chat.events('message', 'gap');
  await page.clock.runFor(1);
  const waits = texts.next(); // a reader before there is anything
  last().welcome('e:3');
  for (const n of [1, 2, 3]) last().say(message(n, `m${n}`));
  assert.deepEqual((await waits).value.detail.message, 'm1');
  const first = await left.next();
  assert.deepEqual([first.value.type, first.value.detail.offset, first.value.detail.live], ['message', 1, false]);
  await left.return();
  last().say(message(4, 'm4'));
  assert.deepEqual(await left.next(), {done: true, value: undefined}, 'it was left');
  last().end(1006);
  await settled();
  chat.reconnect();
  await settled();
  last().welcome('e:5', {resumed: true});
  last().say(message(5, 'm5'));
  chat.close();
  const got = [];
  for await (const {type, detail} of texts) got.push(`${type} ${detail.message}`);
  assert.deepEqual(got, ['message m2', 'message m3', 'message m4', 'message m5']);
  const types = [];
  for await (const {type, detail} of all) types.push(type === 'state' ? detail.state : type);
  assert.deepEqual(types, ['connecting', 'open', 'welcome', 'members', 'message', 'message', 'message', 'message', 'waiting', 'connecting',
    'open', 'welcome', 'members', 'message', 'closed']);
  assert.deepEqual(await chat.events().next(), {done: true, value: undefined}, 'it is closed already');
});

test('leaving the loop ends a read that waits', async () => {
  const page = await stage();
  start();
  await page.clock.runFor(1);
  last().welcome('e:0');
  const events = chat.events('message'), waits = [events.next(), events.next()];
  await events.return();
  assert.deepEqual(await Promise.all(waits), [{done: true, value: undefined}, {done: true, value: undefined}]);
});

test('an end by the server is thrown once, after the events before it', async () => {
  const page = await stage();
  start();
  const events = chat.events('message');
  await page.clock.runFor(1);
  last().welcome('e:1');
  last().say(message(1, 'm1'));
  last().end(4003, 'banned');
  await settled();
  assert.equal((await events.next()).value.detail.message, 'm1');
  await assert.rejects(events.next(), {name: 'ChatError', code: 'close_4003', message: 'banned'});
  assert.deepEqual(await events.next(), {done: true, value: undefined});
  await assert.rejects(chat.events().next(), {code: 'close_4003'});
});

test('ready waits for the welcome, over losses, and fails at the end', async () => {
  const page = await stage();
  start();
  const ready = chat.ready();
  await page.clock.runFor(1);
  assert.equal(await now(ready), 'pending');
  last().end(1006);
  await settled();
  assert.equal(await now(ready), 'pending', 'it tries again');
  chat.reconnect();
  await settled();
  last().welcome('e:0');
  assert.equal(await now(ready), chat);
  assert.equal(await now(chat.ready()), chat);
  last().end(4003, 'banned');
  await settled();
  assert.equal(await now(chat.ready()), 'close_4003');
  chat.reconnect();
  const again = chat.ready();
  assert.equal(await now(again), 'pending');
  chat.close();
  assert.equal(await now(again), 'closed');
});

test('a connection of many rooms has them, too', async () => {
  const page = await stage();
  const many = startMany(), ready = many.ready(), events = many.events('joined', 'error');
  await page.clock.runFor(1);
  last().say({type: 'hello', protocol: 'chat.v1', user: 'me', username: 'Me', session: '', limits: {rooms: 9}});
  assert.equal(await now(ready), many);
  last().say({type: 'error', code: 'bad_request', message: 'no'});
  assert.equal((await events.next()).value.detail.code, 'bad_request');
  const a = many.join('a'), joined = a.ready();
  assert.equal(await now(joined), 'pending');
  many.close();
  assert.equal(await now(joined), 'closed');
  assert.deepEqual(await events.next(), {done: true, value: undefined});
});
