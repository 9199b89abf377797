// Where WebSockets are blocked: when the client uses plain HTTP, what it does then, and how it
// returns to WebSockets.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';
import {refusal, web} from './web.js';

const html = (status) => new Response('<h1>no</h1>', {status});
const state = () => [chat.state, chat.transport];

/** A client whose first WebSocket is blocked, and its open stream. */
async function blocked(options = {}, answers = {}) {
  const page = await stage({clock: true});
  const seen = web(answers);
  start(options);
  await page.clock.runFor(10);
  last().end();
  await page.clock.runFor(10);
  assert.equal(seen.streams.length, 1);
  seen.streams[0].welcome('e:0');
  await page.clock.runFor(10);
  assert.deepEqual(state(), ['open', 'http']);
  return {page, ...seen};
}

test('a blocked WebSocket and a refused one are distinguished', async () => {
  for (const [what, plain, over] of [
    ['426: the server would have let it in', () => refusal(426, 'upgrade_required'), 'http'],
    ['refused by a filter', () => html(403), 'http'],
    ['a page of somebody between', () => html(200), 'http'],
    ['refused by the server', () => refusal(403, 'forbidden'), 'closed'],
    ['not known to the server', () => refusal(401, 'unauthorized'), 'closed'],
    ['too many connections', () => refusal(429, 'too_many', {'Retry-After': '1'}), 'websocket'],
    ['shutting down', () => refusal(503, 'unavailable', {'Retry-After': '1'}), 'websocket'],
    ['a proxy without its server', () => html(502), 'websocket'],
    ['nobody there', () => { throw new TypeError('refused'); }, 'websocket'],
  ]) {
    const page = await stage({clock: true});
    const {streams} = web({plain});
    start({});
    await page.clock.runFor(10);
    last().end();
    await page.clock.runFor(10);
    if (over === 'closed') assert.equal(chat.state, 'closed', what);
    else assert.equal(chat.transport, over, what);
    assert.equal(streams.length, over === 'http' ? 1 : 0, what);
    await page.clock.runFor(2000);
    assert.equal(sockets.length, over === 'websocket' ? 2 : 1, what);
  }
});

test('a hanging handshake is given up when plain HTTP is answered', async () => {
  const page = await stage({clock: true});
  const {streams} = web();
  start({});
  await page.clock.runFor(3900);
  assert.equal(streams.length, 0);
  await page.clock.runFor(200);
  assert.deepEqual([streams.length, last().closed, chat.transport], [1, 1000, 'http']);
  // It is not given up while nothing is answered and an answer may still come, nor when the
  // WebSocket opens.
  for (const [plain, opened] of [[() => { throw new TypeError(); }, 0], [undefined, 1]]) {
    const page = await stage({clock: true});
    const {streams} = web(plain && {plain});
    start({});
    await page.clock.runFor(100);
    last().readyState = opened;
    await page.clock.runFor(9000);
    assert.deepEqual([streams.length, sockets.length, last().closed], [0, 1, undefined]);
    await page.clock.runFor(14_000);
    assert.equal(sockets[0].closed, 1000);
  }
});

test('after a WebSocket has worked, one that fails does not count as blocked', async () => {
  const page = await stage({clock: true});
  const {streams} = web();
  start({});
  await page.clock.runFor(10);
  last().welcome('e:0');
  await page.clock.runFor(10_000);
  last().end();
  await page.clock.runFor(2000);
  last().end();
  await page.clock.runFor(10);
  assert.deepEqual([streams.length, chat.state], [0, 'waiting']);
  await page.clock.runFor(4000);
  last().end();
  await page.clock.runFor(10);
  assert.deepEqual([streams.length, streams[0]?.since], [1, 'e:0']);
});

test('sockets that are cut within five seconds, three times in a row', async () => {
  for (const [lives, code, http] of [[[1000, 1000, 1000], 1006, true], [[1000, 6000, 1000, 1000], 1006, false], [[1000, 1000, 1000, 1000], 1001, false]]) {
    const page = await stage({clock: true});
    const {streams} = web();
    start({});
    await page.clock.runFor(10);
    for (const ms of lives) {
      last().welcome('e:0');
      await page.clock.runFor(ms);
      last().end(code);
      chat.reconnect();
      await page.clock.runFor(10);
    }
    assert.equal(streams.length, http ? 1 : 0, `${lives} ${code}`);
  }
});

