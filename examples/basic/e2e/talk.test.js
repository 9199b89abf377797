// Users talk to each other: the main use of the page.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, join, jump, person, say, serve, shows, soon, texts, until, watch} from './harness.js';

test('two people talk', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  await alice.locator('.notice', {hasText: 'Bob joined'}).waitFor();
  assert.deepEqual(await bob.$$eval('.notice', (all) => all.length), 0, 'no user gets a notice of their own join');
  await say(alice, 'Hello Bob!');
  await shows(bob, 'Hello Bob!');
  await say(bob, 'Hello Alice, see https://example.com/a_(b)?c=d. And javascript:alert(1)');
  await shows(alice, 'Hello Alice');
  await shows(bob, 'Hello Alice');
  for (const page of [alice, bob]) {
    assert.equal((await texts(page)).length, 2);
    await until('both are counted', async () => await page.textContent('#present') === '2 people here');
    assert.deepEqual(await page.$$eval('#members bdi', (all) => all.map((e) => e.textContent).sort()), ['Alice', 'Bob']);
    const link = page.locator('.text a');
    assert.equal(await link.count(), 1);
    assert.equal(await link.textContent(), 'https://example.com/a_(b)?c=d');
    assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow');
  }
  assert.equal(await alice.locator('.msg.own').count(), 1);
  assert.equal(await alice.locator('.msg.own .tick').textContent(), '✓');
  assert.equal(await alice.locator('.msg.other .name').textContent(), 'Bob');
  await bob.close();
  await alice.locator('.notice', {hasText: 'Bob left'}).waitFor();
  await until('the number is drawn, too', async () => await alice.textContent('#present') === 'Only you are here');
  assert.deepEqual(alice.complaints, []);
});

test('a simple page without a subprotocol', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice');
  const page = await (await person()).newPage();
  await page.goto(url); // the page's own scripts are not used
  await page.evaluate(() => {
    window.lines = [];
    window.ws = new WebSocket(`ws://${location.host}/ws/general?username=Old`);
    ws.onmessage = (e) => {
      const m = JSON.parse(e.data);
      lines.push(m.type === 'system' ? `* ${m.message}` : `${m.username}: ${m.message}`);
    };
    return new Promise((resolve) => (ws.onopen = resolve));
  });
  await alice.locator('.notice', {hasText: 'Old joined'}).waitFor();
  await page.evaluate(() => ws.send('{"type":"message","message":"this is text"}'));
  await shows(alice, '{"type":"message","message":"this is text"}');
  await say(alice, 'I see what you typed');
  await until('the old page has both', () => page.evaluate(() => lines.length === 2));
  const bob = await join(await person(), url, 'Bob');
  await until('the old page hears of Bob', () => page.evaluate(() => lines.length === 3));
  assert.deepEqual(await page.evaluate(() => lines), [
    'Old: {"type":"message","message":"this is text"}', 'Alice: I see what you typed', '* Bob joined the room',
  ]);
  await shows(bob, 'I see what you typed');
});

test('a reload keeps the name, the room and the messages', async () => {
  const {url} = await serve();
  const context = await person();
  const alice = await join(context, url, 'Alice', 'tea room');
  await say(alice, 'one\ntwo');
  await shows(alice, 'one');
  assert.equal(new URL(alice.url()).hash, '#tea%20room');
  await alice.reload();
  await connected(alice);
  await shows(alice, 'one');
  assert.deepEqual(await texts(alice), ['one\ntwo']);
  assert.equal(await alice.textContent('#title'), 'tea room');
  assert.equal(await alice.textContent('#me'), 'Alice');
  assert.equal(await alice.locator('.msg.own').count(), 1, 'still the same user');

  // The next tab shows the form with the values filled in. An address names a room.
  const other = await context.newPage();
  watch(other);
  await other.goto(url);
  assert.equal(await other.inputValue('#name'), 'Alice');
  assert.equal(await other.inputValue('#room'), 'tea room');
  await other.goto(`${url}#library`);
  await other.reload();
  assert.equal(await other.inputValue('#room'), 'library');
});

test('tabs with one name are one user, tabs with two names are two users', async () => {
  const {url} = await serve();
  const context = await person();
  const first = await join(context, url, 'Alice'), second = await join(context, url, 'Alice'), third = await join(context, url, 'Bob');
  await first.locator('.notice', {hasText: 'Bob joined'}).waitFor();
  await until('both are counted', async () => await first.textContent('#present') === '2 people here');
  await say(first, 'from the first tab');
  await shows(second, 'from the first tab');
  await shows(third, 'from the first tab');
  assert.equal(await second.locator('.msg.own').count(), 1);
  assert.equal(await third.locator('.msg.own').count(), 0);
  await second.close();
  await say(third, 'still here?');
  await shows(first, 'still here?');
  await until('both are counted', async () => await first.textContent('#present') === '2 people here');
});

