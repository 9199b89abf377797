// axe-core finds no fault in any state of the page, in light and dark, wide and narrow.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {violationsEverywhere} from './axe.js';
import {connected, join, network, person, say, serve, shows, watch} from './harness.js';

test('no state of the page has a fault', async () => {
  const server = await serve();
  const wire = await network(server.port);
  const bob = await join(await person(), server.url, 'Bob');
  const alice = await (await person()).newPage();
  watch(alice);
  const clean = async (state) => assert.deepEqual(await violationsEverywhere(alice), [], state);

  await alice.goto(wire.url);
  await alice.waitForSelector('#open button');
  await clean('the door');
  await alice.fill('#name', 'Alice');
  await alice.fill('#room', 'a/b');
  await alice.press('#room', 'Enter');
  await alice.locator('#refused', {hasText: "room's name"}).waitFor();
  await clean('a refused name');
  await alice.fill('#room', 'general');
  await alice.press('#room', 'Enter');
  await connected(alice);
  await clean('an empty room');

  for (const text of ['Hello, see https://example.com/a', '👍', '`code` and **more**\n```\nx = 1\n```', 'long '.repeat(600)]) await say(bob, text);
  await alice.locator('.more').waitFor();
  await say(alice, 'an answer');
  await shows(bob, 'an answer');
  await clean('messages');
  await alice.click('#show'); // it is narrow now
  await clean('the side on a small screen');
  await alice.setViewportSize({width: 1280, height: 800});
  await alice.click('#members button');
  await say(alice, 'between us');
  await shows(bob, 'between us');
  await clean('a private message, and the box for another one');
  await bob.close();
  await alice.locator('.notice', {hasText: 'left'}).waitFor();
  await say(alice, 'too late');
  await alice.locator('.failed').waitFor();
  await clean('a refused message');
  wire.cut();
  await alice.waitForSelector('#app:not([data-state="open"])');
  await say(alice, 'waits');
  await clean('no connection');
  assert.deepEqual(alice.complaints, []);
});
