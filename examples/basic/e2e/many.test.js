// Many rooms over one connection: what the client sends, and which room gets each object.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';

const limits = {message_bytes: 1000, rate_per_second: 0, burst: 0, data_bytes: 100, rooms: 100};
const hello = (more = {}) => last().say({type: 'hello', protocol: 'chat.v1', user: 'me', username: 'Me', session: 'S'.repeat(32), limits, ...more});
const welcome = (room, position, more = {}) => last().say({
  type: 'welcome', room, protocol: 'chat.v1', user: 'me', username: 'Me', session: '', position, resumed: false, gap: false,
  members: [{user: 'me', username: 'Me'}], member_count: 1, limits, ...more,
});
const say = (room, offset, text, more = {}) => last().say({...message(offset, text, more), room});
const sent = () => last().sent.map(({id, ...o}) => o);

/** A connection in the rooms a and b, with the events of each room in `log`. */
async function inside(options = {}) {
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
async function back(page) {
  last().end(1001);
  many.reconnect();
  await page.clock.runFor(10);
  last().sent = [];
  hello();
  await page.clock.runFor(10);
}

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

test('the end of a room is the end of this room alone', async () => {
  const page = await inside();
  welcome('a', 'e:0');
  welcome('b', 'e:0');
  say('a', 4, 'x');
  const left = (room, code, reason = 'why') => last().say({type: 'left', room, code, reason});
  // Too slow: the room is joined again at its position, after a random pause.
  last().sent = [];
  left('a', 1013);
  say('a', 5, 'of what has ended');
  assert.deepEqual([a.state, b.state], ['waiting', 'open']);
  await page.clock.runFor(40);
  assert.deepEqual(sent(), []);
  await page.clock.runFor(1100);
  assert.deepEqual(sent(), [{type: 'join', rooms: {a: 'e:4:1767225600000'}}]);
  welcome('a', 'e:5', {resumed: true});
  say('a', 5, 'y');
  assert.equal(a.state, 'open');
  // Forbidden, removed, or taken out by the service: the room is not joined again.
  for (const code of [4003, 1008, 1000]) {
    const chat = note(many.join(`r${code}`));
    await page.clock.runFor(10);
    welcome(`r${code}`, 'e:0');
    window.late = fate(chat.send('never'));
    last().sent = [];
    left(`r${code}`, code);
    await page.clock.runFor(20_000);
    assert.deepEqual([chat.state, await late, log.at(-1), many.rooms.has(`r${code}`)], ['closed', `close_${code}`, `r${code} closed close_${code}`, false]);
    assert.deepEqual(sent().filter(({type}) => type !== 'ping'), []);
    await back(page);
    assert.deepEqual(sent(), [{type: 'join', rooms: {a: 'e:5:1767225600000', b: 'e:0'}}]);
    welcome('a', 'e:5', {resumed: true});
    welcome('b', 'e:0', {resumed: true});
  }
  assert.ok(!log.includes('a of what has ended') && log.includes('a y'));
});

test('a room that was left, and joined again before the answer', async () => {
  const page = await inside();
  welcome('a', 'e:0');
  welcome('b', 'e:0');
  last().sent = [];
  const unsent = fate(a.send('not yet', {id: 'n'}));
  many.leave('a');
  assert.equal(await unsent, 'closed');
  const again = note(many.join('a'));
  assert.notEqual(again, a);
  await page.clock.runFor(10);
  assert.deepEqual(sent().slice(1), [{type: 'leave', room: 'a'}, {type: 'join', room: 'a'}]);
  log.length = 0;
  say('a', 1, 'of the time before');
  last().say({type: 'left', room: 'a', code: 1000, reason: ''});
  assert.equal(again.state, 'connecting');
  welcome('a', 'e:1');
  say('a', 1, 'of now');
  assert.deepEqual(log, ['a open', 'a of now']);
  // The server ended the room at the same moment. The old room is not joined.
  many.leave('b');
  const b2 = note(many.join('b'));
  await page.clock.runFor(10);
  last().say({type: 'left', room: 'b', code: 1013, reason: ''});
  last().say({type: 'error', room: 'b', code: 'not_joined', message: ''});
  welcome('b', 'e:0');
  assert.equal(b2.state, 'open');
  // Its join was refused meanwhile. That answer also belongs to the old room.
  many.leave('b');
  last().say({type: 'left', room: 'b', code: 1000, reason: ''});
  many.join('b');
  await page.clock.runFor(10);
  many.leave('b');
  const b3 = note(many.join('b'));
  await page.clock.runFor(10);
  last().say({type: 'error', room: 'b', code: 'forbidden', message: ''});
  last().say({type: 'error', room: 'b', code: 'not_joined', message: ''});
  welcome('b', 'e:0');
  assert.equal(b3.state, 'open');
  // The client does not wait for the answer on another connection.
  many.leave('b');
  await back(page);
  const b4 = many.join('b');
  await page.clock.runFor(10);
  welcome('b', 'e:0');
  welcome('a', 'e:1', {resumed: true});
  assert.equal(b4.state, 'open');
  // The old Chat does not remove the room of the new one.
  a.reconnect();
  assert.deepEqual([a.state, again.state, many.rooms.get('a') === again], ['closed', 'open', true]);
});

test('a join that is refused', async () => {
  const page = await inside();
  const refuse = (room, code, more = {}) => last().say({type: 'error', room, code, message: code, ...more});
  refuse('a', 'forbidden');
  assert.deepEqual([a.state, log.at(-1), many.rooms.has('a'), b.state, many.state], ['closed', 'a closed forbidden', false, 'connecting', 'open']);
  last().sent = [];
  refuse('b', 'unavailable', {retry_after_ms: 4000});
  assert.equal(b.state, 'waiting');
  await page.clock.runFor(3900);
  assert.deepEqual(sent(), []);
  await page.clock.runFor(2200);
  assert.deepEqual(sent(), [{type: 'join', room: 'b'}]);
  refuse('b', 'unavailable');
  await page.clock.runFor(2000);
  assert.deepEqual(sent().length, 2);
  welcome('b', 'e:0');
  refuse('b', 'rate_limited');
  assert.equal(b.state, 'open', 'in the room, an error does not refuse the join');
  assert.equal(log.at(-1), 'b rate_limited');
  // A position of another server is dropped, once.
  const c = note(many.join('c', {since: 'x:1'}));
  await page.clock.runFor(10);
  refuse('c', 'bad_request');
  await page.clock.runFor(10);
  assert.deepEqual(sent().at(-1), {type: 'join', room: 'c'});
  refuse('c', 'bad_request');
  assert.equal(c.state, 'closed');
  const d = note(many.join('d'));
  await page.clock.runFor(10);
  refuse('d', 'too_many');
  await page.clock.runFor(20_000);
  assert.deepEqual([d.state, log.at(-1)], ['closed', 'd closed too_many']);
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