test('sending over HTTP: one after the other, again with the same id, and each refusal is for one message', async () => {
  let answer = null;
  const {page, streams, posts} = await blocked({username: 'Ann&', token: async () => 'tok'}, {post: (p, n) => answer?.(p, n)});
  assert.deepEqual([streams[0].url.href, streams[0].headers.Authorization], ['http://127.0.0.1/rooms/r/events?username=Ann%26', 'Bearer tok']);
  const sends = ['a', 'b', 'c', 'd'].map((id) => fate(chat.send(id, {id})));
  await page.clock.runFor(10);
  assert.deepEqual(posts.map((p) => p.body), ['{"type":"message","message":"a","id":"a"}'], 'the first message has no answer yet');
  assert.equal(posts[0].url.href, `http://127.0.0.1/rooms/r/events?username=Ann%26&session=${'S'.repeat(32)}`);
  assert.equal(posts[0].headers['Content-Type'], 'application/json');
  // The stream is cut. It is not known whether messages without an answer were stored, so they
  // are sent again after the replay.
  answer = ({object: {id}}, n) => ({
    b: refusal(422, 'rejected'), c: n < 6 ? refusal(429, 'rate_limited', {'Retry-After': '2'}) : undefined, d: html(413),
  })[id] ?? new Response(JSON.stringify({type: 'ack', id, offset: n}));
  streams[0].cut();
  await page.clock.runFor(2000);
  assert.equal(posts[0].signal.aborted, true);
  assert.equal(streams[1].since, 'e:0');
  streams[1].welcome('e:1', {resumed: true});
  await page.clock.runFor(100);
  assert.equal(posts.length, 1);
  streams[1].say(message(1, 'a', {user: 'me', id: 'a'}));
  await page.clock.runFor(1000);
  assert.deepEqual(posts.slice(1).map((p) => p.object.id).slice(0, 2), ['b', 'c']);
  await page.clock.runFor(5000);
  assert.deepEqual(await Promise.all(sends), [1, 'rejected', posts.findLastIndex((p) => p.object.id === 'c') + 1, 'too_long']);
  assert.deepEqual(got, ['a']);
  assert.deepEqual(state(), ['open', 'http']);
  // A proxy loses the server or the network. It is not known whether the message was stored, so
  // it is sent again.
  let tries = 0;
  answer = ({object: {id}}) => {
    if (++tries === 1) return html(502);
    if (tries === 2) throw new TypeError('gone');
    return new Response(JSON.stringify({type: 'ack', id, offset: 77}));
  };
  const e = fate(chat.send('e', {id: 'e'}));
  for (let i = 2; i < 4; i++) {
    await page.clock.runFor(8000);
    streams.at(-1).welcome('e:1', {resumed: true});
  }
  await page.clock.runFor(1000);
  assert.deepEqual([await e, tries], [77, 3]);
});

test('typing, history, expiring tokens, and the end over HTTP', async () => {
  const {page, streams, posts} = await blocked({token: async () => 'tok'});
  chat.typing();
  chat.signal('s', {x: 1});
  await page.clock.runFor(10);
  assert.deepEqual(posts.map((p) => p.object.type), ['typing', 'signal']);
  const older = await chat.history({before: 9, limit: 5});
  assert.deepEqual([older.messages[0].message, older.asked, older.epoch], ['old', '?before=9&limit=5', 'e']);
  streams[0].say({type: 'error', code: 'token_expiring', message: ''});
  await page.clock.runFor(10);
  assert.equal(posts.length, 2, 'each request has its own post');
  streams[0].say({type: 'left', room: 'r', code: 4001, reason: 'credentials ran out'});
  await page.clock.runFor(2000);
  assert.equal(streams.length, 2);
  streams[1].welcome('e:0');
  streams[1].say({type: 'goodbye', reason: 'shutdown', retry_after_ms: 7000});
  streams[1].say({type: 'left', room: 'r', code: 1001, reason: ''});
  await page.clock.runFor(6900);
  assert.equal(streams.length, 2, 'it reconnects at the time that the server asked for');
  await page.clock.runFor(200);
  assert.equal(streams.length, 3);
  streams[2].welcome('e:0');
  streams[2].say({type: 'left', room: 'r', code: 4003, reason: 'banned'});
  await page.clock.runFor(60_000);
  assert.deepEqual([chat.state, states.at(-1).error.code, streams.length], ['closed', 'close_4003', 3]);
});

test('a stream that is refused, silent, or does not exist', async () => {
  for (const [status, code, then] of [[403, 'forbidden', 'closed'], [401, 'unauthorized', 'closed'], [503, 'unavailable', 'http'], [404, 'not_found', 'websocket'], [501, 'internal', 'websocket']]) {
    const page = await stage({clock: true});
    const {streams} = web({open: () => refusal(status, code, {'Retry-After': '3'})});
    start({});
    await page.clock.runFor(10);
    last().end();
    await page.clock.runFor(20);
    assert.equal(streams.length, 1);
    if (then === 'closed') assert.equal(chat.state, 'closed', code);
    else assert.deepEqual(state(), ['waiting', then], code);
    await page.clock.runFor(12_000);
    assert.equal(streams.length > 1, then === 'http', code);
  }
  // A comment in each ping interval keeps the stream. Without one it counts as dead.
  const {page, streams} = await blocked();
  for (let i = 0; i < 8; i++) {
    await page.clock.runFor(25_000);
    if (sockets.length > 1) last().end(); // a try that fails
    streams[0].raw(':\n\n');
    await page.clock.runFor(10);
  }
  assert.equal(streams.length, 1);
  await page.clock.runFor(66_000);
  assert.ok(streams[0].aborted);
});

