// Where WebSockets are blocked, with a real server behind a proxy that blocks them.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, leftover, network, person, say, serve, shows, soon, texts, until, watch} from './harness.js';
import {load} from './modules.js';

const {connect, connectRooms} = await load('chat.js');
const {View} = await load('view.js');

/** Without WebSockets, as in a program of an older Node, everything goes over HTTP. */
const withoutSockets = () => {
  const own = globalThis.WebSocket;
  globalThis.WebSocket = undefined;
  leftover(() => void (globalThis.WebSocket = own));
};
const opened = (chat) => new Promise((resolve) => chat.on('welcome', resolve));
const wait = (ms) => new Promise((r) => setTimeout(r, ms));

test('over HTTP alone, many losses: nothing is lost and nothing comes twice', async () => {
  withoutSockets();
  const {url, port} = await serve(['-rate', '0', '-history', '1000']);
  const way = await network(port, 'refused');
  const member = (base, username) => {
    const chat = connect(base, {room: 'r', username}), view = new View(), texts = [];
    leftover(() => chat.close());
    view.follow(chat);
    chat.on('message', (m) => texts.push(m.message));
    chat.on('gap', () => texts.push('gap'));
    return {chat, view, texts};
  };
  const ann = member(way.url, 'Ann'), ben = member(url, 'Ben');
  await Promise.all([opened(ann.chat), opened(ben.chat)]);
  assert.equal(ann.chat.transport, 'http');
  const {user} = ann.chat;
  let enough = false;
  const talk = async ({chat}) => {
    let i = 0;
    for (; i % 4 > 0 || !enough; i++) {
      const {offset} = await chat.send(`${chat.username} ${i}`);
      if (i % 4 === 1) await chat.edit(offset, `${chat.username} ${i} edited`);
      if (i % 4 === 2) await chat.delete(offset);
      if (i % 4 === 3) await wait(20);
    }
    return i;
  };
  const again = setInterval(() => ann.chat.state === 'waiting' && ann.chat.reconnect(), 20); // not its growing pauses
  leftover(() => clearInterval(again));
  const done = Promise.all([talk(ann), talk(ben)]);
  for (let i = 0; i < 12; i++) {
    await wait(20 + 100 * Math.random());
    if (i % 2) way.reset();
    else way.state.loseAnswers = 1;
  }
  enough = true;
  const numbers = await done;
  const left = ['Ann', 'Ben'].flatMap((name, k) => Array.from({length: numbers[k]}, (_, i) => `${name} ${i}${i % 4 === 1 ? ' edited' : ''}`).filter((_, i) => i % 4 !== 2));
  const {chat: judge, view} = member(url, 'Judge');
  await opened(judge);
  await judge.send('over');
  for (const {view: v, texts} of [ann, ben, {view, texts: []}]) {
    await until('everything has come', () => v.messages.at(-1)?.message === 'over');
    assert.deepEqual(v.messages.map((m) => m.message).sort(), [...left, 'over'].sort());
    assert.equal(new Set(texts).size, texts.length, 'nothing twice');
    assert.ok(!texts.includes('gap'));
  }
  const offsets = view.messages.map((m) => m.offset);
  assert.deepEqual(ben.view.messages.map((m) => m.offset), offsets);
  assert.equal(ann.chat.user, user);
  assert.ok(way.seen.streams > 4, `${way.seen.streams} streams`);
});

test('rooms of a connection over HTTP', async () => {
  withoutSockets();
  const {url} = await serve();
  const many = connectRooms(url, {username: 'Ann'}), names = ['a', 'b', 'c', 'd', 'e', 'f'];
  leftover(() => many.close());
  const chats = names.map((name) => many.join(name));
  await until('four are open', () => chats.filter(({state}) => state === 'open').length === 4);
  assert.deepEqual(chats.map(({state}) => state), ['open', 'open', 'open', 'open', 'waiting', 'waiting']);
  assert.equal(new Set(chats.slice(0, 4).map(({user}) => user)).size, 1, 'one user in all rooms');
  const got = [];
  chats[5].on('message', (m) => got.push(m.message));
  await chats[5].send('from f');
  await until('it has come', () => got.length === 1);
  assert.equal(chats.filter(({state}) => state === 'open').length, 4);
  const ben = connectRooms(url, {username: 'Ben'});
  leftover(() => ben.close());
  const f = ben.join('f');
  await opened(f);
  assert.equal(f.count, 2);
  const typed = new Promise((r) => f.on('typing', r));
  chats[5].typing();
  assert.equal((await typed).username, 'Ann');
  await f.sendPrivate(many.user, 'psst');
  await until('it has come', () => got[1] === 'psst');
  const {messages} = await chats[5].history();
  assert.deepEqual(messages.map((m) => m.message), ['from f']);
  const bad = await chats[5].edit(999, 'x').catch((e) => e.code);
  assert.equal(bad, 'no_such_message');
  assert.equal(await f.send('x'.repeat(16385)).catch((e) => e.code), 'too_long');
});

