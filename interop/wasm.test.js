// Package client in a browser and under Node.js: GOOS=js GOARCH=wasm.

import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {WebSocketServer} from 'ws';
import {person, serve} from '../examples/basic/e2e/harness.js';

const root = path.resolve(import.meta.dirname, '..');
const dir = mkdtempSync(path.join(tmpdir(), 'chat-wasm-'));
const program = path.join(dir, 'client.wasm');
const support = path.join(execFileSync('go', ['env', 'GOROOT'], {encoding: 'utf8'}).trim(), 'lib', 'wasm');

before(() => execFileSync('go', ['build', '-o', program, './interop/wasm'],
  {cwd: root, env: {...process.env, GOOS: 'js', GOARCH: 'wasm', GOWORK: 'off'}, stdio: 'inherit'}));
after(() => rmSync(dir, {recursive: true, force: true}));

/** Runs the program under Node.js and returns what it says. */
async function node(url, how) {
  const child = spawn(process.execPath, ['--no-warnings', '--experimental-websocket', '--stack-size=8192', path.join(support, 'wasm_exec_node.js'), program, url, how],
    {env: {PATH: process.env.PATH}, stdio: ['ignore', 'pipe', 'pipe']});
  let out = '';
  child.stdout.on('data', (b) => { out += b; });
  child.stderr.on('data', (b) => { out += b; });
  await new Promise((resolve) => child.once('close', resolve));
  return out.trim().split('\n').at(-1);
}

/** Runs it in Chromium, on a page of the server at home. */
async function browser(home, url, how) {
  const page = await (await person({bypassCSP: true})).newPage();
  await page.route('**/client.wasm', (route) => route.fulfill({path: program, contentType: 'application/wasm'}));
  await page.goto(home);
  await page.addScriptTag({path: path.join(support, 'wasm_exec.js')});
  return page.evaluate(async ({url, how}) => {
    const lines = [], log = console.log;
    console.log = (s) => { lines.push(s); log(s); };
    const go = new Go();
    go.argv = ['client.wasm', url, how];
    const {instance} = await WebAssembly.instantiateStreaming(fetch('client.wasm'), go.importObject);
    await go.run(instance);
    return lines.at(-1);
  }, {url, how});
}

/** A server that closes its first connections and sends the last away. */
async function closing() {
  const server = new WebSocketServer({port: 0, host: '127.0.0.1', handleProtocols: (offered) => (offered.has('bearer.secret') ? 'chat.v1' : false)});
  await new Promise((resolve) => server.once('listening', resolve));
  const asked = [];
  server.on('connection', (ws, request) => {
    asked.push(new URL(request.url, 'http://host').searchParams.get('since'));
    const say = (o) => ws.send(JSON.stringify(o));
    const message = (offset, text) => say({type: 'message', offset, time: '2026-01-02T03:04:05.000Z', user: 'u', username: 'U', message: text});
    say({type: 'welcome', protocol: 'chat.v1', room: 'r', user: 'me', username: 'Me', session: '', position: `e:${asked.length}`, resumed: asked.length > 1, gap: false, members: [], member_count: 1, limits: {message_bytes: 100}});
    switch (asked.length) {
      case 1:
        message(1, 'one');
        return ws.close(1011, 'trouble');
      case 2:
        message(2, 'two');
        return setTimeout(() => ws.terminate(), 100);
      default:
        message(3, 'three');
        return ws.close(4003, 'stay out');
    }
  });
  return {url: `http://127.0.0.1:${server.address().port}`, asked, stop: () => server.close()};
}

test('the program is whole', () => assert.equal(readFileSync(program).subarray(0, 4).toString('latin1'), '\0asm'));

test('talks, under Node.js', async () => {
  const {url} = await serve(['-rate', '0']);
  assert.equal(await node(url, 'node'), 'ok');
});

test('talks, in Chromium', async () => {
  const {url} = await serve(['-rate', '0']);
  assert.equal(await browser(url, url, 'browser'), 'ok');
});

test('is closed and comes back, under Node.js', async () => {
  const server = await closing();
  assert.equal(await node(server.url, 'closes'), 'ok');
  assert.deepEqual(server.asked, [null, 'e:1:1767323045000', 'e:2:1767323045000']);
  server.stop();
});

test('is closed and comes back, in Chromium', async () => {
  const {url} = await serve();
  const server = await closing();
  assert.equal(await browser(url, server.url, 'closes'), 'ok');
  assert.deepEqual(server.asked, [null, 'e:1:1767323045000', 'e:2:1767323045000']);
  server.stop();
});
