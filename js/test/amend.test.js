// Messages with data, and changes of messages: what chat.js sends and reports.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';
import {until} from './server.js';

/** The objects that were sent on a connection, without their ids. */
const sent = (page, i = -1) => page.evaluate((i) => sockets.at(i).sent.map(({id, ...o}) => o), i);

const calls = `() => [
  chat.send('a', {data: {n: [1, null]}, replyTo: 7}), chat.send('', {to: 'u9', data: {}}), chat.edit(7, 'b', {data: {n: 2}}), chat.edit(7, 'c'),
  chat.react(7, '👍'), chat.unreact(7, '👍'), chat.delete(7),
]`;
const frames = [
  {type: 'message', message: 'a', data: {n: [1, null]}, reply_to: 7}, {type: 'private', to: 'u9', message: '', data: {}},
  {type: 'edit', target: 7, message: 'b', data: {n: 2}}, {type: 'edit', target: 7, message: 'c'},
  {type: 'reaction', target: 7, reaction: '👍'}, {type: 'reaction', target: 7, reaction: '👍', remove: true}, {type: 'delete', target: 7},
];

test('amendments are sent in order, are sent again after a loss with the same id, and resolve once', async () => {
  const page = await stage({clock: true});
  await page.evaluate(`start(); window.fates = (${calls})().map(fate)`);
  await page.clock.runFor(100);
  await page.evaluate(() => last().welcome('e:9'));
  assert.deepEqual(await sent(page), frames);
  await page.evaluate(() => {
    last().say({type: 'ack', id: last().sent[0].id, offset: 10});
    last().say({type: 'error', code: 'no_such_message', message: 'no', id: last().sent[3].id});
    // The entry itself counts as its ack.
    last().say({type: 'edit', offset: 12, time: '2026-01-01T00:00:00.000Z', user: 'me', username: 'Me', target: 7, message: 'b', id: last().sent[2].id});
    window.ids = last().sent.map((o) => o.id);
    last().end(1006);
    chat.reconnect();
  });
  await page.clock.runFor(100);
  await page.evaluate(() => {
    let n = 20;
    last().answer = ({id, type}) => {
      if (type === 'reaction' && !window.refused) window.refused = last().say({type: 'error', code: 'rate_limited', message: '', id, retry_after_ms: 1000}) ?? true;
      else last().say({type: 'ack', id, offset: n++});
    };
    last().welcome('e:12', {resumed: true});
  });
  await page.clock.runFor(5000);
  assert.deepEqual(await page.evaluate(() => Promise.all(fates)), [10, 20, 12, 'no_such_message', 21, 22, 23]);
  const again = await sent(page);
  assert.deepEqual([again[0], again[1], ...again.slice(-3)], [frames[1], frames[4], ...frames.slice(4)], 'the order stays');
  assert.ok(await page.evaluate(() => last().sent.every((o) => ids.includes(o.id))), 'with their ids');
});

test('an older server is never sent a part of a message, and reports what it does not know', async () => {
  const page = await stage({clock: true});
  await page.evaluate(`start(); window.fates = (${calls})().map(fate); window.errors = []; chat.on('error', (e) => errors.push(e.code))`);
  await page.clock.runFor(100);
  await page.evaluate(() => {
    last().answer = ({id, type}) => last().say({type: 'error', code: 'unknown_type', message: '', id});
    last().welcome('e:9', {limits: {message_bytes: 1000, rate_per_second: 0, burst: 0}});
    chat.markRead(9);
  });
  const got = await page.evaluate(() => Promise.all([...fates, chat.signal('x')]));
  const no = 'unknown_type';
  assert.deepEqual(got, ['unsupported', 'unsupported', 'unsupported', no, no, no, no, false]);
  assert.ok((await sent(page)).every((o) => !o.data && !o.reply_to && o.type !== 'read' && o.type !== 'signal'));
  assert.deepEqual(await page.evaluate(() => errors), []);
});

test('bad data is refused before it is sent', async () => {
  const page = await stage();
  await page.evaluate(() => start());
  await until('it connects', () => page.evaluate(() => sockets.length));
  const got = await page.evaluate(async () => {
    last().welcome('e:9');
    const round = {};
    round.round = round;
    return Promise.all([
      chat.send('x', {data: [1]}), chat.send('x', {data: null}), chat.send('x', {data: 'x'}), chat.edit(1, 'x', {data: round}), chat.send('x', {data: {x: 'x'.repeat(100)}}),
      chat.edit(1, 'x'.repeat(1001)),
    ].map(fate));
  });
  assert.deepEqual(got, ['bad_request', 'bad_request', 'bad_request', 'bad_request', 'too_long', 'too_long']);
  assert.deepEqual(await sent(page), []);
});

