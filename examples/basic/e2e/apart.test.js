// Users who look alike, users who are present, and rooms that the user has left.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, go, join, network, person, say, scripted, serve, shows, soon, texts, until} from './harness.js';

test('users with the same name, or with names that look alike, can be distinguished in the messages', async () => {
  const {url} = await serve();
  const context = await person();
  const server = await scripted(context);
  const alice = await join(context, url, 'Alice');
  let offset = 0;
  const write = (user, username) => server.send({type: 'message', offset: ++offset, time: new Date().toISOString(), user, username, message: `by ${user}`});
  const shown = async (user) => (await alice.textContent(`.msg:has-text("by ${user}") .from`)).replace(/:$/, '');
  write('anon-aaaa1111', 'Paul');
  await shows(alice, 'by anon-aaaa1111');
  assert.equal(await shown('anon-aaaa1111'), 'Paul');
  // First in Cyrillic, then exactly that name, then a user who took Alice's own name.
  write('anon-bbbb2222', 'Раul');
  await shows(alice, 'by anon-bbbb2222');
  await until('both have a tail', async () => await shown('anon-aaaa1111') === 'Paul 1111' && await shown('anon-bbbb2222') === 'Раul 2222');
  write('anon-cccc2222', 'Paul');
  await until('a tail as long as it takes', async () => await shown('anon-bbbb2222') === 'Раul b2222' && await shown('anon-cccc2222') === 'Paul c2222');
  write('anon-dddd4444', 'AIice');
  await until('like oneself', async () => await shown('anon-dddd4444') === 'AIice 4444');
  write('anon-eeee5555', 'Peter');
  await shows(alice, 'by anon-eeee5555');
  assert.equal(await shown('anon-eeee5555'), 'Peter');
  const alike = await alice.evaluate(async () => {
    const {skeleton} = await import('./names.js');
    const same = [['Bob', 'bоb'], ['Olga', 'O1ga'], ['Williams', 'vvilliarns'], ['José', 'Jose'], ['a\u200db', 'ab'], ['Νικος', 'Nikoς'], ['admin', 'аdmіn'], ['Ivan', '1van'],
      ['Clara', 'Dara'], ['Sam', '5am'], ['Bob', '8ob'], ['Zoe', '2oe'], ['Łars', 'Lars'], ['Oda', 'Øda'], ['Dora', 'Ðora'], ['Æsa', 'AEsa'], ['SAM', 'ᏚᎪᎷ'], ['bб', 'b6'],
      ['Anna', 'Ａｎｎａ'], ['Anna', 'A\u0335nna'], ['علي', 'على'], ['علي', 'علی'], ['محمد', 'مـحمد'], ['ロロ', '口口'], ['カニ', '力二'], ['ネコ', 'ﾈｺ']];
    const other = [['Bob', 'Bab'], ['🍅', '🌱'], ['王', '玉'], ['Ann', 'Anna'], ['Олег', 'Ольга'], ['...', '!!!'], ['Marie', 'Maria'], ['Tom', 'Tim'], ['Иван', 'Игорь'], ['محمد', 'محمود'], ['さくら', 'さくや']];
    const same_ = ([a, b]) => skeleton(a) === skeleton(b);
    return [same.filter((p) => !same_(p)), other.filter(same_)];
  });
  assert.deepEqual(alike, [[], []]);
});

test('each private draft stays with its receiver', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob'), eve = await join(await person(), url, 'Eve'), alice = await join(await person(), url, 'Alice');
  const choose = (name) => alice.click(`#members button:has-text("${name}")`);
  const box = () => alice.inputValue('#text');
  await choose('Bob');
  await alice.fill('#text', 'for Bob');
  await alice.press('#text', 'Escape');
  assert.deepEqual([await box(), await alice.isHidden('#target')], ['', true]);
  await choose('Eve');
  assert.equal(await box(), '');
  await alice.fill('#text', 'for Eve');
  await alice.click('#public');
  assert.deepEqual([await box(), await alice.isHidden('#target')], ['', true]);
  await alice.fill('#text', 'for all');
  await choose('Bob');
  assert.equal(await box(), 'for Bob');
  await go(alice, 'other');
  await go(alice, 'general');
  await connected(alice);
  await alice.reload();
  await connected(alice);
  assert.equal(await box(), 'for Bob');
  await alice.press('#text', 'Enter');
  await shows(bob, 'for Bob');
  await choose('Eve');
  assert.equal(await box(), 'for Eve');
  await alice.press('#text', 'Escape');
  assert.equal(await box(), 'for all');
  await alice.press('#text', 'Enter');
  await shows(eve, 'for all');
  assert.deepEqual(await texts(eve), ['for all']);
  assert.deepEqual(alice.complaints, []);
});

