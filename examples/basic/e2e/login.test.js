// The page of examples/login, which stands on chat.js and looks like the rest.

import assert from 'node:assert/strict';
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import net from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {test} from 'node:test';
import {connected, person, say, shows, until, watch} from './harness.js';

test('log in, talk, log out', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'chat-login-')), binary = path.join(dir, 'login');
  const built = spawnSync('go', ['build', '-o', binary, '.'], {cwd: path.resolve(import.meta.dirname, '../../login'), stdio: 'inherit'});
  assert.equal(built.status, 0);
  const free = net.createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const {port} = free.address();
  free.close();
  const child = spawn(binary, ['-addr', `127.0.0.1:${port}`], {stdio: 'ignore'});
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(dir, {recursive: true, force: true});
  });
  const url = `http://127.0.0.1:${port}/`;
  await until('it listens', () => fetch(url).then(() => true, () => false));
  const enter = async (user, options) => {
    const page = await (await person(options)).newPage();
    watch(page);
    await page.goto(url);
    await page.getByLabel('Name').fill(user);
    await page.getByLabel('Password').fill(user);
    if (process.env.SHOTS) await page.screenshot({path: path.join(process.env.SHOTS, `login-${user}.png`)});
    await page.press('#password', 'Enter');
    await connected(page);
    return page;
  };
  const alice = await enter('alice'), bob = await enter('bob', {viewport: {width: 320, height: 568}, colorScheme: 'dark'});
  await say(alice, 'hello <b>Bob</b>');
  await shows(bob, 'hello <b>Bob</b>');
  await say(bob, 'hello Alice, see https://example.com/x.');
  await shows(alice, 'hello Alice');
  assert.equal(await alice.textContent('.text a'), 'https://example.com/x');
  await until('both are counted', async () => await alice.textContent('#present') === '2 people here');
  assert.equal(await alice.locator('.msg.own').count(), 1);
  assert.equal(await bob.evaluate(() => document.documentElement.scrollWidth), 320);
  if (process.env.SHOTS) for (const [name, page] of [['alice', alice], ['bob', bob]]) await page.screenshot({path: path.join(process.env.SHOTS, `in-${name}.png`)});
  await alice.getByRole('button', {name: 'Log out'}).click();
  await alice.getByLabel('Password').waitFor();
  await until('Bob is alone', async () => await bob.textContent('#present') === 'Only you are here');
  for (const page of [alice, bob]) assert.deepEqual(page.complaints, []);
});
