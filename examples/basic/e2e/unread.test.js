// Many rooms on the page: what is unread in them, who is told of it, and the way to them.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, go, join, jump, person, say, serve, shows, texts, until} from './harness.js';

const row = (page, room) => page.locator('#mine a', {has: page.locator('bdi', {hasText: new RegExp(`^${room}$`)})});
const badge = async (page, room) => (await row(page, room).locator('.unread').allTextContents()).join();
const blur = (page) => page.evaluate(() => {
  document.hasFocus = () => false; // headless pages always have it
  dispatchEvent(new Event('blur'));
});
const focus = (page) => page.evaluate(() => {
  document.hasFocus = () => true;
  dispatchEvent(new Event('focus'));
});

test('rooms that are not in view: badges, mentions, the place in the list, and reading in another tab', async () => {
  const {url} = await serve(['-rate', '0']);
  const context = await person();
  const bob = await join(await person(), url, 'Bob', 'den'), alice = await join(context, url, 'Alice Lee', 'den');
  for (let i = 0; i < 40; i++) await say(bob, `line ${i}`);
  await shows(alice, 'line 39');
  await alice.evaluate(() => (document.getElementById('scroller').scrollTop = 200));
  await alice.waitForSelector('#down:not([hidden])');
  const top = () => alice.$eval('#scroller', (e) => e.scrollTop);
  const was = await top();
  await go(alice, 'general');
  await connected(alice);
  await say(bob, 'ann@alice lee.example, @Alice Leeds and @Alice');
  await say(bob, 'plain');
  await until('a badge', async () => await badge(alice, 'den') === '2 new');
  assert.equal(await row(alice, 'den').locator('.for-me').count(), 0, 'nobody called her');
  assert.equal(await alice.textContent('#told'), '', 'a badge is not spoken');
  assert.equal(await alice.title(), '(2) general · chat');
  assert.equal(await alice.getAttribute('#favicon', 'href'), 'icon-dot.svg');
  await say(bob, 'Is @alice lee here?');
  await row(alice, 'den').locator('.for-me').waitFor();
  assert.equal(await alice.textContent('#told'), 'Bob wrote to you in den');
  // The list is where it was, with a line before what is new.
  await go(alice, 'den');
  assert.ok(Math.abs(await top() - was) < 2, `${await top()} instead of ${was}`);
  assert.equal(await badge(alice, 'den'), '3 new', 'it is not read as long as it is not in view');
  await alice.click('#down');
  await until('it is read', async () => await badge(alice, 'den') === '');
  assert.match(await alice.textContent('.entry:has(.line.new)'), /^New.*@Alice Leeds/);
  assert.equal(await alice.getAttribute('#favicon', 'href'), 'icon.svg');
  // Another tab of hers has the same, until one of them reads.
  const other = await join(context, url, 'Alice Lee', 'general');
  for (const page of [alice, other]) await blur(page);
  await say(bob, 'once more');
  for (const page of [alice, other]) await until('both tell', async () => await badge(page, 'den') === '1 new');
  await focus(alice);
  for (const page of [alice, other]) await until('both are told', async () => await badge(page, 'den') === '');
  assert.deepEqual([...alice.complaints, ...other.complaints, ...bob.complaints], []);
});

test('after a reload, what is unread is marked, and a room can be left for good', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob', 'den'), alice = await join(await person(), url, 'Alice', 'den');
  await say(bob, 'read');
  await shows(alice, 'read');
  await go(alice, 'general');
  await connected(alice);
  await go(alice, 'third');
  await connected(alice);
  await blur(alice); // without this, the page would be closed by then
  await say(bob, 'missed');
  await until('a badge', async () => await badge(alice, 'den') === '1 new');
  await alice.reload();
  await connected(alice);
  await until('the badge is there again', async () => await badge(alice, 'den') === '1 new');
  await row(alice, 'den').click();
  await shows(alice, 'missed');
  assert.match(await alice.textContent('.entry:has(.line.new)'), /New.*missed/);
  await until('older ones are loaded', async () => (await texts(alice)).join() === 'read,missed');
  await until('two are there', async () => await bob.textContent('#present') === '2 people here');
  await alice.click('#settings');
  await alice.click('#settings-leave');
  await until('in another room', async () => await alice.textContent('#title') === 'third');
  await until('Bob is alone', async () => await bob.textContent('#present') === 'Only you are here');
  await until('it is no room of hers', async () => await row(alice, 'den').count() === 0);
  await alice.reload();
  await connected(alice);
  await row(alice, 'general').waitFor();
  assert.equal(await row(alice, 'den').count(), 0);
  assert.deepEqual(alice.complaints, []);
});