test('without a connection no user is shown as present', async () => {
  const server = await serve();
  const wire = await network(server.port);
  const alice = await join(await person(), wire.url, 'Alice');
  await join(await person(), server.url, 'Bob');
  await until('two are there', async () => await alice.textContent('#present') === '2 people here');
  const dot = () => alice.$eval('#members .avatar', (e) => getComputedStyle(e, '::after').backgroundColor);
  const green = await dot();
  wire.cut();
  await alice.waitForSelector('#app:not([data-state="open"])');
  await until('nobody', async () => await alice.textContent('#present') === 'Not connected' && await alice.textContent('#count') === '');
  assert.notEqual(await dot(), green);
  await say(alice, 'in the dark');
  await alice.locator('.msg.pending .waits', {hasText: 'Waits for the connection'}).waitFor();
  wire.mend();
  await shows(alice, 'in the dark');
  await until('two are there again', async () => await alice.textContent('#present') === '2 people here' && await dot() === green);
});

for (const storage of [true, false]) {
  test(`the room left behind stays in the list, with what is new${storage ? '' : ', where nothing is stored'}`, async () => {
    const {url} = await serve();
    const bob = await join(await person(), url, 'Bob', 'den');
    const context = await person();
    await context.clock.install();
    if (!storage) {
      await context.addInitScript(() => {
        for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, {get() { throw new DOMException('denied', 'SecurityError'); }});
      });
    }
    const alice = await join(context, url, 'Alice', 'den');
    await say(bob, 'seen');
    await shows(alice, 'seen');
    await go(alice, 'general');
    await connected(alice);
    for (let i = 1; i <= 3; i++) await say(bob, `new ${i}`);
    await shows(bob, 'new 3');
    const row = alice.locator('#rooms a', {hasText: 'den'});
    await soon(alice, 'it says what is new', async () => /#den3 new2 people/.test(await row.textContent()));
    await bob.close();
    await soon(alice, 'only Alice is there', async () => /#den3 new1 person/.test(await row.textContent()));
    await row.click();
    await shows(alice, 'new 3');
    assert.match(await alice.textContent('.entry:has(.line.new)'), /New.*new 1/);
    assert.equal(await alice.locator('.line.new').count(), 1);
    assert.deepEqual(alice.complaints, []);
  });
}

test('three hundred members: the rooms can still be reached, and members can be found', async () => {
  const {url} = await serve();
  for (const viewport of [{width: 1100, height: 700}, {width: 320, height: 568}]) {
    const context = await person({viewport});
    const server = await scripted(context);
    const alice = await join(context, url, 'Alice');
    server.send({type: 'presence', joined: Array.from({length: 300}, (_, i) => ({user: `u${i}`, username: i === 250 ? 'Zoë' : `Member ${i}`})), left: [], count: 1001});
    await alice.locator('#members .more', {hasText: 'and 700 more'}).waitFor({state: 'attached'});
    if (viewport.width < 500) await alice.click('#show');
    const inView = (selector) => alice.$eval(selector, (e) => {
      const {top, bottom} = e.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight && e.checkVisibility();
    });
    for (const selector of ['#rooms a', '#find-room', '#find', '#members li', '#leave']) assert.ok(await inView(selector), `${selector} at ${viewport.width}`);
    await alice.fill('#find', 'zoe');
    await until('one is found', async () => (await alice.$$eval('#members bdi', (all) => all.map((e) => e.textContent))).join() === 'Zoë');
    await alice.fill('#find', 'nobody at all');
    await alice.locator('#members .more', {hasText: 'Nobody of that name'}).waitFor();
    await alice.getByRole('searchbox', {name: 'Find somebody'}).fill('');
    await until('all are back', async () => await alice.locator('#members li').count() === 302);
    assert.deepEqual(alice.complaints, []);
  }
});

test('fifty thousand rooms cost nothing when a user joins', async () => {
  const {url} = await serve();
  const context = await person();
  const server = await scripted(context);
  let asked = 0;
  const all = Array.from({length: 50_000}, (_, i) => [`room ${i}`, i === 30_000 ? 999 : 1]);
  const bySize = all.toSorted((a, b) => b[1] - a[1]);
  await context.route((u) => u.pathname === '/rooms', (route) => { // as the server answers
    asked++;
    const query = new URL(route.request().url()).searchParams, named = new Set(query.getAll('room'));
    return route.fulfill({json: Object.fromEntries([...query.has('limit') ? bySize.slice(0, query.get('limit')) : all, ...all.filter(([name]) => named.has(name))])});
  });
  const sizes = [];
  context.on('response', async (r) => new URL(r.url()).pathname === '/rooms' && sizes.push((await r.body()).length));
  const alice = await join(context, url, 'Alice');
  await alice.locator('#rooms a', {hasText: 'room 30000'}).waitFor();
  assert.ok(await alice.locator('#rooms li').count() <= 100);
  const before = asked;
  await alice.evaluate(() => {
    let n = 0;
    for (const name of ['get', 'has']) {
      const real = Map.prototype[name];
      Map.prototype[name] = function (key) { n++; return real.call(this, key); };
    }
    const entries = Map.prototype[Symbol.iterator];
    Map.prototype[Symbol.iterator] = Map.prototype.entries = function () { n += this.size; return entries.call(this); };
    const keys = Map.prototype.keys;
    Map.prototype.keys = function () { n += this.size; return keys.call(this); };
    window.looks = () => n;
  });
  for (let i = 0; i < 50; i++) server.send({type: 'system', event: 'join', time: new Date().toISOString(), user: `u${i}`, username: `User ${i}`, message: ''});
  await until('all are there', async () => await alice.textContent('#present') === '51 people here');
  const looks = await alice.evaluate(() => looks());
  assert.ok(looks < 50 * 2000, `${looks} looks at rooms and members`);
  for (const room of ['one', 'two', 'three']) await go(alice, room);
  await connected(alice);
  assert.ok(asked - before <= 1, `asked ${asked - before} times more`);
  assert.ok(sizes.length > 0 && Math.max(...sizes) < 5000, `answers of ${sizes} bytes`);
});

test('users in a room that is out of view are counted, however small it is', async () => {
  const {url} = await serve();
  const context = await person();
  await context.clock.install();
  await context.route((u) => u.pathname === '/rooms', (route) => route.continue({url: route.request().url().replace('limit=100', 'limit=1')}));
  const alice = await join(context, url, 'Alice', 'a small one');
  for (const name of ['Bob', 'Ben']) await join(await person(), url, name, 'big');
  await join(await person(), url, 'Eve', 'a small one');
  await go(alice, 'big');
  const row = alice.locator('#rooms a', {hasText: 'a small one'});
  await soon(alice, 'Eve is counted', async () => await row.locator('.number', {hasText: '2'}).count() === 1);
});

test('after a change of the time zone, times are shown in the new one', async () => {
  const {url} = await serve();
  const context = await person();
  const server = await scripted(context);
  const alice = await context.newPage();
  const cdp = await context.newCDPSession(alice);
  await cdp.send('Emulation.setTimezoneOverride', {timezoneId: 'Europe/Berlin'});
  await alice.goto(url);
  await alice.press('#name', 'Enter');
  await connected(alice);
  server.send({type: 'message', offset: 1, time: '2026-01-15T12:00:00.000Z', user: 'u', username: 'U', message: 'noon'});
  await shows(alice, 'noon');
  assert.equal(await alice.textContent('.msg time'), '13:00');
  await cdp.send('Emulation.setTimezoneOverride', {timezoneId: ''});
  await cdp.send('Emulation.setTimezoneOverride', {timezoneId: 'Asia/Tokyo'});
  await alice.evaluate(() => dispatchEvent(new Event('visibilitychange')));
  await until('it is the evening', async () => await alice.textContent('.msg time') === '21:00');
});
