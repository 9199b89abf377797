// Which messages chat.js sends, when, and how often.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';

const texts = (page, i) => page.evaluate((i) => sockets.at(i).sent.filter((o) => o.type === 'message').map((o) => o.message), i);

test('waiting messages are sent within the limits of the welcome, in order', async () => {
  const page = await stage({clock: true});
  await page.evaluate(() => {
    start();
    window.fates = Array.from({length: 200}, (_, i) => fate(chat.send(`m${i}`)));
  });
  await page.clock.runFor(100);
  await page.evaluate(() => {
    // A server that keeps its limit like a real server, and closes after a hundred errors.
    let tokens = 20, at = performance.now(), n = 0;
    window.refused = 0;
    last().answer = ({type, id}) => {
      if (type !== 'message') return;
      tokens = Math.min(20, tokens + (performance.now() - at) / 100);
      at = performance.now();
      if (tokens >= 1) {
        tokens--;
        last().say({type: 'ack', id, offset: ++n});
      } else {
        refused++;
        last().say({type: 'error', code: 'rate_limited', message: '', id, retry_after_ms: 500});
      }
    };
    last().welcome('e:0', {limits: {message_bytes: 1000, rate_per_second: 10, burst: 20}});
  });
  assert.equal((await texts(page, 0)).length, 20, 'the burst');
  await page.clock.runFor(25_000);
  assert.deepEqual(await page.evaluate(() => Promise.all(fates)), Array.from({length: 200}, (_, i) => i + 1));
  assert.equal(await page.evaluate(() => refused), 0);
  assert.ok(await page.evaluate(() => held.length > 0 && held.every((h) => h.wait > 0 && !h.error)), 'and the page is told');
});

test('the client waits after a refusal that passes, and keeps the order', async () => {
  for (const [code, refusals, ms, fates] of [
    ['rate_limited', 5, 30_000, [1, 2, 3]], ['unavailable', 3, 40_000, [1, 2, 3]],
    ['unavailable', 1000, 290_000, ['uncertain', undefined, undefined]], // a message that may be stored is not sent again after its id is forgotten
  ]) {
    const page = await stage({clock: true});
    await page.evaluate(([code, refuse]) => {
      start();
      let n = 0;
      window.serve = () => {
        last().answer = ({type, id}) => {
          if (type !== 'message') return;
          if (refuse-- > 0) last().say({type: 'error', code, message: 'later', id, retry_after_ms: 3000});
          else last().say({type: 'ack', id, offset: ++n});
        };
        last().welcome('e:0');
      };
      window.fates = [];
      ['a', 'b', 'c'].forEach((s, i) => fate(chat.send(s)).then((f) => (fates[i] = f)));
    }, [code, refusals]);
    await page.clock.runFor(100);
    await page.evaluate(() => serve());
    const first = await page.evaluate(() => ({sent: last().sent.map((o) => o.message), held: held.at(-1)}));
    assert.equal(first.sent[0], 'a');
    assert.ok(first.held.wait >= 2900, `${code}: the server's pause is kept: ${first.held.wait}`);
    assert.equal(first.held.error?.code ?? code, code);
    const before = (await texts(page, 0)).length;
    await page.clock.runFor(2900);
    assert.equal((await texts(page, 0)).length, before, 'nothing is sent before');
    await page.clock.runFor(ms);
    assert.deepEqual(await page.evaluate(() => [fates[0], fates[1], fates[2]]), fates, `${code} ${refusals}`);
  }
});