test('each way in which WebSockets are blocked, and back when they are not', async () => {
  const {url, port} = await serve(['-rate', '0']);
  const bob = await join(await person(), url, 'Bob');
  await Promise.all(['refused', 'stripped', 'hangs', 'cut'].map(async (how) => {
    const way = await network(port, how), context = await person();
    await context.clock.install();
    const page = await context.newPage();
    watch(page);
    await page.goto(`${way.url}icon.svg`);
    await page.evaluate(async (how) => {
      Math.random = () => 0; // the shortest pauses
      const {connect} = await import('./chat.js');
      Object.assign(window, {texts: [], chat: connect('/', {room: 'r', username: how})});
      chat.on('message', (m) => texts.push(m.message));
      chat.on('gap', () => texts.push('gap'));
    }, how);
    const state = () => page.evaluate(() => `${chat.state} ${chat.transport}`);
    await until(`${how}: it goes over HTTP`, async () => await state() === 'open http');
    assert.equal(await page.evaluate(() => chat.send('one', {id: 'one'}).then(() => 'sent')), 'sent');
    way.state.how = 'through';
    await soon(page, `${how}: it comes back`, async () => {
      await page.evaluate(() => window.sent ??= chat.send('two'));
      return await state() === 'open websocket';
    });
    assert.equal(await page.evaluate(() => chat.send('three').then(() => 'sent')), 'sent');
    await until(`${how}: all has come`, () => page.evaluate((how) => texts.includes('three') && how, how));
    assert.deepEqual(await page.evaluate(() => texts.filter((t) => t === 'gap')), []);
    assert.deepEqual(page.complaints, []);
  }));
  assert.deepEqual(bob.complaints, []);
});

test('the page where WebSockets are blocked', async () => {
  const {url, port} = await serve();
  const way = await network(port, 'refused');
  const bob = await join(await person(), url, 'Bob'), alice = await join(await person(), way.url, 'Alice');
  await until('they see each other', async () => await bob.textContent('#present') === '2 people here' && await alice.textContent('#present') === '2 people here');
  await say(alice, 'over HTTP');
  await shows(bob, 'over HTTP');
  await say(bob, 'over a socket');
  await shows(alice, 'over a socket');
  assert.deepEqual(await texts(alice), ['over HTTP', 'over a socket']);
  await until('Bob is told that she types', async () => {
    await alice.press('#text', 'x');
    return /^Alice is typing/.test(await bob.textContent('#typing'));
  });
  await alice.fill('#text', '');
  await alice.click('#members button:has-text("Bob")');
  await say(alice, 'for Bob alone');
  await shows(bob, 'for Bob alone');
  // Cut, and back, as with a socket.
  way.reset();
  await say(bob, 'meanwhile');
  await shows(alice, 'meanwhile');
  assert.equal(await alice.locator('.line.gap').count(), 0);
  await alice.reload();
  await shows(alice, 'meanwhile');
  assert.deepEqual(await texts(alice), ['over HTTP', 'over a socket', 'for Bob alone', 'meanwhile']);
  assert.ok(way.seen.posts >= 3 && way.seen.streams >= 3, JSON.stringify(way.seen));
  assert.deepEqual([...alice.complaints, ...bob.complaints], []);
});

test('a page of another origin over HTTP', async () => {
  const {url} = await serve();
  const {port} = await serve(['-origins', new URL(url).origin, '-rate', '1', '-burst', '1']);
  const way = await network(port, 'refused');
  const page = await (await person({bypassCSP: true})).newPage();
  watch(page);
  await page.goto(`${url}icon.svg`);
  const got = await page.evaluate(async (base) => {
    const {connect} = await import('./chat.js');
    const chat = connect(base, {room: 'r', username: 'Ann', token: 'a.b'}); // which needs a preflight
    chat.on('state', ({error}) => error && console.error(error.message));
    const first = await chat.send('one');
    const errors = [];
    for (const type of ['held', 'error']) chat.on(type, (o) => errors.push(o.error?.code ?? o.code ?? 'rate'));
    const second = await chat.send('two');
    const {messages} = await chat.history();
    return [chat.transport, first.offset, second.offset, errors, messages.map((m) => m.message)];
  }, way.url);
  assert.deepEqual(got, ['http', 1, 2, ['rate'], ['one', 'two']]);
  assert.deepEqual(page.complaints, []);
});
