// The base of the tests: the built server, a browser, and a network that can be cut. The server and the network are those of
// the tests of js.

import {once} from 'node:events';
import {existsSync} from 'node:fs';
import http from 'node:http';
import {after} from 'node:test';
import {chromium, firefox} from 'playwright-core';
import {leftover, serve, until} from '../../../js/test/server.js';

export {network} from '../../../js/test/network.js';
export {leftover, serve, until};

let browser;

after(() => browser?.close());

/** A proxy that has the server's paths below a prefix. */
export async function below(prefix, port) {
  const there = (req) => ({host: '127.0.0.1', port, method: req.method, path: req.url.slice(prefix.length), headers: req.headers});
  const server = http.createServer((req, res) => {
    if (!req.url.startsWith(`${prefix}/`)) return res.writeHead(404).end();
    req.pipe(http.request(there(req), (from) => from.pipe(res.writeHead(from.statusCode, from.headers))));
  });
  const sockets = new Set();
  server.on('upgrade', (req, socket) => {
    http.request(there(req)).on('upgrade', (from, other, head) => {
      const lines = Object.entries(from.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
      socket.write(head);
      for (const [a, b] of [[socket, other], [other, socket]]) a.on('error', () => {}).on('close', () => b.destroy()).pipe(b);
      sockets.add(socket);
    }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  leftover(async () => {
    for (const s of sockets) s.destroy();
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}${prefix}/`;
}

const browsers = {
  async chromium() {
    return chromium.launch({
      executablePath: installed('CHROMIUM', 'chromium', 'chromium-browser', 'google-chrome'),
      ignoreDefaultArgs: ['--disable-back-forward-cache'], // users' browsers have this cache
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
  },
  // The distribution's Firefox, over WebDriver BiDi. (Playwright's own protocol needs a Firefox that Playwright has changed.)
  async firefox() {
    return firefox.launch({
      channel: 'moz-firefox',
      executablePath: installed('FIREFOX', 'firefox-esr', 'firefox'),
      firefoxUserPrefs: {
        'ui.primaryPointerCapabilities': 6, 'ui.allPointerCapabilities': 6, // a mouse, which headless Firefox does not have
        'dom.ipc.processCount': 1, 'dom.ipc.processPrelaunch.enabled': false, 'fission.autostart': false,
      },
    });
  },
};

/** The path of a program: what the variable says, or the first of the names that is installed. */
function installed(variable, ...names) {
  const found = [process.env[variable], ...names.map((name) => `/usr/bin/${name}`)].find((p) => p && existsSync(p));
  if (!found) throw new Error(`no ${names[0]}: install it (.ci/deps), or name it in ${variable}`);
  return found;
}

/** A separate browser for one user. It shares nothing with the others. */
export async function person(options = {}) {
  browser ??= await browsers[process.env.BROWSER ?? 'chromium']();
  const context = await browser.newContext({viewport: {width: 1100, height: 760}, locale: 'en-GB', ...options});
  context.setDefaultTimeout(60_000);
  leftover(() => context.close());
  return context;
}

/** Opens the page and joins a room. */
export async function join(context, url, name, room = 'general') {
  const page = await context.newPage();
  watch(page);
  await page.goto(url);
  await page.fill('#name', name);
  await page.fill('#room', room);
  await page.press('#room', 'Enter');
  await connected(page);
  return page;
}

/** Collects the page's errors and dialogs in page.complaints. */
export function watch(page) {
  page.complaints = [];
  page.on('pageerror', (e) => page.complaints.push(String(e)));
  page.on('console', (m) => {
    // Some tests make the server unreachable for a while.
    if (m.type() === 'error' && !/ERR_|WebSocket connection|Failed to load resource|establish a connection|was interrupted while the page/.test(m.text())) page.complaints.push(m.text());
  });
  page.on('dialog', (d) => {
    page.complaints.push(`dialog: ${d.message()}`);
    d.dismiss();
  });
}

export const connected = (page) => page.waitForSelector('#app[data-state="open"]:not([hidden])');

/** Writes text into the box and sends it. */
export async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

/** The texts of all messages that are shown, in order. */
export const texts = (page, which = '.msg:not(.pending, .failed)') => page.$$eval(`#log ${which} .body`, (all) => all.map((e) => e.textContent));

/** Waits until the page shows a message. */
export const shows = (page, text) => page.locator('#log .msg:not(.pending, .failed) .body', {hasText: text}).first().waitFor();

/** As until, for a page with a fake clock: it runs the page's periodic work now. */
export const soon = (page, what, check) => until(what, async () => {
  const got = await check();
  if (!got) await page.clock.fastForward(5000);
  return got;
});

/** Goes to a room by its address. */
export async function go(page, room) {
  await page.evaluate((r) => (location.hash = encodeURIComponent(r)), room);
  await until(`in ${room}`, async () => await page.textContent('#title') === room);
}

/** Goes to a room as a user does, by the dialog. */
export async function jump(page, room) {
  await page.click('#find-room');
  await page.fill('#jump-text', room);
  await page.press('#jump-text', 'Enter');
}

/** The addresses of WebSockets. */
export const sockets = /\/ws([/?]|$)/;

/** Answers in place of the server: what comes is what the test sends, at any time and of any user, in the room that was
 * joined last if it names no other. history gives the messages of the room's history when they are asked for. */
export async function scripted(context, history = async () => []) {
  let socket, here = '';
  const limits = {message_bytes: 16384, rate_per_second: 0, burst: 0};
  await context.routeWebSocket(sockets, (ws) => {
    socket = ws;
    const username = new URL(ws.url()).searchParams.get('username') ?? 'Anonymous';
    const send = (o) => ws.send(JSON.stringify(o));
    send({type: 'hello', protocol: 'chat.v1', user: 'me', username, session: 's', limits: {...limits, rooms: 100}});
    ws.onMessage(async (text) => {
      const {type, room, rooms, request, id} = JSON.parse(text);
      for (const name of type === 'join' ? rooms ? Object.keys(rooms) : [room] : []) {
        here = name;
        send({
          type: 'welcome', room: name, id, protocol: 'chat.v1', user: 'me', username, session: 's', position: 'e:0', resumed: false, gap: false,
          members: [{user: 'me', username}], member_count: 1, limits,
        });
      }
      if (type === 'ping') send({type: 'pong'});
      if (type === 'history') send({type: 'history', room, messages: await history(), first: 1, more: false, request});
    });
  });
  return {send: (o) => socket.send(JSON.stringify({room: here, ...o}))};
}
