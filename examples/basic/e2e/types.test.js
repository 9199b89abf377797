// The types in the JSDoc comments of the page's files, which editors use. TypeScript checks
// them, strictly where other pages use them.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {test} from 'node:test';

const use = `import {connect, connectRooms, rooms} from './chat.js';
import {View} from './view.js';
const chat = connect('https://example.com/chat/', {username: 'Alice', token: async () => 'x'});
const off = chat.on('message', (m) => console.log(m.username.length, m.live));
chat.on('state', ({state, wait = 0, error}) => console.log(state === 'open', wait / 2, error?.code));
chat.on('join', ({username, time}) => console.log(username + time));
const {offset} = await chat.send('hello', {to: 'u1'});
const {messages} = await chat.history({before: offset});
console.log(messages[0].offset + offset, (await rooms('/')).get('general'), off());
await chat.send('', {data: {a: [1]}, replyTo: offset});
console.log((await chat.edit(offset, 'b', {data: {}})).offset, await chat.react(offset, 'x'), await chat.unreact(offset, 'x'), await chat.delete(offset));
chat.on('edit', ({target, message}) => console.log(target + 1, message));
chat.on('signal', ({name, data}) => console.log(name + data.x, chat.signal('x', {y: 1}) === false, chat.markRead(offset)));
chat.on('read', (r) => console.log(r.offset + 1, r.user));
const view = new View({limit: 10});
console.log(view.follow(chat, () => console.log(view.messages.length, view.unread + view.read)), view.merge(await chat.history()));
const many = connectRooms('/', {username: 'Alice', token: async () => undefined});
many.on('joined', (c) => console.log(c.room.length, c.transport === 'http'));
many.on('state', ({state, error}) => console.log(state === 'closed', error?.code));
console.log((await many.join('a', {since: 'e:1'}).send('x')).offset, many.rooms.get('a')?.position, many.leave('a'), view.follow(many.join('b')));
// @ts-expect-error a Connection has no messages of its own
many.on('message', () => {});
// @ts-expect-error rooms are joined one by one
connectRooms('/', {room: 'a'});
// @ts-expect-error the second is a string
chat.react(offset, 1);
// @ts-expect-error there is no such event
chat.on('mesage', () => {});
// @ts-expect-error a number is no name
connect('/', {username: 1});
// @ts-expect-error a message has no such field
chat.on('message', (m) => m.text);
`;

test('types', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'chat-types-'));
  t.after(() => rmSync(dir, {recursive: true, force: true}));
  for (const files of ['chatpage/static', 'js/src']) cpSync(path.resolve(import.meta.dirname, '../../..', files), dir, {recursive: true});
  writeFileSync(path.join(dir, 'use.js'), use);
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const check = (options) => new Promise((resolve) => {
    execFile(process.execPath, [tsc, '--noEmit', '--skipLibCheck', '--allowJs', '--checkJs', '--target', 'es2023', '--lib', 'es2023,dom,dom.iterable',
      '--module', 'esnext', ...options], {cwd: dir}, (_, stdout, stderr) => resolve(stdout + stderr));
  });
  assert.deepEqual(await Promise.all([['--strict', 'use.js'], ['app.js']].map(check)), ['', '']);
});
