// Trouble on the network: nothing is lost, nothing comes twice, and users are told.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, join, network, person, say, serve, shows, sockets, texts, until} from './harness.js';

const lost = (page) => page.waitForSelector('#app:not([data-state="open"])');

for (const [how, end] of [['in good order', 'stop'], ['by a crash', 'kill']]) {
  test(`the server ends ${how} and starts again`, async () => {
    const server = await serve();
    const alice = await join(await person(), server.url, 'Alice'), bob = await join(await person(), server.url, 'Bob');
    await say(alice, 'before 1');
    await shows(bob, 'before 1');
    await say(bob, 'before 2');
    await shows(alice, 'before 2');
    await shows(bob, 'before 2');
    await server[end]();
    await lost(alice);
    await lost(bob);
    assert.match(await alice.textContent('#state'), /Connection lost|Connecting/);
    await say(alice, 'meanwhile 1'); // it waits
    await say(alice, 'meanwhile 2');
    assert.deepEqual(await texts(alice, '.msg.pending'), ['meanwhile 1', 'meanwhile 2']);
    await serve([], server.port);
    for (const page of [alice, bob]) {
      await connected(page);
      await shows(page, 'meanwhile 2');
    }
    await say(bob, 'after');
    for (const page of [alice, bob]) {
      await shows(page, 'after');
      // Many clients reconnect in any order. The messages have the order of the log.
      const got = (await texts(page)).filter((s) => s !== 'after');
      assert.deepEqual(got, ['before 1', 'before 2', 'meanwhile 1', 'meanwhile 2']);
      assert.equal(await page.locator('.line.gap').count(), 1, 'the new memory log has another epoch, so there is a gap');
      assert.equal(await page.locator('.msg.pending, .msg.failed').count(), 0);
      assert.deepEqual(page.complaints, []);
    }
    // The gap is between the messages before and after it.
    assert.match(await alice.textContent('#log'), /before 2.*started anew.*meanwhile 1/s);
  });
}

test('a cut connection is resumed', async () => {
  const server = await serve();
  const wire = await network(server.port);
  const alice = await join(await person(), wire.url, 'Alice'), bob = await join(await person(), server.url, 'Bob');
  await say(alice, 'hello');
  await shows(bob, 'hello');
  wire.cut();
  await lost(alice);
  const missed = Array.from({length: 60}, (_, i) => `missed ${i}`); // more messages than a join sends
  for (const text of missed) await say(bob, text);
  await say(alice, 'from the dark');
  wire.mend();
  await connected(alice);
  await shows(alice, 'from the dark');
  await shows(bob, 'from the dark');
  await shows(alice, missed.at(-1));
  const all = ['hello', ...missed, 'from the dark'];
  assert.deepEqual(await texts(alice), all);
  assert.deepEqual(await texts(bob), all);
  assert.equal(await alice.locator('.line.gap').count(), 0);
});

test('disconnected for too long', async () => {
  const server = await serve(['-rate', '0', '-history', '20']);
  const wire = await network(server.port);
  const alice = await join(await person(), wire.url, 'Alice'), bob = await join(await person(), server.url, 'Bob');
  await say(alice, 'hello');
  await shows(bob, 'hello');
  wire.cut();
  await lost(alice);
  await bob.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const c = connect('/', {username: 'Bot'});
    for (let i = 1; i <= 1500; i++) c.send(`fact ${i}`);
    await c.send('that was all');
    c.close();
  });
  wire.mend();
  await connected(alice);
  await alice.locator('.line.gap').waitFor();
  await shows(alice, 'that was all');
  // Messages that the server still has are loaded between the gap and the new messages.
  await alice.hover('#log');
  await until('all that is kept is there', async () => {
    await alice.evaluate(() => (document.querySelector('.line.gap') ?? document.querySelector('.entry')).scrollIntoView());
    const got = await texts(alice);
    return got[0] === 'hello' && got[1] === 'fact 502';
  });
  assert.equal(await alice.locator('.line.gap').count(), 1);
});

