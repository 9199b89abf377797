// The built server, and cleanups: for the tests here and those of examples/basic/e2e.

import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import path from 'node:path';
import {afterEach} from 'node:test';

const example = path.resolve(import.meta.dirname, '../../examples/basic');
// In the same place for all files of tests: go links it again only if something has changed.
const binary = path.join(import.meta.dirname, '../node_modules/.cache/basic');
let built = false;
const leftovers = []; // the cleanups of a test, the latest first

/** Runs a cleanup at the end of the test. @param {() => Promise<any>|void} put */
export const leftover = (put) => void leftovers.push(put);

afterEach(async () => {
  while (leftovers.length > 0) await leftovers.pop()();
});

/** Starts the server, on the given port if there is one. */
export async function serve(args = [], port = 0) {
  if (!built) {
    const r = spawnSync('go', ['build', '-o', binary, '.'], {cwd: example, stdio: ['ignore', 'inherit', 'inherit'], env: {...process.env, GOWORK: 'off'}});
    if (r.status !== 0) throw new Error('go build failed');
    built = true;
  }
  const child = spawn(binary, ['-addr', `127.0.0.1:${port}`, ...args], {stdio: ['ignore', 'pipe', 'inherit']});
  const url = await new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (b) => {
      const m = (out += b).match(/open (http:\S+)/);
      if (m) resolve(`${m[1]}/`);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const end = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  const server = {url, port: Number(new URL(url).port), stop: () => end('SIGTERM'), kill: () => end('SIGKILL')};
  leftover(server.kill);
  return server;
}

/** Waits until check returns something true, and returns it. */
export async function until(what, check, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}
