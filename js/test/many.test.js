// Many rooms over one connection: what the client sends, and which room gets each object.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {back, hello, inside, limits, say, sent, welcome} from './rooms.js';

test('rooms share a connection, and each gets its own objects', async () => {
  const page = await inside({username: 'Ann'});
  assert.equal(sockets.length, 1);
  assert.deepEqual([last().url, last().protocols], ['http://127.0.0.1/ws?username=Ann'.replace('http', 'ws'), ['chat.v1']]);
  assert.deepEqual(sent(), [{type: 'join', room: 'a'}, {type: 'join', room: 'b'}]);
  welcome('a', 'e:0');
  const late = many.join('c', {since: 'e:7'});
  assert.equal(many.join('c'), late, 'it is the same one');
  await page.clock.runFor(10);
  assert.deepEqual(sent()[2], {type: 'join', room: 'c', since: 'e:7'});
  assert.deepEqual([a.state, b.state, many.state, [...many.rooms.keys()]], ['open', 'connecting', 'open', ['a', 'b', 'c']]);
  welcome('b', 'f:2');
  say('a', 1, 'in a');
  say('b', 3, 'in b');
  say('z', 1, 'of no room of ours');
  last().say({type: 'system', room: 'b', event: 'join', user: 'u2', username: 'Zoe', time: '', message: ''});
  assert.deepEqual(log.filter((s) => !s.includes('connecting')), ['a open', 'b open', 'a in a', 'b in b']);
  assert.deepEqual([a.position, b.position, a.count, b.count, a.user, a.session], ['e:1:1767225600000', 'f:3:1767225600000', 1, 2, 'me', '']);
  // Objects to the server have the room right after the type.
  last().sent = [];
  const texts = [];
  const {send} = last();
  last().send = function(s) { texts.push(s); send.call(this, s); };
  window.fates = [fate(a.send('x', {id: '1'})), fate(b.send('y "room"', {id: '1', data: {n: 1}}))];
  a.typing();
  b.markRead(3);
  assert.deepEqual(texts, [
    '{"type":"message","room":"a","message":"x","id":"1"}', '{"type":"message","room":"b","message":"y \\"room\\"","data":{"n":1},"id":"1"}',
    '{"type":"typing","room":"a"}', '{"type":"read","room":"b","offset":3,"id":"chat.read"}',
  ]);
  // The same id in two rooms: each room gets its own answer.
  last().say({type: 'error', room: 'b', code: 'rejected', message: 'no', id: '1'});
  last().say({type: 'ack', room: 'a', id: '1', offset: 2});
  assert.deepEqual(await Promise.all(fates), [2, 'rejected']);
});

test('names with any characters work', async () => {
  const page = await inside();
  for (const room of ['$&', '"', 'ü,{}', '__proto__x', '42']) {
    const chat = many.join(room);
    await page.clock.runFor(10);
    welcome(room, 'e:0');
    fate(chat.send('$1, $&'));
    assert.deepEqual([sent().at(-2), sent().at(-1)], [{type: 'join', room}, {type: 'message', room, message: '$1, $&'}]);
  }
  // A rule of the server may change the name.
  const chat = many.join(' Café ');
  await page.clock.runFor(10);
  welcome('café', 'e:0', {id: last().sent.at(-1).id});
  say('café', 1, 'hi');
  assert.deepEqual([chat.state, chat.room, many.rooms.get('café') === chat, many.rooms.has(' Café ')], ['open', 'café', true, false]);
  await back(page);
  assert.equal(sent().find(({rooms}) => rooms).rooms['café'], 'e:1:1767225600000');
});

