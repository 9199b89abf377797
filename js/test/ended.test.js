// Rooms of a connection that end, are left, or are refused: each alone.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {back, inside, say, sent, welcome} from './rooms.js';

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
