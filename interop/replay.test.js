// The recorded sessions, replayed in JavaScript and in Python.

import assert from 'node:assert/strict';
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {python} from './python.js';
import {play} from './replay.js';

const vectors = path.join(import.meta.dirname, 'vectors');
const files = readdirSync(vectors).filter((name) => name.endsWith('.json')).map((name) => path.join(vectors, name));
const dir = mkdtempSync(path.join(tmpdir(), 'replay-'));
const binary = path.join(dir, 'server');

before(() => {
  const built = spawnSync('go', ['build', '-o', binary, './interop/server'], {cwd: path.dirname(import.meta.dirname), stdio: 'inherit'});
  assert.equal(built.status, 0);
});
after(() => rmSync(dir, {recursive: true}));

/** Starts a server with the options of a session. */
async function serve(file) {
  const child = spawn(binary, [file], {stdio: ['ignore', 'pipe', 'inherit']});
  const [line] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => { throw new Error(`no server for ${file}`); })]);
  return {
    url: line.toString().trim(),
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

test('there are sessions', () => assert.ok(files.length > 0));

for (const file of files) {
  test(`${path.basename(file, '.json')}, in JavaScript`, async () => {
    const server = await serve(file);
    try {
      await play(JSON.parse(readFileSync(file, 'utf8')), server.url);
    } finally {
      await server.stop();
    }
  });
}

test('all sessions, in Python', () => {
  assert.ok(python, 'install python3-websockets');
  const r = spawnSync(python, [path.join(import.meta.dirname, 'replay.py'), binary, ...files], {encoding: 'utf8', timeout: 250_000});
  assert.equal(r.status, 0, r.stderr);
  assert.deepEqual(r.stdout.trim().split('\n'), files.map((file) => `ok ${file}`));
});
