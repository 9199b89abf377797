// Joining, the reasons for a refusal, and the parts around the messages.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {below, connected, join, jump, person, say, scripted, serve, shows, sockets, until, watch} from './harness.js';

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.tagName);

test('a server that refuses says why, and the wrong field has the focus', async () => {
  const {url} = await serve();
  for (const [status, code, message, said, focus] of [
    [400, 'bad_name', 'a username has at most 64 characters', 'A username has at most 64 characters.', 'name'],
    [401, 'unauthorized', 'no token', 'You have to sign in first: no token.', 'room'],
    [403, 'forbidden', 'members only', 'You may not enter: members only.', 'room'],
    [429, 'too_many', 'too many connections', 'This server is full at the moment. Trying again…', null],
    [503, 'unavailable', 'the log cannot be reached', 'This server cannot let anyone in right now. Trying again…', null],
  ]) {
    const context = await person();
    let refuse = true;
    await context.routeWebSocket(sockets, (ws) => (refuse ? ws.close({code: 4000}) : ws.connectToServer()));
    await context.route(sockets, (route) => route.fulfill({
      status, headers: {'Retry-After': '1'}, json: {error: {code, message}},
    }));
    const page = await context.newPage();
    watch(page);
    await page.goto(url);
    await page.fill('#name', 'Alice');
    await page.click('#enter');
    await page.locator('#refused:not(:empty)').waitFor();
    assert.equal(await page.textContent('#refused'), said);
    if (focus) assert.equal(await focused(page), focus, code);
    // The user can try again. A refusal that may pass is tried again by itself.
    refuse = false;
    if (focus) await page.click('#enter');
    await connected(page);
    assert.deepEqual(page.complaints, []);
    await context.close();
  }
});

test('the side closes on a small screen, and an element has the focus', async () => {
  const {url} = await serve();
  await join(await person(), url, 'Bob', 'den');
  const alice = await join(await person({viewport: {width: 320, height: 568}}), url, 'Alice');
  await alice.click('#show');
  await alice.click('#rooms a[aria-current]'); // the room in which she already is
  assert.equal(await focused(alice), 'show');
  await alice.click('#show');
  await alice.click('#rooms a:has-text("den")');
  await until('in the den', async () => await alice.textContent('#title') === 'den');
  assert.equal(await focused(alice), 'show');
  await connected(alice);
  await alice.click('#show');
  await jump(alice, 'general');
  await until('in general', async () => await alice.textContent('#title') === 'general');
  assert.equal(await focused(alice), 'text');
  assert.equal(await alice.$eval('#side', (e) => e.inert), true);
});

test('on a touch screen the keyboard does not open by itself', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob');
  const alice = await join(await person({viewport: {width: 320, height: 568}, hasTouch: true, isMobile: true}), url, 'Alice');
  assert.notEqual(await focused(alice), 'text');
  await say(bob, 'line\n'.repeat(15));
  await say(bob, 'line\n'.repeat(15));
  await shows(alice, 'line');
  await alice.$eval('#scroller', (e) => (e.scrollTop = 0));
  await alice.waitForSelector('#down:not([hidden])');
  await alice.tap('#down');
  await until('the end is reached', () => alice.isHidden('#down'));
  assert.notEqual(await focused(alice), 'text');
  await say(alice, 'hi');
  assert.equal(await focused(alice), 'text', 'a user who writes can continue');
  // Smaller letters make iOS zoom in.
  const sizes = await alice.$$eval('input, textarea', (all) => all.map((e) => parseFloat(getComputedStyle(e).fontSize)));
  assert.ok(sizes.every((px) => px >= 16), String(sizes));
});

