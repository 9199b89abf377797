// A page that sleeps, a network that goes down, the back button: as the browser does it, without
// events made by the test.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, join, network, person, say, serve, shows, soon, texts, until} from './harness.js';

test('the back button brings the page back from the cache', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  await say(alice, 'before');
  await shows(bob, 'before');
  await alice.fill('#text', 'half a thought');
  await alice.evaluate(() => {
    window.same = true;
    addEventListener('pageshow', (e) => { window.cached = e.persisted; });
  });
  await alice.goto(`${url}icon.svg`);
  await until('she is gone', async () => await bob.textContent('#present') === 'Only you are here');
  await say(bob, 'meanwhile');
  await shows(bob, 'meanwhile');
  await alice.goBack({waitUntil: 'commit'});
  const reasons = await alice.evaluate(() => JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons ?? null));
  assert.ok(await alice.evaluate(() => window.same && window.cached), `it is the same page: ${reasons}`);
  await connected(alice);
  await shows(alice, 'meanwhile');
  assert.deepEqual(await texts(alice), ['before', 'meanwhile']);
  assert.equal(await alice.inputValue('#text'), 'half a thought');
  assert.equal(await alice.locator('.line.gap').count(), 0);
  await until('she is back', async () => await bob.textContent('#present') === '2 people here');
  assert.deepEqual(alice.complaints, []);
});

test('a page whose process was paused, and whose connection was lost meanwhile', async () => {
  const server = await serve();
  const wire = await network(server.port);
  const bob = await join(await person(), server.url, 'Bob'), context = await person();
  const cdp = await context.browser().newBrowserCDPSession();
  const renderers = async () => (await cdp.send('SystemInfo.getProcessInfo')).processInfo.filter((p) => p.type === 'renderer').map((p) => p.id);
  const others = new Set(await renderers());
  const alice = await join(context, wire.url, 'Alice');
  await say(alice, 'before');
  await shows(bob, 'before');
  const hers = (await renderers()).filter((id) => !others.has(id));
  assert.ok(hers.length > 0);
  try {
    for (const id of hers) process.kill(id, 'SIGSTOP'); // a closed laptop lid pauses all of it
    wire.cut();
    await say(bob, 'meanwhile');
    await shows(bob, 'meanwhile');
    await new Promise((r) => setTimeout(r, 8000)); // longer than between two checks of chat.js
    wire.mend();
  } finally {
    for (const id of hers) process.kill(id, 'SIGCONT');
  }
  await shows(alice, 'meanwhile');
  await connected(alice);
  assert.deepEqual(await texts(alice), ['before', 'meanwhile']);
  assert.equal(await alice.locator('.line.gap').count(), 0);
  assert.deepEqual(alice.complaints, []);
});

test('a network that is down for a long time, and back', async () => {
  const server = await serve();
  const wire = await network(server.port), context = await person();
  await context.clock.install();
  const alice = await join(context, wire.url, 'Alice'), bob = await join(await person(), server.url, 'Bob');
  await say(alice, 'before');
  await shows(bob, 'before');
  await context.setOffline(true);
  wire.cut();
  await alice.evaluate(() => { Math.random = () => 0.99; }); // the longest pauses
  await say(bob, 'meanwhile');
  // Wait until the page says that the next attempt is far away.
  await soon(alice, 'it waits for long', async () => Number((await alice.textContent('#state')).match(/(\d+) s/)?.[1] ?? 0) > 12);
  wire.mend();
  const began = performance.now();
  await context.setOffline(false);
  await shows(alice, 'meanwhile');
  assert.ok(performance.now() - began < 10_000, 'it does not wait until the pause ends');
  assert.deepEqual(await texts(alice), ['before', 'meanwhile']);
});
