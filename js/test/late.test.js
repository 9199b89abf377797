// What comes late: credentials, answers to what nobody waits for any longer, and a pause that concerns other rooms, too.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';
import {inside, welcome} from './rooms.js';
import {web} from './web.js';

const live = () => sockets.filter((s) => s.onclose && !s.closed).length;
const slow = (ms) => () => new Promise((resolve) => setTimeout(resolve, ms, 'a.b'));

test('credentials that take long are waited for, a minute at most; those that come too late make no second connection', async (t) => {
  t.mock.method(AbortSignal, 'timeout', (ms) => { // by the clock of the test
    const c = new AbortController();
    setTimeout(() => c.abort(), ms);
    return c.signal;
  });
  const page = await stage({clock: true});
  start({token: slow(40_000)});
  await page.clock.runFor(41_000);
  assert.equal(sockets.length, 1);
  await page.clock.runFor(14_000);
  last().welcome('e:0');
  assert.equal(chat.state, 'open', 'the time for the handshake begins with the handshake');
  chat.close();

  const other = await stage({clock: true});
  start({token: slow(70_000)});
  for (let i = 0; i < 300; i++) {
    await other.clock.runFor(1000);
    assert.ok(live() <= (chat.state === 'waiting' ? 0 : 1), `${i} s: ${live()} connections`);
  }
  assert.ok(states.filter((s) => s.state === 'connecting').length >= 3, 'it tries again');
});

test('an answer to the question why a handshake hangs, after it has failed, counts once', async () => {
  const page = await stage({clock: true});
  const answers = [];
  web({plain: () => new Promise((resolve) => answers.push(() => resolve(new Response('', {status: 426}))))});
  start();
  await page.clock.runFor(100);
  last().welcome('e:0'); // WebSockets have worked, so that it takes two attempts
  last().end(1001);
  chat.reconnect();
  await page.clock.runFor(4500); // it asks
  last().end(1006); // and once more
  await page.clock.runFor(1);
  assert.equal(answers.length, 2);
  for (const answer of answers) answer();
  await page.clock.runFor(1);
  assert.deepEqual([chat.state, chat.transport], ['waiting', 'websocket']);
});

test('fresh credentials that come after a loss are not sent on the next connection', async () => {
  const page = await stage({clock: true});
  let wait = 0;
  start({token: () => slow(wait)()});
  chat.on('error', (e) => errors.push(e.code));
  await page.clock.runFor(100);
  last().welcome('e:0');
  wait = 1000;
  last().say({type: 'error', code: 'token_expiring', message: ''});
  wait = 0;
  last().end(1001);
  chat.reconnect();
  await page.clock.runFor(3000);
  assert.deepEqual([last().sent, errors], [[], []]);
});

test('after rate_limited in one room the others wait, too', async () => {
  const page = await inside();
  welcome('a', 'e:0');
  welcome('b', 'e:0');
  a.send('x', {id: 'x'}).catch(() => {});
  last().say({type: 'error', room: 'a', id: 'x', code: 'rate_limited', message: '', retry_after_ms: 3000});
  b.send('y', {id: 'y'}).catch(() => {});
  last().sent = [];
  await page.clock.runFor(2900);
  assert.deepEqual(last().sent, []);
  await page.clock.runFor(200);
  assert.deepEqual(last().sent.map((o) => o.id).sort(), ['x', 'y']);
});

test('a marker is a whole number', async () => {
  const page = await stage({clock: true});
  start();
  await page.clock.runFor(100);
  last().welcome('e:9', {read: 0});
  for (const offset of [Infinity, NaN, 1.5, '7', null, undefined, {}, -1, 0, 4]) chat.markRead(offset);
  await page.clock.runFor(1000);
  assert.deepEqual(last().sent.map((o) => o.offset), [4]);
});

test('what is asked over HTTP is given up with the connection', async () => {
  const page = await stage({clock: true});
  globalThis.WebSocket = undefined;
  const given = [];
  globalThis.fetch = (url, {signal} = {}) => new Promise((_, no) => given.push(signal) && signal?.addEventListener('abort', () => no(signal.reason)));
  startMany({});
  await page.clock.runFor(100);
  assert.equal(given.length, 1);
  many.close();
  assert.ok(given[0].aborted);

  const other = await stage({clock: true});
  globalThis.WebSocket = undefined;
  const {streams} = web();
  start();
  await other.clock.runFor(100);
  streams[0].welcome('e:0');
  await other.clock.runFor(1);
  const {fetch} = globalThis;
  globalThis.fetch = (url, init) => (String(url).includes('/messages') ? new Promise(() => given.push(init.signal)) : fetch(url, init));
  const fails = fate(chat.history());
  await other.clock.runFor(1);
  chat.close();
  assert.ok(given[1].aborted);
  assert.equal(await fails, 'closed');
});
