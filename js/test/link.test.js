// chat.js and the connection: positions, secrets, tokens, and a network or a page that goes away
// and returns.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';

const state = (page) => page.evaluate(() => chat.state);
const count = (page) => page.evaluate(() => sockets.length);

/** A page with an open connection, at the position e:0. */
async function open(options = {}) {
  const page = await stage({clock: true});
  await page.evaluate((options) => start(options), options);
  await page.clock.runFor(100);
  await page.evaluate(() => last().welcome('e:0'));
  assert.equal(await state(page), 'open');
  return page;
}

test('a client of an empty room resumes at its position', async () => {
  for (const [what, say, since] of [
    ['an empty room', '', 'e:0'],
    ['a room with a message', "last().say(message(1, 'hi'))", 'e:1:1767225600000'],
    ['a message without a time', "last().say(message(1, 'hi', {time: ''}))", 'e:1'],
    ['a room with nothing for this user', "last().welcome('e:7'); last().say({type: 'position', position: 'e:7'})", 'e:7'],
    ['nothing came, and it is not known what would have', "last().welcome('e:7')", 'e:0'],
    ['nothing came, in a room with nothing for this user', "last().welcome('e:7', {time: '2026-01-01T00:00:00.000Z'}); last().say({type: 'position', position: 'e:7'})", 'e:7:1767225600000'],
    ['another log', "last().say(message(1, 'hi')); last().welcome('f:0', {gap: true})", 'f:0'],
  ]) {
    const page = await open();
    await page.evaluate((say) => { (0, eval)(say); last().end(); }, say);
    await page.clock.runFor(2000);
    assert.equal(await page.evaluate(() => new URL(last().url).searchParams.get('since')), since, what);
    assert.equal(await page.evaluate(() => chat.position), since, what);
  }
  // An earlier chat's position counts, also 0. An invalid one does not.
  for (const [given, since] of [['e:0', 'e:0'], ['e:3:12', 'e:3:12'], ['nonsense', null], [':', null], ['e:', null], ['e:-1', null]]) {
    const page = await stage({clock: true});
    await page.evaluate((since) => start({since}), given);
    await page.clock.runFor(100);
    assert.equal(await page.evaluate(() => new URL(last().url).searchParams.get('since')), since, given);
  }
  // The connection is lost before any entry, and the room has grown meanwhile: that is a gap.
  const page = await stage({clock: true});
  await page.evaluate(() => start());
  await page.clock.runFor(100);
  await page.evaluate(() => { last().welcome('e:5'); last().end(); });
  await page.clock.runFor(2000);
  await page.evaluate(() => { last().welcome('e:99'); last().say(message(99, 'latest')); });
  assert.deepEqual(await page.evaluate(() => got), ['gap', 'latest']);
});

test('the session and the token are in no URL', async () => {
  const session = 'S'.repeat(32);
  const page = await stage({clock: true});
  await page.evaluate((session) => start({session, token: 'to.k-en'}), session);
  await page.clock.runFor(100);
  assert.deepEqual(await page.evaluate(() => last().protocols), ['chat.v1', `session.${session}`, 'bearer.to.k-en']);
  await page.evaluate(() => last().end());
  await page.clock.runFor(3000);
  for (const url of await page.evaluate(() => [...fetches, ...sockets.map((s) => s.url)])) assert.doesNotMatch(url, /SSS|to\.k/);
  // An invalid session is not sent.
  await page.evaluate(() => start({session: 'a b, chat.v2'}));
  await page.clock.runFor(100);
  assert.deepEqual(await page.evaluate(() => last().protocols), ['chat.v1']);
});

test('a token that cannot be a subprotocol is refused once', async () => {
  for (const token of ['a/b', 'ab==', 'a b', 'a,b', 'ä', 'a\nb', '"x"']) {
    const page = await stage({clock: true});
    await page.evaluate((token) => { start({token: async () => token}); window.sent = fate(chat.send('x')); }, token);
    await page.clock.runFor(60_000);
    assert.equal(await count(page), 0, token);
    assert.deepEqual(await page.evaluate(() => states.map((s) => s.error?.code ?? s.state)), ['connecting', 'bad_token'], token);
    assert.equal(await page.evaluate(() => sent), 'bad_token');
  }
  for (const token of ['a.b-c_d~e+f!', 'eyJh.eyJz.sig']) {
    const page = await stage({clock: true});
    await page.evaluate((token) => start({token}), token);
    await page.clock.runFor(100);
    assert.deepEqual(await page.evaluate(() => last().protocols), ['chat.v1', `bearer.${token}`]);
  }
});

