// What a browser must do before a user sees the page: little, and nothing twice.

import assert from 'node:assert/strict';
import http from 'node:http';
import {Writable} from 'node:stream';
import {test} from 'node:test';
import {connected, join, person, say, serve, shows, until} from './harness.js';

/** Collects each move of something that was in view and was not moved by the user. */
const watchShifts = (page) => page.addInitScript(() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const {hadRecentInput, value, sources} of list.getEntries()) {
      if (!hadRecentInput) shifts.push(`${value}: ${sources.map(({node, previousRect: p, currentRect: c}) => `${node?.id || node?.className || node?.nodeName} from ${p.y} (${p.height} high) to ${c.y} (${c.height} high)`)}`);
    }
  }).observe({type: 'layout-shift', buffered: true});
});

/** The shifts once all that was drawn has been reported. */
const shifts = (page) => page.evaluate(async () => {
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
  return window.shifts;
});

const painted = (page) => until('something is painted', () => page.evaluate(() => performance.getEntriesByName('first-contentful-paint').length > 0));

test('the page comes in few bytes, from its own server, and nothing jumps', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob');
  await say(bob, 'a line');
  await shows(bob, 'a line');
  await join(await person(), url, 'Eve', 'a room with a name that is as long as the names of rooms may be.');
  const context = await person({viewport: {width: 390, height: 800}});
  const asked = [];
  context.on('request', (r) => asked.push(r.url()));
  const page = await context.newPage();
  await watchShifts(page);
  await page.goto(url);
  await painted(page);
  const {bytes, zipped} = await page.evaluate(() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return {bytes: all.reduce((sum, e) => sum + e.encodedBodySize, 0), zipped: all.filter((e) => e.encodedBodySize < e.decodedBodySize).length};
  });
  assert.ok(zipped > 10, `${zipped} files are compressed`);
  assert.ok(bytes < 125_000, `${bytes} bytes`);
  await page.waitForSelector('#open button');
  assert.deepEqual(await shifts(page), [], 'at the door');
  assert.deepEqual(asked.filter((a) => !a.startsWith(url)), [], 'other hosts are asked');
  assert.deepEqual(asked.filter((a, i) => asked.indexOf(a) !== i && /\.(js|css)$/.test(a)), [], 'a file is asked for twice');

  await page.fill('#name', 'Alice');
  await page.fill('#room', 'general');
  await page.press('#room', 'Enter');
  await connected(page);
  await shows(page, 'a line');
  await page.reload();
  await connected(page);
  await shows(page, 'a line');
  await painted(page);
  await page.waitForSelector('#start:not(:empty)');
  assert.deepEqual(await shifts(page), [], 'after a reload');
});

test('the door is there before the page’s script', async () => {
  const {url} = await serve();
  const page = await (await person()).newPage();
  const slow = await page.context().newCDPSession(page);
  await slow.send('Network.enable');
  await slow.send('Network.emulateNetworkConditions', {offline: false, latency: 100, downloadThroughput: 100_000, uploadThroughput: 100_000});
  await page.goto(url, {waitUntil: 'commit'});
  await page.waitForSelector('#enter:disabled');
  await page.fill('#name', 'Early');
  await page.fill('#room', 'bird');
  await painted(page);
  await page.click('#enter'); // when the script is there
  await connected(page);
  assert.equal(await page.textContent('#me'), 'Early');
  assert.equal(await page.textContent('#title'), 'bird');
  const {before, all} = await page.evaluate(() => {
    const [{startTime}] = performance.getEntriesByName('first-contentful-paint');
    const files = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const bytes = (list) => list.reduce((sum, e) => sum + e.encodedBodySize, 0);
    return {before: bytes(files.filter((e) => e.responseEnd <= startTime)), all: bytes(files)};
  });
  assert.ok(before > 1000 && before < 100_000 && before < all, `${before} of ${all} bytes came before the first paint`);
});

test('the door does not move if its document comes in two parts', async () => {
  const {url} = await serve();
  const html = await (await fetch(url)).text(), cut = html.indexOf('<label for="room">');
  let rest;
  const painting = new Promise((resolve) => (rest = resolve));
  const parts = http.createServer(async (request, response) => {
    const {status, headers, body} = await fetch(new URL(request.url, url));
    response.writeHead(status, {'Content-Type': headers.get('content-type') ?? ''});
    if (request.url !== '/') return body.pipeTo(Writable.toWeb(response));
    response.write(html.slice(0, cut));
    await painting;
    response.end(html.slice(cut));
  });
  await new Promise((resolve) => parts.listen(0, '127.0.0.1', resolve));
  const page = await (await person()).newPage();
  await watchShifts(page);
  await page.goto(`http://127.0.0.1:${parts.address().port}/`, {waitUntil: 'commit'});
  await page.waitForSelector('#name', {state: 'attached'});
  await shifts(page); // some frames, in which it could be painted
  rest();
  await page.waitForSelector('#enter:enabled');
  await painted(page);
  assert.deepEqual(await shifts(page), []);
  parts.closeAllConnections();
  parts.close();
});

test('what browsers and search engines ask of a document', async () => {
  const {url} = await serve();
  const page = await (await person()).newPage();
  await page.goto(url);
  const {lang, title, viewport, icon, h1} = await page.evaluate(() => ({
    lang: document.documentElement.lang, title: document.title, h1: document.querySelectorAll('#door h1').length,
    viewport: document.querySelector('meta[name="viewport"]').content, icon: document.querySelector('link[rel="icon"]').href,
  }));
  assert.equal(lang, 'en');
  assert.ok(title);
  assert.equal(h1, 1);
  assert.match(viewport, /width=device-width/);
  assert.doesNotMatch(viewport, /user-scalable|maximum-scale/, 'users may zoom');
  assert.equal((await page.request.get(icon)).status(), 200);
});

for (const [what, options, least] of [['a mouse', {}, 24], ['a finger', {viewport: {width: 390, height: 800}, hasTouch: true, isMobile: true}, 44]]) {
  test(`what can be pressed is large enough for ${what}`, async () => {
    const {url} = await serve();
    const bob = await join(await person(), url, 'Bob');
    await say(bob, 'hello');
    const page = await (await person(options)).newPage();
    // The place that reacts, in both directions: the element, and what lies around it and belongs to it.
    const small = () => page.evaluate((least) => [...document.querySelectorAll('button, a, input, textarea')].filter((e) => {
      if (!e.checkVisibility({checkVisibilityCSS: true, checkOpacity: true}) || e.closest('[inert], #log') || e.matches('.skip, .quiet')) return false;
      const r = e.getBoundingClientRect(), after = getComputedStyle(e, '::after');
      const width = Math.max(r.width, parseFloat(after.width) || 0), height = Math.max(r.height, parseFloat(after.height) || 0);
      return width < least - 0.5 || height < least - 0.5;
    }).map((e) => `${e.id || e.className || e.textContent} ${Math.round(e.getBoundingClientRect().width)}x${Math.round(e.getBoundingClientRect().height)}`), least);
    await page.goto(url);
    await page.waitForSelector('#open button');
    assert.deepEqual(await small(), []);
    await page.fill('#name', 'Alice');
    await page.press('#room', 'Enter');
    await connected(page);
    await shows(page, 'hello');
    assert.deepEqual(await small(), []);
    if (await page.isVisible('#show')) {
      await page.click('#show');
      assert.deepEqual(await small(), []);
    }
  });
}
