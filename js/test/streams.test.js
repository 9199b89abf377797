// Many rooms where WebSockets are blocked: a stream for each, as far as the browser's limit of
// connections allows.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Records} from '../src/sse.js';
import {stage} from './fake.js';
import {refusal, web} from './web.js';

/** A connection for many rooms whose first WebSocket is blocked, in the rooms named. */
async function blocked(rooms, answers = {}, options = {}) {
  const page = await stage({clock: true});
  const seen = web(answers);
  startMany(options);
  window.log = [];
  window.chats = Object.fromEntries(rooms.map((room) => {
    const chat = many.join(room);
    chat.on('message', (m) => log.push(`${room} ${m.message}`));
    chat.on('state', ({state, error}) => log.push(`${room} ${state}${error ? ` ${error.code}` : ''}`));
    return [room, chat];
  }));
  await page.clock.runFor(10);
  last().end();
  await page.clock.runFor(10);
  assert.deepEqual([many.state, many.transport], ['open', 'http']);
  return {page, ...seen};
}

const live = (streams) => streams.filter((s) => !s.aborted).map((s) => s.room);
const of = (streams, room) => streams.findLast((s) => s.room === room);
const states = () => Object.values(chats).map(({state}) => state).join(' ');

test('the first stream gives the identity of the user for all', async () => {
  const {page, streams, posts} = await blocked(['a', 'b', 'c'], {}, {username: 'Ann'});
  assert.deepEqual(live(streams), ['a'], 'so that all rooms have the same user');
  streams[0].welcome('e:0');
  await page.clock.runFor(10);
  assert.deepEqual(streams.map((s) => [s.room, s.session?.length]), [['a', undefined], ['b', 32], ['c', 32]]);
  of(streams, 'b').welcome('f:3');
  of(streams, 'b').say(message(4, 'in b'));
  await page.clock.runFor(10);
  const sent = fate(chats.b.send('hi', {id: '1'}));
  await page.clock.runFor(10);
  assert.deepEqual([await sent, posts[0].url.pathname, posts[0].object], [1, '/rooms/b/events', {type: 'message', message: 'hi', id: '1'}]);
  assert.deepEqual([states(), chats.b.position, many.session.length, many.user], ['open open connecting', 'f:4:1767225600000', 32, 'me']);
  assert.ok(log.includes('b in b'));
  // A refusal or end of a room is for that room. A failure of the network is for all.
  of(streams, 'b').say({type: 'left', room: 'b', code: 4003, reason: 'banned'});
  await page.clock.runFor(10);
  assert.deepEqual([states(), many.rooms.has('b')], ['open closed connecting', false]);
  of(streams, 'a').say({type: 'left', room: 'a', code: 1013, reason: 'slow'});
  await page.clock.runFor(2000);
  assert.equal(streams.filter((s) => s.room === 'a').length, 2, 'it joins again');
  of(streams, 'a').welcome('e:0', {resumed: true});
  of(streams, 'c').welcome('e:0');
  await page.clock.runFor(10);
  of(streams, 'c').cut();
  await page.clock.runFor(10);
  assert.equal(many.state, 'waiting');
  await page.clock.runFor(3000);
  assert.deepEqual(live(streams).sort(), ['a', 'c']);
  assert.deepEqual(streams.slice(-2).map((s) => [s.room, s.since]), [['a', 'e:0'], ['c', 'e:0']]);
});

test('the four rooms used last have a stream; the others resume when they are used', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const {page, streams} = await blocked(names);
  streams[0].welcome('e:0');
  await page.clock.runFor(10);
  for (const s of streams.slice(1)) s.welcome('e:0');
  await page.clock.runFor(10);
  assert.deepEqual([live(streams), states()], [['a', 'b', 'c', 'd'], 'open open open open waiting waiting']);
  assert.ok(log.includes('e waiting too_many_streams'));
  await page.clock.runFor(20_000);
  assert.equal(streams.length, 4, 'they wait, and other users see no leaves and joins');
  // A room that is used takes the stream of the room that was unused for the longest time.
  fate(chats.a.send('x'));
  const sent = fate(chats.e.send('from e'));
  await page.clock.runFor(10);
  assert.deepEqual(live(streams), ['a', 'c', 'd', 'e']);
  of(streams, 'e').welcome('e:7');
  await page.clock.runFor(10);
  assert.deepEqual([await sent > 0, states()], [true, 'open waiting open open open waiting']);
  const b = fate(chats.b.send('from b')), f = fate(chats.f.send('from f'));
  await page.clock.runFor(10);
  for (const room of ['b', 'f']) of(streams, room)?.welcome('e:0');
  await page.clock.runFor(10);
  assert.deepEqual([typeof await b, typeof await f], ['number', 'number']);
  fate(chats.c.send('c'));
  fate(chats.d.send('d'));
  await page.clock.runFor(4000);
  for (const room of ['c', 'd']) of(streams, room).welcome('e:0', {resumed: true});
  await page.clock.runFor(10);
  assert.deepEqual([chats.c.state, chats.d.state, live(streams).length], ['open', 'open', 4]);
  // A stream that becomes free goes to a waiting room.
  const waits = Object.values(chats).filter(({state}) => state === 'waiting').length;
  many.leave('c');
  await page.clock.runFor(2000);
  assert.deepEqual([live(streams).length, Object.values(chats).filter(({state}) => state === 'waiting').length], [4, waits - 1]);
  // No room is left behind when WebSockets work again.
  many.reconnect();
  many.close();
  await page.clock.runFor(10);
  assert.deepEqual(live(streams), []);
});