test('a refusal of a message that has its result is not reported', async () => {
  const page = await stage({clock: true});
  await page.evaluate(() => start({sendTimeout: 5000}));
  await page.clock.runFor(100);
  await page.evaluate(() => {
    window.errors = [];
    chat.on('error', (e) => errors.push(e.code));
    last().welcome('e:0');
    window.fates = [fate(chat.send('kept')), fate(chat.send('late'))];
    const [kept, late] = last().sent;
    // The store has stored the message, and failed before it answered.
    last().say(message(1, 'kept', {user: 'me', id: kept.id}));
    last().say({type: 'error', code: 'unavailable', message: '', id: kept.id});
    window.refuse = () => last().say({type: 'error', code: 'rejected', message: '', id: late.id});
  });
  await page.clock.runFor(6000);
  await page.evaluate(() => refuse());
  assert.deepEqual(await page.evaluate(() => Promise.all(fates)), [1, 'timeout']);
  assert.deepEqual(await page.evaluate(() => errors), []);
});

test('after a 1008 for the store or the rate the client reconnects; after one for its own errors it does not', async () => {
  for (const [errors, code, back] of [[100, 'unavailable', true], [100, 'rate_limited', true], [100, 'bad_request', false], [0, '', false]]) {
    const page = await stage({clock: true});
    await page.evaluate(() => start());
    await page.clock.runFor(100);
    await page.evaluate(([errors, code]) => {
      last().welcome('e:0');
      for (let i = 0; i < errors; i++) last().say({type: 'error', code, message: '', retry_after_ms: 1});
      last().end(1008, 'too many errors');
    }, [errors, code]);
    await page.clock.runFor(15_000);
    assert.equal(await page.evaluate(() => chat.state), back ? 'connecting' : 'closed', `${errors} ${code}`);
    assert.equal(await page.evaluate(() => sockets.length), back ? 2 : 1);
  }
});

test('a message older than the id window is not sent again; in the replay it counts as sent', async () => {
  // ms asleep, by the page's clock and by the server's; the replay; the results of both messages
  for (const [what, page_ms, server_ms, replay, fates, again] of [
    ['a short loss', 10_000, 10_000, [], [3, 4], ['first', 'second']],
    ['long, and it never arrived', 400_000, 400_000, [], ['uncertain', 'uncertain'], []],
    ['long, and the first arrived', 400_000, 400_000, ['first'], [2, 'uncertain'], []],
    ['a clock that stood still in the sleep', 1000, 400_000, ['other'], ['uncertain', 'uncertain'], []],
  ]) {
    const page = await stage({clock: true});
    await page.evaluate(() => start());
    await page.clock.runFor(100);
    await page.evaluate(() => {
      last().welcome('e:0');
      last().say(message(1, 'hello', {time: '2026-01-01T00:00:00.000Z'}));
      window.fates = ['first', 'second'].map((s) => fate(chat.send(s, {id: s})));
      last().end(1006);
    });
    await page.clock.runFor(page_ms);
    // However many attempts were made meanwhile, the last one gets an answer.
    await page.evaluate(([server_ms, replay]) => {
      chat.reconnect();
      return Promise.resolve().then(() => {
        let n = 2;
        const time = new Date(Date.parse('2026-01-01T00:00:00.000Z') + server_ms).toISOString();
        last().answer = ({type, id}) => type === 'message' && last().say({type: 'ack', id, offset: ++n});
        last().welcome(`e:${replay.length ? 2 : 1}`, {resumed: true});
        for (const text of replay) last().say(message(2, text, {time, ...(text === 'other' ? {} : {user: 'me', id: text})}));
      });
    }, [server_ms, replay]);
    await page.clock.runFor(1000);
    assert.deepEqual(await page.evaluate(() => Promise.all(fates)), fates, what);
    assert.deepEqual(await texts(page, -1), again, what);
  }
});

test('a time for answers that is none is the default', async () => {
  for (const sendTimeout of [0, -1, NaN, undefined, null, 'x']) {
    const page = await stage({clock: true});
    start({sendTimeout});
    await page.clock.runFor(100);
    last().welcome('e:0');
    let result = 'pending';
    fate(chat.send('x')).then((r) => (result = r));
    await page.clock.runFor(29_000);
    assert.equal(result, 'pending', String(sendTimeout));
    await page.clock.runFor(2000);
    assert.equal(result, 'timeout');
  }
});
