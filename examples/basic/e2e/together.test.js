// Many rooms over one connection, with a real server. In no room is a message lost or shown
// twice, whatever happens to the connection.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {network, person, serve, until, watch} from './harness.js';

/** A page of the server's origin that has a connection and a view of each room. */
async function member(url, username, rooms) {
  const page = await (await person()).newPage();
  watch(page);
  await page.goto(`${url}icon.svg`);
  await page.evaluate(async ([username, rooms]) => {
    const [{connectRooms}, {View}] = await Promise.all([import('./chat.js'), import('./view.js')]);
    Object.assign(window, {many: connectRooms('/', {username}), texts: {}, gaps: 0, views: {}});
    for (const room of rooms) {
      const chat = many.join(room), all = texts[room] = [];
      views[room] = new View();
      views[room].follow(chat);
      chat.on('message', (m) => all.push(m.message));
      chat.on('gap', () => gaps++);
    }
    await Promise.all([...many.rooms.values()].map((chat) => new Promise((resolve) => chat.on('welcome', resolve))));
  }, [username, rooms]);
  return page;
}

/** Sends messages to each room, and edits and deletes some of them, until there are enough. Returns their number by room. */
const talk = (page) => page.evaluate(async () => {
  const sent = {};
  await Promise.all([...many.rooms].map(async ([room, chat]) => {
    let i = 0;
    for (; i % 4 > 0 || !window.enough; i++) {
      const {offset} = await chat.send(`${room} ${many.username} ${i}`);
      if (i % 4 === 1) await chat.edit(offset, `${room} ${many.username} ${i} edited`);
      if (i % 4 === 2) await chat.delete(offset);
      if (i % 4 === 3) await new Promise((r) => setTimeout(r, 50));
    }
    sent[room] = i;
  }));
  return sent;
});

/** The messages that are left in a room. */
const left = (room, username, n) => Array.from({length: n}, (_, i) => `${room} ${username} ${i}${i % 4 === 1 ? ' edited' : ''}`).filter((_, i) => i % 4 !== 2);

test('many rooms, many losses', async () => {
  const {url, port} = await serve(['-rate', '0', '-history', '1000']);
  const wire = await network(port), rooms = ['a', 'b', 'ü "c"', 'd', '42'];
  const ann = await member(wire.url, 'Ann', rooms), ben = await member(url, 'Ben', rooms);
  const before = await ann.evaluate(() => many.user);
  await ann.evaluate(() => setInterval(() => many.state === 'waiting' && many.reconnect(), 50)); // without its growing pauses
  const done = Promise.all([talk(ann), talk(ben)]);
  for (let cuts = 0; cuts < 8; cuts++) {
    await new Promise((r) => setTimeout(r, 30 + 100 * Math.random()));
    wire.cut();
    wire.mend();
  }
  for (const page of [ann, ben]) await page.evaluate(() => (window.enough = true));
  const [anns, bens] = await done;
  for (const page of [ann, ben]) {
    for (const room of rooms) {
      const want = [...left(room, 'Ann', anns[room]), ...left(room, 'Ben', bens[room])].sort();
      const shown = () => page.evaluate((room) => views[room].messages.map((m) => m.message).sort(), room);
      await until(`all of ${room}`, async () => (await shown()).length <= want.length && (await shown()).at(-1) === want.at(-1));
      assert.deepEqual(await shown(), want);
      const all = await page.evaluate((room) => texts[room], room);
      assert.equal(new Set(all).size, all.length, 'nothing twice');
    }
    assert.equal(await page.evaluate(() => gaps), 0);
    assert.deepEqual(page.complaints, []);
  }
  assert.equal(await ann.evaluate(() => many.user), before);
});

test('rooms of a connection, with a real server', async () => {
  const {url} = await serve();
  const ann = await member(url, 'Ann', ['a', 'b']), ben = await member(url, 'Ben', ['b']);
  const got = await ann.evaluate(async () => {
    const b = many.rooms.get('b'), ended = new Promise((r) => b.on('state', ({state, error}) => state === 'closed' && r(error.code)));
    const opened = (chat) => new Promise((r) => chat.on('welcome', r));
    const {offset} = await b.send('once', {id: 'x'});
    many.leave('b');
    const again = many.join('b');
    const welcome = await opened(again);
    const bad = many.join('a\u202eb'), why = new Promise((r) => bad.on('state', ({state, error}) => state === 'closed' && r(error.code)));
    const page = await again.history({before: offset + 1});
    return {ended: await ended, offset, same: (await again.send('once', {id: 'x'})).offset, room: welcome.room, count: again.count, why: await why,
      texts: page.messages.map((m) => m.message), open: many.state, rooms: [...many.rooms.keys()], transport: many.transport};
  });
  assert.deepEqual(got, {ended: 'closed', offset: 1, same: 1, room: 'b', count: 2, why: 'bad_request', texts: ['once'], open: 'open', rooms: ['a', 'b'], transport: 'websocket'});
  await ben.evaluate(async () => {
    many.rooms.get('b').typing();
    await many.rooms.get('b').send('for b');
  });
  await until('Ann has it', () => ann.evaluate(() => many.rooms.get('b').position.includes(':2')));
  await ann.evaluate(() => many.close());
  await until('she is gone', () => ben.evaluate(() => many.rooms.get('b').count === 1));
});