test('a lost answer does not make a message appear twice', async () => {
  const server = await serve();
  const wire = await network(server.port);
  const alice = await join(await person(), wire.url, 'Alice'), bob = await join(await person(), server.url, 'Bob');
  wire.deafen(); // what Alice sends arrives; she hears nothing
  await say(alice, 'did you get this?');
  await shows(bob, 'did you get this?');
  assert.equal(await alice.locator('.msg.pending, .msg.failed').count(), 1);
  wire.cut();
  await lost(alice);
  wire.mend();
  await shows(alice, 'did you get this?');
  await say(bob, 'once');
  await shows(alice, 'once');
  await shows(bob, 'once');
  for (const page of [alice, bob]) assert.deepEqual(await texts(page), ['did you get this?', 'once']);
  assert.equal(await alice.locator('.msg.pending, .msg.failed').count(), 0);
});

test('sending too fast: the messages are sent later by themselves, in order, and the page says when', async () => {
  const {url} = await serve(['-rate', '0.2', '-burst', '2']);
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  for (const text of ['one', 'two', 'three', 'four']) await say(alice, text);
  const waits = alice.locator('.msg.pending', {hasText: 'three'}).locator('.waits');
  await waits.waitFor();
  assert.match(await waits.textContent(), /^That is faster than this server allows. Sends by itself in \d+ s$/);
  await say(bob, 'between'); // a message that arrives meanwhile is shown after those that were written before
  await shows(alice, 'between');
  assert.match(await alice.textContent('#log'), /two.*three.*four.*between/s);
  await shows(bob, 'four');
  await shows(alice, 'four');
  for (const page of [alice, bob]) assert.deepEqual(await texts(page), ['one', 'two', 'between', 'three', 'four']);
  assert.equal(await alice.locator('.msg.pending, .msg.failed').count(), 0);
  assert.equal(await alice.textContent('#notice-text'), '');
  assert.deepEqual(alice.complaints, []);
});

test('a message that is too long stays in the box', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice');
  await alice.fill('#text', 'x'.repeat(16000));
  assert.equal(await alice.textContent('#room-left'), '384 bytes left');
  await alice.fill('#text', 'é'.repeat(9000));
  assert.match(await alice.textContent('#room-left'), /1,616 bytes too long/);
  await alice.press('#text', 'Enter');
  await alice.locator('#notice-text', {hasText: 'too long'}).waitFor();
  assert.equal((await alice.inputValue('#text')).length, 9000);
});

test('a server that has not started yet', async () => {
  const server = await serve();
  const context = await person();
  const page = await context.newPage();
  await page.goto(server.url);
  await server.kill();
  await page.fill('#name', 'Alice');
  await page.press('#name', 'Enter');
  await page.locator('#refused', {hasText: 'cannot be reached'}).waitFor();
  await serve([], server.port);
  await connected(page);
});

test('removed: the page says so, and reconnects only when the user asks', async () => {
  const {url} = await serve();
  for (const [code, said, again] of [[1008, 'You were removed from this room', true], [4003, 'You may no longer enter this room', false]]) {
    const context = await person();
    let socket;
    await context.routeWebSocket(sockets, (ws) => {
      ws.connectToServer();
      socket = ws;
    });
    const alice = await join(context, url, 'Alice');
    await say(alice, 'hello');
    await shows(alice, 'hello');
    await socket.close({code, reason: 'rude'});
    await alice.waitForSelector('#app[data-state="closed"]');
    assert.equal(await alice.textContent('#state'), said);
    assert.equal(await alice.isVisible('#again'), again);
    await say(alice, 'let me in');
    await alice.locator('#notice-text', {hasText: 'Come back to the room'}).waitFor();
    if (!again) continue;
    await alice.click('#again');
    await connected(alice);
    await alice.click('.failed button:has-text("Retry")');
    await shows(alice, 'let me in');
    assert.deepEqual(await texts(alice), ['hello', 'let me in']);
  }
});