test('a room that the user opens gets a stream within seconds', async () => {
  const {page, streams} = await blocked(['a', 'b', 'c', 'd']);
  streams[0].welcome('e:0');
  await page.clock.runFor(10);
  for (const s of streams.slice(1)) s.welcome('e:0');
  chats.e = many.join('e');
  await page.clock.runFor(1800);
  assert.deepEqual([live(streams), chats.e.state], [['a', 'b', 'c', 'd'], 'connecting']);
  await page.clock.runFor(700);
  assert.deepEqual([live(streams), chats.a.state], [['b', 'c', 'd', 'e'], 'waiting']);
  chats.a.reconnect();
  await page.clock.runFor(2500);
  assert.deepEqual([live(streams), chats.b.state, of(streams, 'a').since], [['c', 'd', 'e', 'a'], 'waiting', 'e:0']);
});

test('rooms take turns if all have something to send', async () => {
  const slow = [];
  const {page, streams, posts} = await blocked(['a', 'b', 'c', 'd', 'e'], {post: (p) => void slow.push(p)});
  streams[0].welcome('e:0');
  await page.clock.runFor(10);
  for (const s of streams.slice(1)) s.welcome('e:0');
  await page.clock.runFor(10);
  const sent = Object.fromEntries(Object.entries(chats).map(([room, chat]) => [room, fate(chat.send(room, {id: room}))]));
  await page.clock.runFor(1900);
  assert.deepEqual([live(streams), posts.length], [['a', 'b', 'c', 'd'], 4], 'a room keeps its stream for a while');
  await page.clock.runFor(5000);
  assert.deepEqual(live(streams), ['a', 'b', 'c', 'd'], 'and as long as a message has no answer');
  // The message is stored, and the answer has arrived, but the next one is not sent yet when the
  // room must wait.
  streams[1].say(message(1, 'b', {user: 'me', id: 'b'}));
  await page.clock.runFor(10);
  assert.equal(await sent.b, 1);
  await page.clock.runFor(14_000); // the posts of the others are given up, and all begin again
  assert.ok(streams[0].aborted);
  for (let i = 0; i < 40; i++) {
    await page.clock.runFor(500);
    for (const s of streams) {
      if (!s.aborted && !s.done) s.done = s.welcome('e:1', {resumed: true}) ?? true;
      if (!s.aborted) for (const room of ['a', 'c', 'd', 'e']) if (s.room === room && posts.some((p) => p.object.id === room)) s.say(message(9, room, {user: 'me', id: room}));
    }
  }
  assert.deepEqual([await sent.a, await sent.c, await sent.d, await sent.e], [9, 9, 9, 9]);
});

test('a refusal over HTTP is for one room; one of credentials is for all', async () => {
  const {page, streams} = await blocked(['a', 'b', 'c'], {
    open: (s) => ({b: refusal(403, 'forbidden'), c: refusal(503, 'unavailable', {'Retry-After': '2'})})[s.room],
  });
  streams[0].welcome('e:0');
  await page.clock.runFor(10);
  assert.deepEqual([states(), many.state], ['open closed waiting', 'open']);
  await page.clock.runFor(3100);
  assert.deepEqual(streams.map((s) => s.room), ['a', 'b', 'c', 'c']);
  of(streams, 'a').say({type: 'left', room: 'a', code: 4001, reason: 'credentials ran out'});
  await page.clock.runFor(10);
  assert.deepEqual([many.state, chats.a.state], ['closed', 'closed']);
});

test('a server without streams is not asked for them again', async () => {
  const page = await stage({clock: true}), {streams} = web({open: () => refusal(404, 'not_found')});
  startMany();
  window.chats = {a: many.join('a'), b: many.join('b')};
  await page.clock.runFor(10);
  last().end();
  await page.clock.runFor(2000);
  assert.deepEqual([streams.length, many.transport, states(), sockets.length], [1, 'websocket', 'connecting connecting', 2]);
});

test('HTTP/2 has no such limit', async (t) => {
  const note = (nextHopProtocol, origin = 'http://127.0.0.1') => ({name: `${origin}/rooms?limit=1`, nextHopProtocol});
  t.mock.method(performance, 'getEntriesByType', () => [note('http/1.1'), note('h2'), note(''), note('http/1.1', 'http://elsewhere')]);
  const names = Array.from({length: 12}, (_, i) => `r${i}`);
  const {page, streams} = await blocked(names);
  streams[0].welcome('e:0');
  await page.clock.runFor(10);
  assert.deepEqual(live(streams), names);
});

test('records of a stream that is cut at any byte', async () => {
  const stream = 'retry: 3000\n\n:\n\nid: e:1\ndata: {"a":1}\n\ndata:{"b":\rdata: 2}\r\revent: x\r\ndata: "c"\r\ndata: 3\r\n\r\ndata\n\nid: 9\n\ndata: "d"\n\ndata: unfinished\n';
  const whole = ['{"a":1}', '{"b":\n2}', '"c"\n3', '"d"'];
  for (let i = 0; i <= stream.length; i++) {
    for (const j of [i, i + 1, i + 2]) {
      const records = new Records();
      const all = [stream.slice(0, i), stream.slice(i, j), stream.slice(j)].flatMap((text) => records.push(text));
      assert.deepEqual(all, whole, `cut at ${i} and ${j}`);
    }
  }
});