test('the client waits as long as the server asks, however long', async () => {
  for (const [after, least, most] of [
    ['2592000', 86_400_000, 1.5 * 86_400_000], ['99999999999999999999', 86_400_000, 1.5 * 86_400_000], ['5', 5000, 7500],
    ['Fri, 02 Jan 2026 00:01:00 GMT', 60_000, 90_000], ['soon', 0, 1100], ['-1', 0, 1100], ['0', 0, 1100], ['', 0, 1100],
  ]) {
    const page = await stage({clock: true});
    await page.evaluate((after) => {
      window.fetch = async () => new Response('{"error":{"code":"unavailable","message":"later"}}', {
        status: 503, headers: {'Retry-After': after, 'Date': 'Fri, 02 Jan 2026 00:00:00 GMT'},
      });
      start();
    }, after);
    await page.clock.runFor(100);
    await page.evaluate(() => last().end());
    await page.clock.runFor(10);
    const wait = await page.evaluate(() => states.at(-1).wait);
    assert.ok(wait >= least && wait <= most, `${after}: ${wait} ms`);
    await page.clock.runFor(Math.min(least, 3000));
    assert.ok(await count(page) <= 2, `${after}: ${await count(page)} attempts`);
  }
  const page = await open();
  await page.evaluate(() => { last().say({type: 'goodbye', reason: 'shutdown', retry_after_ms: 1e12}); last().end(1001); });
  await page.clock.runFor(60_000);
  assert.equal(await count(page), 1);
});

/** The events that tell a page that it, or the network, is active again. */
const wake = (page, type) => page.evaluate((type) => {
  const target = type === 'visibilitychange' || type === 'resume' ? document : window;
  target.dispatchEvent(type === 'pageshow' ? new PageTransitionEvent('pageshow', {persisted: true}) : new Event(type));
}, type);

for (const type of ['online', 'pageshow', 'visibilitychange', 'resume', 'focus']) {
  test(`${type}: a dead connection is noticed, and the next attempt does not wait`, async () => {
    // A connection that died silently is checked, and given up within seconds.
    const page = await open();
    await page.clock.runFor(type === 'online' ? 1000 : 10_000);
    await wake(page, type);
    assert.deepEqual(await page.evaluate(() => last().sent.at(-1)), {type: 'ping'});
    await page.clock.runFor(6500);
    assert.ok(await count(page) >= 2, 'it was given up');
    // A live connection stays.
    const alive = await open();
    await alive.clock.runFor(10_000);
    await alive.evaluate(() => (last().answer = ({type}) => type === 'ping' && last().say({type: 'pong'})));
    await wake(alive, type);
    await alive.clock.runFor(20_000);
    assert.equal(await count(alive), 1);
    // While the client waits after many failed attempts, it tries again soon.
    const waiting = await open();
    await waiting.evaluate(() => { Math.random = () => 0.99; });
    for (let i = 0; i < 7; i++) {
      await waiting.evaluate(() => last().end());
      await waiting.clock.runFor(i < 6 ? 40_000 : 1000);
    }
    const before = await count(waiting);
    assert.equal(await state(waiting), 'waiting');
    await wake(waiting, type);
    await waiting.clock.runFor(1100);
    assert.equal(await count(waiting), before + 1);
  });
}

test('a hanging attempt is replaced when the network is back', async () => {
  const page = await stage({clock: true});
  await page.evaluate(() => start());
  await page.clock.runFor(6000);
  await wake(page, 'online');
  await page.clock.runFor(100);
  assert.equal(await count(page), 2);
  await page.evaluate(() => last().welcome('e:0'));
  assert.equal(await state(page), 'open');
});

test('slow timers in the background do not end a live connection', async () => {
  const page = await open();
  // The client asks, and is then frozen. Afterwards the timer runs before the waiting answer is
  // read.
  await page.clock.runFor(31_000);
  assert.deepEqual(await page.evaluate(() => last().sent.at(-1)), {type: 'ping'});
  await page.clock.fastForward(600_000);
  await page.evaluate(() => last().say({type: 'pong'}));
  await page.clock.runFor(20_000);
  assert.equal(await count(page), 1);
  assert.equal(await state(page), 'open');
  // Without answers, the client still notices the loss.
  for (let i = 0; i < 8; i++) await page.clock.fastForward(60_000);
  assert.ok(await count(page) > 1);
});

test('a page in the back/forward cache closes its connection, and returns in its old state', async () => {
  const page = await open();
  await page.evaluate(() => {
    window.sent = fate(chat.send('on its way', {id: 'x'}));
    dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}));
  });
  assert.equal(await page.evaluate(() => last().closed), 1000);
  await page.clock.runFor(120_000);
  assert.equal(await count(page), 1, 'there is no attempt meanwhile');
  await wake(page, 'pageshow');
  await page.clock.runFor(10);
  assert.equal(await count(page), 2);
  await page.evaluate(() => {
    last().answer = ({type, id}) => type === 'message' && last().say({type: 'ack', id, offset: 1});
    last().welcome('e:0', {resumed: true});
  });
  assert.equal(await page.evaluate(() => sent), 1);
});

test('setting the clock changes nothing', async () => {
  const page = await open();
  await page.clock.runFor(31_000);
  assert.deepEqual(await page.evaluate(() => last().sent.at(-1)), {type: 'ping'});
  await page.evaluate(() => {
    const date = Date.now;
    Date.now = () => date() + 1e9;
    window.sent = fate(chat.send('x', {id: 'x'}));
  });
  await page.clock.runFor(6000);
  assert.equal(await count(page), 1, 'the answer still has time');
  await page.evaluate(() => last().end());
  await page.clock.runFor(2000);
  await page.evaluate(() => { last().answer = ({id}) => id && last().say({type: 'ack', id, offset: 1}); last().welcome('e:0', {resumed: true}); });
  assert.equal(await page.evaluate(() => sent), 1, 'the message is young, whatever the clock says');
});