test('to a room or a person by the keyboard', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob', 'den'), alice = await join(await person(), url, 'Alice', 'den');
  await join(await person(), url, 'Zoë', 'night shift');
  const focused = () => alice.evaluate(() => document.activeElement.id);
  await jump(alice, 'other');
  await until('in a new room', async () => await alice.textContent('#title') === 'other');
  await connected(alice);
  await go(alice, 'den');
  await alice.focus('#text');
  await alice.keyboard.press('Control+k');
  assert.equal(await focused(), 'jump-text');
  const options = () => alice.locator('#jump-list [role=option] bdi').allTextContents();
  assert.deepEqual(await options(), ['other', 'Bob'], 'her rooms, then who is here');
  await alice.keyboard.press('Escape');
  assert.equal(await focused(), 'text');
  await alice.keyboard.press('Meta+k');
  await alice.keyboard.type('BO');
  assert.deepEqual(await options(), ['Bob', 'BO']);
  const active = () => alice.evaluate(() => document.getElementById(document.getElementById('jump-text').getAttribute('aria-activedescendant')).textContent);
  await alice.keyboard.press('ArrowUp');
  assert.match(await active(), /BO.*go to this room/);
  await alice.keyboard.press('ArrowDown');
  assert.match(await active(), /Bob.*write privately/);
  await alice.keyboard.press('Enter');
  assert.deepEqual([await focused(), await alice.textContent('#to')], ['text', 'Bob']);
  await say(alice, 'psst');
  await shows(bob, 'psst');
  const fits = await alice.evaluate(async () => {
    const {fit} = await import('./jump.js');
    const order = (typed, names) => names.map((n) => [fit(typed, n), n]).filter(([f]) => !Number.isNaN(f)).sort((a, b) => a[0] - b[0]).map(([, n]) => n);
    return [order('ni', ['animals', 'general ni', 'night', 'ni', 'n…i', 'den']), order('(a', ['a', '(a)'])];
  });
  assert.deepEqual(fits, [['ni', 'night', 'general ni', 'animals', 'n…i'], ['(a)']]);
  assert.deepEqual([...alice.complaints, ...bob.complaints], []);
});

test('notifications: only when asked for, only for what is for the user, one for a burst, from one tab', async () => {
  const {url} = await serve();
  const context = await person();
  await context.addInitScript(() => {
    window.shown = [];
    window.asked = 0;
    window.Notification = class extends EventTarget {
      static permission = localStorage.given ?? 'default';
      static requestPermission() {
        asked++;
        return Promise.resolve(Notification.permission = localStorage.given = 'granted');
      }
      constructor(title, {body}) {
        super();
        shown.push(`${title}: ${body}`);
        window.note = this;
      }
      close() {}
    };
  });
  const bob = await join(await person(), url, 'Bob', 'den'), alice = await join(context, url, 'Alice', 'den');
  await go(alice, 'general');
  await connected(alice);
  assert.equal(await alice.evaluate(() => asked), 0);
  await alice.click('#settings');
  await alice.click('#alerts-turn');
  await alice.locator('#alerts-state', {hasText: 'are on'}).waitFor();
  await alice.keyboard.press('Escape');
  const other = await join(context, url, 'Alice', 'general');
  for (const page of [alice, other]) await blur(page);
  await until('nobody looks', () => alice.evaluate(async () => !(await navigator.locks.query()).held.some(({name}) => name.includes('looked at'))));
  await say(bob, 'not for her');
  await say(bob, 'one for @Alice');
  for (let i = 0; i < 5; i++) await say(bob, `and @alice again ${i}`);
  const all = async () => (await Promise.all([alice, other].map((page) => page.evaluate(() => shown)))).flat();
  await until('one notification', async () => (await all()).length > 0);
  await until('all have come', async () => await badge(alice, 'den') === '7 new' && await badge(other, 'den') === '7 new');
  const first = (await all()).length;
  assert.ok(first <= 2, 'not one for each message');
  assert.match((await all())[0], /^Bob in den: (one for @Alice|\d new messages)$/);
  // A click opens the room.
  const speaker = await alice.evaluate(() => shown.length) ? alice : other;
  await speaker.evaluate(() => {
    document.hasFocus = () => true;
    note.dispatchEvent(new Event('click'));
  });
  await until('in the den', async () => await speaker.textContent('#title') === 'den');
  await until('it is read', async () => await badge(alice, 'den') === '' && await badge(other, 'den') === '');
  // A muted room tells nothing: no number in the title, no word, no notification.
  await alice.evaluate(() => localStorage.setItem('chat-alerts', JSON.stringify({on: true, rooms: [['den', 'none']]})));
  await go(speaker, 'general');
  await speaker.evaluate(() => (document.getElementById('told').textContent = ''));
  await say(bob, 'hush @Alice');
  await until('a badge', async () => await badge(speaker, 'den') === '1 new');
  assert.deepEqual([await speaker.title(), await speaker.textContent('#told')], ['general · chat', '']);
  assert.deepEqual([...alice.complaints, ...other.complaints, ...bob.complaints], []);
});

test('away: after ten minutes without input in any tab, told to those who come, and over with the first input', async () => {
  const {url} = await serve();
  const context = await person();
  await context.clock.install();
  const alice = await join(context, url, 'Alice', 'den'), bob = await join(await person(), url, 'Bob', 'den');
  const away = (page) => page.locator('#members .away', {hasText: 'Alice'}).count();
  const pass = (minutes) => alice.clock.fastForward(minutes * 60_000);
  await alice.mouse.move(300, 300);
  await pass(9);
  await alice.mouse.move(310, 300);
  await pass(9);
  await alice.clock.runFor(1000);
  assert.equal(await away(bob), 0);
  await until('away', async () => {
    await pass(2);
    return await away(bob) === 1;
  });
  assert.match(await bob.textContent('#members .away'), /Alice.*away/);
  const zoe = await join(await person(), url, 'Zoë', 'den');
  await until('Zoë is told', async () => {
    await alice.clock.runFor(1000);
    return await away(zoe) === 1;
  });
  await bob.reload();
  await connected(bob);
  await until('Bob is told again', async () => {
    await alice.clock.runFor(1000);
    return await away(bob) === 1;
  });
  await alice.mouse.move(320, 300);
  await alice.clock.runFor(1000);
  for (const page of [bob, zoe]) await until('back', async () => await away(page) === 0);
  assert.deepEqual([...alice.complaints, ...bob.complaints], []);
});