test('where HTTP was needed, the client returns to it soon', async () => {
  let there = true;
  const {page, streams} = await blocked({}, {open: () => {
    if (!there) throw new TypeError('gone');
  }});
  there = false;
  streams[0].cut();
  while (chat.transport === 'http') await page.clock.runFor(500);
  assert.equal(streams.length, 3, 'two failed: the network may be another one');
  there = true;
  while (sockets.length < 2) await page.clock.runFor(500);
  last().end();
  await page.clock.runFor(10);
  assert.deepEqual([streams.length, chat.transport], [4, 'http'], 'one failed WebSocket is enough here');
});

test('a WebSocket is tried again at growing intervals, and used if it stays open', async () => {
  const {page, streams, posts} = await blocked({}, {post: ({object: {id}}) => (id === 'slow' ? undefined : new Response(JSON.stringify({type: 'ack', id, offset: 5})))});
  const began = [];
  let seen = 1;
  for (let s = 0; s < 700; s++) {
    await page.clock.runFor(1000);
    streams[0].raw(':\n\n');
    if (sockets.length === seen) continue;
    seen = sockets.length;
    began.push(s);
    if (began.length > 2) break;
    last().end(); // still blocked
  }
  assert.ok(began[0] >= 25 && began[0] <= 95, `${began}`);
  assert.ok(began[1] - began[0] >= 55 && began[2] - began[1] >= 115, `${began}`);
  assert.equal(streams.length, 1, 'the stream stays meanwhile');
  // The WebSocket opens, but the posts that are already sent over HTTP end first.
  const trial = last();
  trial.welcome('e:0');
  trial.say(message(9, 'not looked at'));
  const slow = fate(chat.send('slow', {id: 'slow'}));
  await page.clock.runFor(8000);
  streams[0].say(message(1, 'live'));
  await page.clock.runFor(10);
  assert.deepEqual(state(), ['open', 'http']);
  assert.equal(posts.length, 1);
  streams[0].say(message(2, 'slow', {user: 'me', id: 'slow'}));
  await page.clock.runFor(15_000); // the post is given up
  assert.equal(await slow, 2);
  streams.at(-1).welcome?.('e:2', {resumed: true});
  for (let s = 0; s < 900 && sockets.length === seen; s++) {
    await page.clock.runFor(1000);
    streams.at(-1).raw(':\n\n');
  }
  last().welcome('e:2');
  await page.clock.runFor(5900);
  assert.equal(sockets.length, seen + 1);
  await page.clock.runFor(200);
  assert.deepEqual([sockets.length, chat.transport, new URL(last().url).searchParams.get('since')], [seen + 2, 'websocket', 'e:2:1767225600000']);
  assert.ok(streams.at(-1).aborted && sockets.at(-2).closed === 1000);
  last().welcome('e:2', {resumed: true});
  last().say(message(3, 'over the socket'));
  assert.deepEqual([got, state()], [['live', 'slow', 'over the socket'], ['open', 'websocket']]);
});

test('a try whose credentials come after the stream is lost is none', async () => {
  let give = null, prompt = true;
  const {page, streams} = await blocked({token: () => (prompt ? 'tok' : new Promise((resolve) => (give = () => resolve('tok'))))});
  prompt = false;
  for (let s = 0; s < 100 && !give; s++) {
    await page.clock.runFor(1000);
    streams[0].raw(':\n\n');
  }
  const late = give;
  streams[0].cut();
  await page.clock.runFor(10);
  assert.equal(chat.state, 'waiting');
  late();
  await page.clock.runFor(10);
  assert.ok(sockets.length === 1 || last().closed === 1000, 'it is closed');
});

test('without WebSockets at all it begins over HTTP', async () => {
  const page = await stage({clock: true});
  const {streams} = web();
  globalThis.WebSocket = undefined;
  start({});
  await page.clock.runFor(10);
  streams[0].welcome('e:0');
  streams[0].say(message(1, 'hi'));
  await page.clock.runFor(10);
  assert.deepEqual([got, state()], [['hi'], ['open', 'http']]);
  await page.clock.runFor(50_000);
  assert.deepEqual(state(), ['open', 'http']);
});