test('private messages', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob'), eve = await join(await person(), url, 'Eve');
  await alice.click('#members button:has-text("Bob")');
  assert.equal((await alice.textContent('#target')).trim(), 'Only Bob will see this');
  await say(alice, 'between us');
  await shows(bob, 'between us');
  assert.equal(await bob.textContent('.only'), 'Only to you');
  assert.equal(await alice.textContent('#log .only'), 'Only to Bob');
  await bob.click('.msg .name'); // a name above a message does the same
  await say(bob, 'agreed');
  await shows(alice, 'agreed');
  await alice.click('#public');
  await say(alice, 'hello all');
  await shows(eve, 'hello all');
  assert.deepEqual(await texts(eve), ['hello all']);
  // The history has the private messages, only for the two users.
  await bob.reload();
  await shows(bob, 'hello all');
  assert.deepEqual(await texts(bob), ['between us', 'agreed', 'hello all']);
  // A user who has left cannot get a private message.
  await alice.click('#members button:has-text("Eve")');
  await eve.close();
  await alice.locator('.notice', {hasText: 'Eve left'}).waitFor();
  await say(alice, 'too late');
  await alice.locator('#notice-text', {hasText: 'They have left the room'}).waitFor();
  assert.equal(await alice.locator('.failed').count(), 1);
  await alice.click('.failed button:has-text("Delete")');
  assert.equal(await alice.locator('.failed').count(), 0);
});

test('typing', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  await bob.locator('#text').pressSequentially('hm');
  await alice.locator('#typing.on', {hasText: 'Bob is typing'}).waitFor();
  assert.equal(await bob.locator('#typing.on').count(), 0);
  await bob.press('#text', 'Enter');
  await shows(alice, 'hm');
  assert.equal(await alice.locator('#typing.on').count(), 0, 'a message ends the typing notice');
});

test('rooms', async () => {
  const {url} = await serve();
  const context = await person();
  await context.clock.install();
  const alice = await join(context, url, 'Alice', 'one'), bob = await join(await person(), url, 'Bob', 'two');
  await alice.fill('#text', 'half a thought');
  await jump(alice, 'two');
  await until('Alice is in two', async () => await alice.textContent('#title') === 'two');
  await bob.locator('.notice', {hasText: 'Alice joined'}).waitFor();
  await say(alice, 'hello two');
  await shows(bob, 'hello two');
  await join(await person(), url, 'Zoë', 'one');
  await alice.goBack();
  await until('Alice is in one', async () => await alice.textContent('#title') === 'one');
  await connected(alice);
  await until('the box has the draft', async () => await alice.inputValue('#text') === 'half a thought');
  assert.deepEqual(await texts(alice), []);
  await soon(alice, 'both rooms are listed', async () => (await alice.$$eval('#rooms a', (all) => all.map((e) => e.textContent))).join() === '#one2 people,#two2 people');
  // An invalid name: the server gives the reason, and nothing but the room is lost.
  await jump(alice, 'a/b');
  await alice.locator('#closed', {hasText: "room's name"}).waitFor();
  assert.equal(await alice.textContent('#title'), 'a/b');
  await alice.goBack();
  await connected(alice);
  assert.equal(await alice.textContent('#closed'), '');
  await soon(alice, 'it is no room of hers', async () => (await alice.$$eval('#mine a', (all) => all.map((e) => e.textContent))).join() === '#one2 people,#two2 people');
});

test('unread messages', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  const focus = (has) => alice.evaluate((has) => { // some headless browsers give it to one page, and some to all
    document.hasFocus = () => has;
    dispatchEvent(new Event('focus'));
  }, has);
  await focus(true);
  await say(bob, 'seen');
  await shows(alice, 'seen');
  await until('it is read', async () => (await alice.title()) === 'general · chat');
  await focus(false);
  for (let i = 1; i <= 3; i++) await say(bob, `missed ${i}`);
  await until('the title counts', async () => await alice.title() === '(3) general · chat');
  await shows(alice, 'missed 3');
  const marked = alice.locator('.entry:has(.line.new)');
  assert.equal(await marked.count(), 1);
  assert.match(await marked.textContent(), /New.*missed 1/);
  await focus(true);
  assert.equal(await alice.title(), 'general · chat');
});