test('after a loss one frame joins all rooms again, each at its position', async () => {
  const page = await inside();
  welcome('a', 'e:0');
  welcome('b', 'f:5');
  say('a', 1, 'one');
  say('b', 5, 'five');
  window.fates = [fate(a.send('p', {id: 'p'})), fate(b.send('q', {id: 'q'})), fate(a.send('r', {id: 'r'}))];
  log.length = 0;
  await back(page);
  assert.deepEqual(last().protocols, ['chat.v1', `session.${'S'.repeat(32)}`], 'as the same user');
  assert.deepEqual(sent(), [{type: 'join', rooms: {a: 'e:1:1767225600000', b: 'f:5:1767225600000'}}]);
  welcome('a', 'e:2', {resumed: true});
  assert.deepEqual(sent().slice(1), [], 'the replay may show that the message arrived');
  say('a', 1, 'one, again');
  say('a', 2, 'p', {user: 'me', id: 'p'});
  assert.deepEqual(sent().slice(1), [{type: 'message', room: 'a', message: 'r'}], 'a message that is not in the replay is sent again');
  welcome('b', 'g:1', {gap: true});
  say('b', 1, 'q', {user: 'me', id: 'q'});
  last().say({type: 'ack', room: 'a', id: 'r', offset: 3});
  assert.deepEqual(await Promise.all(fates), [2, 1, 3]);
  assert.deepEqual(log.filter((s) => !/connecting|waiting/.test(s)), ['a open', 'a p', 'b open', 'b gap', 'b q']);
});

test('a room that the service has put the user into is reported, and kept', async () => {
  const page = await inside();
  const joined = [];
  many.on('joined', (chat) => joined.push(note(chat)));
  welcome('a', 'e:0');
  welcome('b', 'e:0');
  welcome('invited', 'e:3', {gap: false});
  say('invited', 3, 'welcome here');
  assert.deepEqual([joined.length, joined[0].room, joined[0].state, many.rooms.get('invited') === joined[0]], [1, 'invited', 'open', true]);
  assert.ok(log.includes('invited welcome here'));
  last().sent = [];
  await page.clock.runFor(10);
  assert.deepEqual(sent(), [], 'the user is in the room');
  const reply = fate(joined[0].send('thanks', {id: 't'}));
  last().say({type: 'ack', room: 'invited', id: 't', offset: 4});
  assert.equal(await reply, 4);
  await back(page);
  assert.equal(sent()[0].rooms.invited, 'e:3:1767225600000');
  welcome('invited', 'e:4');
  assert.equal(joined.length, 1);
});

test('one rate, one credential and one end for all of it', async () => {
  let n = 0;
  const page = await inside({token: async () => `t${++n}`});
  const slow = {...limits, rate_per_second: 10, burst: 4};
  welcome('a', 'e:0', {limits: slow});
  welcome('b', 'e:0', {limits: slow});
  last().sent = [];
  window.fates = Array.from({length: 12}, (_, i) => fate((i % 2 ? a : b).send(`m${i}`)));
  assert.equal(sent().length, 4, 'both rooms share the burst');
  let offset = 0;
  last().answer = ({type, room, id}) => type === 'message' && last().say({type: 'ack', room, id, offset: ++offset});
  for (const {room, id} of last().sent) last().say({type: 'ack', room, id, offset: ++offset});
  await page.clock.runFor(5000);
  assert.equal((await Promise.all(fates)).length, 12);
  last().say({type: 'error', code: 'token_expiring', message: ''});
  await page.clock.runFor(1);
  assert.deepEqual(sent().at(-1), {type: 'auth', token: 't2'});
  // A frame that is too long is the fault of one room, with the largest unanswered message.
  last().answer = null;
  window.fates = [fate(a.send('short')), fate(b.send('long'.repeat(100))), fate(a.send('short too'))];
  await page.clock.runFor(1000);
  last().end(1009);
  await page.clock.runFor(2000);
  assert.equal(await fates[1], 'too_long');
  hello();
  await page.clock.runFor(10);
  welcome('a', 'e:0');
  await page.clock.runFor(500);
  assert.equal(sent().filter(({type}) => type === 'message').length, 2);
  many.close();
  assert.deepEqual([many.state, a.state, b.state, await fates[0]], ['closed', 'closed', 'closed', 'closed']);
  // The connection is refused permanently, and so are the rooms. reconnect joins all of them
  // again.
  startMany();
  const c = many.join('c');
  await page.clock.runFor(10);
  last().end(1008, 'no');
  assert.deepEqual([many.state, c.state], ['closed', 'closed']);
  many.reconnect();
  await page.clock.runFor(10);
  hello();
  assert.deepEqual([c.state, sent()], ['connecting', [{type: 'join', room: 'c'}]]);
});