test('amendments are entries, markers and signals are not; after a gap, messages come in their current state', async () => {
  const page = await stage();
  await page.evaluate(() => {
    start();
    window.all = [];
    for (const type of ['message', 'update', 'edit', 'delete', 'reaction', 'read', 'signal']) {
      chat.on(type, (o) => all.push([type, o.offset, o.target ?? o.name ?? o.message, o.live]));
    }
  });
  await until('it connects', () => page.evaluate(() => sockets.length));
  const got = await page.evaluate(async () => {
    const time = '2026-01-01T00:00:00.000Z', amend = (type, offset, target, more) => ({type, offset, time, user: 'o', username: 'O', target, ...more});
    last().welcome('e:3');
    last().say(message(2, 'a'));
    last().say(amend('edit', 3, 2, {message: 'b'}));
    last().say(amend('edit', 3, 2, {message: 'b'}));
    last().say(amend('reaction', 4, 2, {reaction: 'x'}));
    last().say({type: 'read', user: 'o', offset: 90});
    last().say({type: 'signal', user: 'o', username: 'O', name: 's', data: {}});
    const before = chat.position;
    last().end(1006);
    chat.reconnect();
    await new Promise((resolve) => setTimeout(resolve, 10));
    last().welcome('e:9', {gap: true});
    last().say(message(2, 'now', {amended: 8}));
    last().say(message(2, 'now', {amended: 8}));
    last().say(amend('edit', 3, 2, {message: 'b'}));
    last().say(message(9, 'c'));
    last().say(message(9, 'c'));
    last().say(amend('delete', 10, 9));
    return [before.split(':')[1], all];
  });
  assert.deepEqual(got, ['4', [
    ['message', 2, 'a', false], ['edit', 3, 2, false], ['reaction', 4, 2, true], ['read', 90, undefined, undefined], ['signal', undefined, 's', undefined],
    ['update', 2, 'now', false], ['message', 9, 'c', false], ['delete', 10, 9, true],
  ]]);
});

test('only the largest marker is sent, with a limited rate, and again after a loss; signals have a rate', async () => {
  const page = await stage({clock: true});
  await page.evaluate(() => start());
  await page.clock.runFor(100);
  await page.evaluate(() => {
    last().welcome('e:9', {read: 4});
    for (const o of [3, 4, 10, 11, 9, 12]) chat.markRead(o);
  });
  await page.clock.runFor(2000);
  assert.deepEqual(await sent(page), [{type: 'read', offset: 10}, {type: 'read', offset: 12}]);
  const come = async (position, more) => {
    await page.evaluate(() => {
      last().end(1001);
      chat.reconnect();
    });
    await page.clock.runFor(100);
    await page.evaluate(([position, more]) => last().welcome(position, more), [position, more]);
    await page.clock.runFor(1000);
  };
  await come('e:9', {read: 10});
  assert.deepEqual(await sent(page), [{type: 'read', offset: 12}], 'the first one was lost');
  await come('e:9', {read: 12});
  assert.deepEqual(await sent(page), []);
  await come('f:9', {gap: true});
  assert.deepEqual(await sent(page), [], 'the marker belongs to another epoch');
  const signals = await page.evaluate(() => Array.from({length: 25}, (_, i) => chat.signal('s', {i})).filter((ok) => ok).length);
  assert.equal(signals, 20);
  assert.equal((await sent(page)).length, 20);
  await page.clock.runFor(100);
  assert.deepEqual(await page.evaluate(() => {
    last().answer = ({id}) => last().say({type: 'error', code: 'unsupported', message: '', id});
    return [chat.signal('s'), chat.signal('s')];
  }), [true, false], 'it is not asked again');
  await page.evaluate(() => {
    chat.markRead(3);
    chat.markRead(4);
    chat.close();
  });
  assert.deepEqual((await sent(page)).at(-1), {type: 'read', offset: 3}, 'the first one was refused');
});

test('a marker that is set before the first welcome is sent with it, unless the log is another one', async () => {
  for (const [options, position, expected] of [[{since: 'e:9'}, 'e:9', [{type: 'read', offset: 7}]], [{}, 'e:9', [{type: 'read', offset: 7}]], [{since: 'e:9'}, 'f:9', []]]) {
    const page = await stage({clock: true});
    start(options);
    chat.markRead(7);
    await page.clock.runFor(100);
    last().welcome(position, {read: 0, gap: position === 'f:9'});
    await page.clock.runFor(1000);
    assert.deepEqual(await sent(page), expected, position);
  }
});
