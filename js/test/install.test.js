// The package as it is published, installed by those who use it.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {once} from 'node:events';
import {cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {chromium} from 'playwright-core';
import {leftover, serve} from './server.js';

const js = path.resolve(import.meta.dirname, '..'), modules = path.join(js, 'node_modules');
const {resolve} = createRequire(import.meta.url);
const dir = mkdtempSync(path.join(tmpdir(), 'chat-install-'));
after(() => rmSync(dir, {recursive: true, force: true}));

/** Runs a program in the folder that has the package, and returns its output. */
const run = (program, args, cwd = dir) => new Promise((done, fail) => {
  execFile(program, args, {cwd}, (error, stdout, stderr) => (error ? fail(new Error(`${program} ${args}: ${stdout}${stderr}`)) : done(stdout)));
});

before(async () => {
  const [{filename, files}] = JSON.parse((await run('npm', ['pack', '--json', '--pack-destination', dir], js)).replace(/^[^[]*/, ''));
  const names = files.map((f) => f.path);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'src/chat.js', 'src/view.js', 'types/chat.d.ts', 'types/view.d.ts']) assert.ok(names.includes(name), name);
  assert.deepEqual(names.filter((name) => !/^(src\/\w+\.js|types\/\w+\.d\.ts|package\.json|README\.md|LICENSE)$/.test(name)), [], 'nothing else');
  cpSync(path.join(import.meta.dirname, 'install'), dir, {recursive: true});
  writeFileSync(path.join(dir, 'package.json'), '{"type": "module", "private": true}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${filename}`]);
});

const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--target', 'es2023', '--lib', 'es2023,dom', '--module', 'nodenext'];
for (const typescript of ['typescript-5', 'typescript']) {
  test(`${typescript}, strict`, async () => {
    assert.equal(await run(process.execPath, [path.join(modules, typescript, 'bin/tsc'), ...strict, 'use.ts']), '');
  });
}

test('a fresh checkout, in which nothing is installed: npm install of its folder, and npm pack, make the types', async () => {
  const copy = path.join(dir, 'checkout'), project = path.join(dir, 'project'), types = path.join(copy, 'types');
  for (const name of (await run('git', ['ls-files', '--', '.', ':!test'], js)).trim().split('\n')) cpSync(path.join(js, name), path.join(copy, name));
  cpSync(path.join(import.meta.dirname, 'install/use.ts'), path.join(project, 'use.ts'));
  writeFileSync(path.join(project, 'package.json'), '{"type": "module", "private": true}');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '../checkout'], project);
  assert.equal(await run(process.execPath, [path.join(modules, 'typescript/bin/tsc'), ...strict, 'use.ts'], project), '');
  rmSync(types, {recursive: true});
  assert.match(await run('npm', ['pack', '--dry-run', '--json', '--prefer-offline'], copy), /"types\/chat\.d\.ts"/);
});

// The Node.js of the package `node`, and the machine's own, which may be older and then goes over HTTP.
const own = process.env.PATH.split(path.delimiter).filter((d) => !d.includes('node_modules')).map((d) => path.join(d, 'node')).find(existsSync);
const runtimes = {
  'Node.js of npm': [path.join(modules, 'node/bin/node')], 'Node.js of this machine': [own],
  Deno: [path.join(modules, '.bin/deno'), 'run', '--allow-net', '--node-modules-dir=manual'], Bun: [path.join(modules, '.bin/bun')],
};
for (const [name, [program, ...args]] of Object.entries(runtimes)) {
  test(name, async () => {
    const {url} = await serve();
    const has = !name.startsWith('Node') || (await run(program, ['-p', 'typeof WebSocket'])).trim() === 'function';
    const seen = JSON.parse(await run(program, [...args, 'talk.mjs', url]));
    assert.deepEqual(seen, {got: 'hello', history: ['hello'], reactions: 1, transport: has ? 'websocket' : 'http'});
  });
}

test('Vite builds a page, which runs in a browser', async () => {
  await run(process.execPath, [path.join(path.dirname(resolve('vite/package.json')), 'bin/vite.js'), 'build', '--base', './', '--target', 'es2022', '--logLevel', 'error']);
  const dist = path.join(dir, 'dist');
  const files = http.createServer((req, res) => {
    const file = path.join(dist, req.url === '/' ? 'index.html' : path.normalize(req.url));
    if (!existsSync(file)) return res.writeHead(404).end();
    res.writeHead(200, {'Content-Type': file.endsWith('.js') ? 'text/javascript' : 'text/html'}).end(readFileSync(file));
  }).listen(0, '127.0.0.1');
  leftover(() => void files.close());
  await once(files, 'listening');
  const origin = `http://127.0.0.1:${files.address().port}`;
  const {url} = await serve(['-origins', origin]);
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => p && existsSync(p));
  const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu']});
  leftover(() => browser.close());
  const page = await browser.newPage(), errors = [];
  page.on('pageerror', (e) => errors.push(String(e)));
  await page.goto(`${origin}/#${url}`);
  await page.waitForFunction(() => document.title.startsWith('from'), null, {timeout: 60_000}).catch((e) => assert.fail(`${e} ${errors}`));
  assert.deepEqual([await page.title(), errors], ['from the page over websocket', []]);
});

test('the quick start of the README', async () => {
  const {url} = await serve();
  const code = /`hello\.mjs`:\n\n```js\n(.*?)```/s.exec(readFileSync(path.join(js, 'README.md'), 'utf8'))[1];
  assert.ok(code.includes('http://localhost:8080/'));
  writeFileSync(path.join(dir, 'hello.mjs'), code.replace('http://localhost:8080/', url));
  assert.match(await run(process.execPath, ['hello.mjs']), /1 hello/);
});
