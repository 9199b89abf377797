// The server with clients by others: npm's ws, Python's websockets and Chromium.

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import test from 'node:test';
import {person, serve} from '../examples/basic/e2e/harness.js';
import {python} from './python.js';

const run = (command, ...args) => {
  const r = spawnSync(command, args, {cwd: import.meta.dirname, encoding: 'utf8', timeout: 120_000});
  assert.equal(r.status, 0, r.stderr);
  assert.equal(r.stdout.trim(), 'ok');
};

test('npm ws', async () => {
  const {url} = await serve(['-rate', '0']);
  run('node', 'node.js', url);
});

test('python websockets', async () => {
  assert.ok(python, 'install python3-websockets');
  const {url} = await serve(['-rate', '0']);
  run(python, 'python.py', url);
});

test('chromium, both dialects', async () => {
  const {url} = await serve(['-rate', '0']);
  const page = await (await person()).newPage();
  await page.goto(url);
  const got = await page.evaluate(async () => {
    const open = (name, protocols) => new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://${location.host}/ws/interop?username=${name}`, protocols);
      ws.seen = [];
      ws.onmessage = (e) => ws.seen.push(JSON.parse(e.data));
      ws.onopen = () => resolve(ws);
      ws.onerror = () => reject(new Error('refused'));
    });
    const until = async (check) => {
      while (!check()) await new Promise((r) => setTimeout(r, 10));
    };
    const plain = await open('Plain');
    const v1 = await open('V1', ['chat.v1']);
    await until(() => plain.seen.length > 0);
    plain.send('hello from the plain one');
    await until(() => v1.seen.some((o) => o.type === 'message'));
    v1.send(JSON.stringify({type: 'typing'}));
    v1.send(JSON.stringify({type: 'message', message: 'hello back', id: 'c1'}));
    await until(() => v1.seen.some((o) => o.type === 'ack') && plain.seen.length >= 3);
    const closed = new Promise((r) => { v1.onclose = (e) => r(e.code); });
    v1.send(new Uint8Array([1, 2, 3]));
    return {
      protocol: v1.protocol,
      first: v1.seen[0].type,
      code: await closed,
      plain: plain.seen.map((o) => `${o.type} ${o.username} ${o.message}`).slice(0, 3),
      unknown: await open('Other', ['other.v9']).then(() => 'open', () => 'refused'),
    };
  });
  assert.deepEqual(got, {
    protocol: 'chat.v1',
    first: 'welcome',
    code: 1003,
    plain: ['system V1 V1 joined the room', 'message Plain hello from the plain one', 'message V1 hello back'],
    unknown: 'refused',
  });
});
