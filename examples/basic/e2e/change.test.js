// Messages that carry data and change, with a real server, also over many losses of the connection.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, network, person, serve, shows, texts, until, watch} from './harness.js';

/** An empty page of the server's origin, with a chat in it. */
async function talker(url, username, room = 'general') {
  const page = await (await person()).newPage();
  watch(page);
  await page.goto(url);
  await page.evaluate(async ([username, room]) => {
    const [{connect}, {View}] = await Promise.all([import('./chat.js'), import('./view.js')]);
    Object.assign(window, {chat: connect('/', {username, room}), view: new View(), told: []});
    view.follow(chat);
    for (const type of ['read', 'signal']) chat.on(type, (o) => told.push(o));
    await new Promise((resolve) => chat.on('welcome', resolve));
  }, [username, room]);
  return page;
}

test('with a real server, the page shows what another client changes', async () => {
  const {url} = await serve();
  const reader = await join(await person(), url, 'Reader');
  const page = await talker(url, 'Writer');
  const offsets = await page.evaluate(async () => {
    const one = await chat.send('one', {data: {n: 1}}), two = await chat.send('two', {replyTo: one.offset}), three = await chat.send('three');
    await chat.edit(one.offset, 'new', {data: {n: 2}});
    await chat.react(two.offset, '👍');
    const again = await chat.react(two.offset, '👍');
    await chat.delete(three.offset);
    return [one.offset, two.offset, again.offset];
  });
  assert.deepEqual(offsets, [1, 2, 5]);
  await until('the reader sees it', async () => JSON.stringify(await texts(reader)) === JSON.stringify(['new', 'two']));
  await until('and the reaction', async () => JSON.stringify(await reader.$$eval('.reaction:not(.add)', (all) => all.map((e) => e.textContent))) === '["👍 1"]');
  const later = await join(await person(), url, 'Later');
  await shows(later, 'two');
  assert.deepEqual(await texts(later), ['new', 'two']);
  assert.deepEqual(await later.$$eval('.edited, .reaction:not(.add)', (all) => all.map((e) => e.textContent)), ['edited', '👍 1']);
  const {messages} = await page.evaluate(() => chat.history());
  assert.deepEqual(messages.map((m) => [m.message, m.data, m.reply_to, m.amended]), [['new', {n: 2}, undefined, 4], ['two', undefined, 1, 5]]);
  assert.deepEqual(await page.evaluate(() => view.messages.map((m) => [m.offset, m.message])), [[1, 'new'], [2, 'two']]);
  assert.equal(await page.evaluate(() => chat.edit(3, 'x').catch((e) => e.code)), 'no_such_message');
  const other = await talker(url, 'Other');
  await until('a signal comes', async () => {
    await page.evaluate(() => chat.signal('cursor', {x: 1}));
    return other.evaluate(() => told.some((o) => o.name === 'cursor' && o.data.x === 1));
  });
  assert.equal(await other.evaluate(() => view.unread), 2);
  await other.evaluate(() => {
    chat.markRead(1);
    chat.markRead(2);
    chat.close();
  });
  const read = (session) => page.evaluate(async (session) => {
    const {connect} = await import('./chat.js');
    const c = connect('/', {room: 'general', username: 'Other', session});
    const w = await new Promise((resolve) => c.on('welcome', resolve));
    c.close();
    return [w.read, w.unread];
  }, session);
  const session = await other.evaluate(() => chat.session);
  await until('the marker is kept', async () => JSON.stringify(await read(session)) === '[2,0]');
  assert.deepEqual([...reader.complaints, ...page.complaints], []);
});

test('over many losses of the connection, every acknowledged change is made exactly once', async () => {
  const server = await serve(['-rate', '0']);
  const wire = await network(server.port);
  const page = await talker(wire.url, 'Writer'), other = await talker(server.url, 'Other');
  const done = page.evaluate(async () => {
    const all = [], {offset: shared} = await chat.send('shared');
    const act = async (promise) => all.push((await promise).offset);
    let on = false;
    await Promise.all(['a', 'b', 'c'].map(async (name) => {
      for (let i = 0; i < 30; i++) {
        const {offset} = await chat.send(`${name}${i}`);
        all.push(offset);
        await act(chat.edit(offset, `${name}${i} edited`));
        if (i % 2) await act(chat.delete(offset));
        if (name === 'a') await act((on = !on) ? chat.react(shared, '👍') : chat.unreact(shared, '👍'));
      }
    }));
    const last = await chat.send('last');
    return [...all, shared, last.offset].sort((a, b) => a - b);
  });
  let over = false, cuts = 0;
  done.finally(() => (over = true)).catch(() => {});
  while (!over) {
    await new Promise((resolve) => setTimeout(resolve, 10 + 50 * Math.random()));
    wire.cut();
    cuts++;
    await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
    wire.mend();
    await page.evaluate(() => chat.state === 'waiting' && chat.reconnect());
    await until('it is back', () => over || page.evaluate(() => chat.state === 'open'));
  }
  const offsets = await done;
  assert.deepEqual(offsets, offsets.map((_, i) => i + 1), 'each entry once, and no other');
  assert.ok(cuts > 1, `${cuts} losses`); // more on most machines
  const want = ['shared', ...['a', 'b', 'c'].flatMap((n) => Array.from({length: 15}, (_, i) => `${n}${2 * i} edited`)), 'last'].sort();
  for (const p of [page, other]) {
    await until('the view has it all', () => p.evaluate(() => view.messages.some((m) => m.message === 'last')));
    assert.deepEqual(await p.evaluate(() => view.messages.map((m) => m.message).sort()), want);
    assert.equal(await p.evaluate(() => view.messages.some((m) => m.reactions)), false, 'added and removed thirty times');
  }
});
