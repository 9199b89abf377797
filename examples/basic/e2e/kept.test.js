// A text that a user has written is not lost, and is never sent to other receivers than it was
// written for.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, go, join, person, say, serve, shows, sockets, texts, until, watch} from './harness.js';

test('a private draft stays private, after a change of the room and a reload', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob'), eve = await join(await person(), url, 'Eve');
  const alice = await join(await person(), url, 'Alice');
  await alice.click('#members button:has-text("Bob")');
  await alice.fill('#text', 'for Bob alone');
  const intact = async (when) => {
    assert.equal(await alice.inputValue('#text'), 'for Bob alone', when);
    assert.equal((await alice.textContent('#target')).trim(), 'Only Bob will see this', when);
  };
  await go(alice, 'other');
  assert.equal(await alice.inputValue('#text'), '');
  assert.ok(await alice.isHidden('#target'));
  await go(alice, 'general');
  await connected(alice);
  await intact('back from another room');
  await alice.reload();
  await connected(alice);
  await intact('after a reload');
  await alice.press('#text', 'Enter');
  await shows(bob, 'for Bob alone');
  await alice.click('#public');
  await say(alice, 'for all');
  await shows(eve, 'for all');
  assert.deepEqual(await texts(eve), ['for all']);
  // A user with another name begins without a draft.
  await alice.fill('#text', 'half a thought');
  await alice.click('#leave');
  await alice.fill('#name', 'Anna');
  await alice.press('#name', 'Enter');
  await connected(alice);
  assert.equal(await alice.inputValue('#text'), '');
  assert.deepEqual(alice.complaints, []);
});

test('a message that waits is sent by itself, also from a room that is not in view, and once', async () => {
  const server = await serve();
  const bob = await join(await person(), server.url, 'Bob'), alice = await join(await person(), server.url, 'Alice');
  await say(alice, 'before');
  await shows(bob, 'before');
  await server.kill();
  await alice.waitForSelector('#app:not([data-state="open"])');
  await say(alice, 'in the dark');
  await go(alice, 'other');
  assert.equal(await alice.locator('.msg.pending, .msg.failed').count(), 0, 'the message belongs to the first room');
  await go(alice, 'general');
  await alice.locator('.msg.pending', {hasText: 'in the dark'}).waitFor();
  await go(alice, 'other');
  await serve([], server.port);
  await shows(bob, 'in the dark');
  await go(alice, 'general');
  await shows(alice, 'in the dark');
  await until('nothing is left to send', async () => await alice.locator('.msg.pending, .msg.failed').count() === 0);
  await say(bob, 'after');
  await shows(alice, 'after');
  assert.equal((await texts(alice)).filter((s) => s === 'in the dark').length, 1);
  assert.equal((await texts(bob)).filter((s) => s === 'in the dark').length, 1);
});

test('a message that was being sent when the page was closed is shown again, and is sent once', async () => {
  const {url} = await serve();
  const context = await person();
  let lose = true;
  await context.routeWebSocket(sockets, (ws) => {
    const server = ws.connectToServer();
    ws.onMessage((text) => (lose && text.includes('too soon')) || server.send(text));
  });
  const bob = await join(await person(), url, 'Bob'), alice = await join(context, url, 'Alice');
  await say(alice, 'before');
  await say(alice, 'too soon');
  await alice.locator('.msg.pending', {hasText: 'too soon'}).waitFor();
  lose = false;
  await alice.reload();
  await connected(alice);
  const failed = alice.locator('.msg.failed', {hasText: 'too soon'});
  await failed.getByRole('button', {name: 'Retry'}).click();
  assert.equal(await alice.evaluate(() => document.activeElement.id), 'text', 'the button is gone, but an element has the focus');
  await shows(bob, 'too soon');
  await shows(alice, 'too soon');
  await until('nothing is left to send', async () => await alice.locator('.msg.pending, .msg.failed').count() === 0);
  await alice.reload();
  await shows(alice, 'too soon');
  assert.equal(await alice.locator('.msg.pending, .msg.failed').count(), 0);
  assert.deepEqual(await texts(bob), ['before', 'too soon']);
});

test('a browser that stores nothing', async () => {
  const {url} = await serve();
  const context = await person();
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, {get() { throw new DOMException('denied', 'SecurityError'); }});
    }
  });
  const alice = await join(context, url, 'Alice');
  await say(alice, 'hello');
  await shows(alice, 'hello');
  await go(alice, 'other');
  await connected(alice);
  await alice.reload();
  await alice.waitForSelector('#door:not([hidden])');
  assert.equal(await alice.inputValue('#room'), 'other', 'the address has the room');
  assert.deepEqual(alice.complaints, []);
});

test('stored data may be garbage', async () => {
  const {url} = await serve();
  for (const junk of ['{', 'null', '7', '[[1,2],["general"],["Alice",3]]', '[["general",{"text":3,"to":{"user":1},"unsent":[null,{"id":5}]}]]']) {
    const context = await person();
    await context.addInitScript((junk) => {
      for (const key of ['chat-unsent', 'chat']) sessionStorage.setItem(key, junk);
      for (const key of ['chat-sessions', 'chat']) localStorage.setItem(key, junk);
    }, junk);
    const page = await context.newPage();
    watch(page);
    await page.goto(url); // a tab with stored data joins by itself
    if (await page.evaluate(() => JSON.parse(sessionStorage.chat) === null).catch(() => true)) {
      await page.fill('#name', 'Alice');
      await page.press('#name', 'Enter');
    }
    await connected(page);
    assert.equal(await page.inputValue('#text'), '', junk);
    assert.deepEqual(page.complaints, [], junk);
    await context.close();
  }
});