test('two users of one name can be distinguished, also as receivers', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), one = await join(await person(), url, 'Twin'), two = await join(await person(), url, 'Twin');
  await until('both are there', async () => await alice.locator('#members .tail').count() === 2);
  for (const [twin, other] of [[one, two], [two, one]]) {
    const tail = await twin.textContent('#members p .tail');
    await alice.click(`#members button:has-text("${tail}")`);
    assert.equal((await alice.textContent('#target')).trim(), `Only Twin ${tail} will see this`);
    await say(alice, `for ${tail}`);
    await shows(twin, `for ${tail}`);
    await say(twin, `thanks from ${tail}`);
    await shows(other, `thanks from ${tail}`);
    assert.equal(await other.locator('#log .body', {hasText: `for ${tail}`}).count(), 0);
  }
});

test('the link is copied, or the page says that it was not', async () => {
  const {url} = await serve();
  const context = await person();
  await context.addInitScript(() => {
    navigator.clipboard.writeText = async () => { if (!window.allowed) throw new DOMException('denied', 'NotAllowedError'); };
  });
  const alice = await join(context, url, 'Alice');
  await alice.click('#copy');
  await alice.locator('#notice-text', {hasText: 'does not let this page copy'}).waitFor();
  await alice.evaluate(() => (window.allowed = true));
  // The page says so for two seconds.
  await Promise.all([alice.getByRole('button', {name: 'Link copied'}).waitFor(), alice.click('#copy')]);
});

test('names of typing users leave space for the rest of the line', async () => {
  const {url} = await serve();
  const context = await person({viewport: {width: 320, height: 568}});
  const server = await scripted(context);
  const alice = await join(context, url, 'Alice');
  const typing = (user) => server.send({type: 'typing', user, username: `${user} ${'Name'.repeat(15)}`});
  await until('both type', async () => {
    ['u1', 'u2'].forEach(typing); // again, because typing ends by itself
    return /u1.* and u2.* are typing/.test(await alice.textContent('#typing'));
  });
  const hidden = await alice.$eval('#typing', (e) => e.scrollWidth - e.clientWidth);
  assert.ok(hidden <= 0, `${hidden} px of the line are cut off`);
  server.send({type: 'message', offset: 1, time: new Date().toISOString(), user: 'u1', username: 'u1', message: 'done'});
  await until('only one types', async () => {
    typing('u2');
    return /^u2.* is typing/.test(await alice.textContent('#typing'));
  });
});

test('the heading Today becomes Yesterday after midnight', async () => {
  const {url} = await serve();
  const context = await person();
  await context.clock.install({time: new Date(2026, 2, 1, 23, 59)});
  const server = await scripted(context);
  const alice = await join(context, url, 'Alice');
  const send = (offset, time, message) => server.send({type: 'message', offset, time: time.toISOString(), user: 'u', username: 'U', message});
  send(1, new Date(2026, 2, 1, 23, 59, 10), 'before');
  await alice.clock.runFor(1000);
  await shows(alice, 'before');
  const days = () => alice.$$eval('.line.day', (all) => all.map((e) => e.textContent));
  assert.deepEqual(await days(), ['Today']);
  await alice.clock.fastForward(120_000);
  send(2, new Date(2026, 2, 2, 0, 0, 30), 'after');
  await until('the new day has come', async () => {
    await alice.clock.runFor(100);
    return String(await days()) === 'Yesterday,Today';
  });
});

test('below a prefix, the page finds its files and its server', async () => {
  const {url, port} = await serve();
  const prefixed = await below('/some/where', port);
  const bob = await join(await person(), url, 'Bob', 'den');
  const page = await (await person()).newPage();
  watch(page);
  const den = page.locator('#open button', {hasText: 'den'});
  await until('the room is listed', async () => { // the server's list may be one of a second ago
    await page.goto(prefixed);
    return den.waitFor({timeout: 1000}).then(() => true, () => false);
  });
  await den.click();
  await page.fill('#name', 'Alice');
  await page.click('#enter');
  await connected(page);
  await say(page, 'from below');
  await shows(bob, 'from below');
  assert.equal(await page.evaluate(() => location.pathname), '/some/where/');
  assert.deepEqual(page.complaints, []);
});
