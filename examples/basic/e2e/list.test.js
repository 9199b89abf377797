// The list of messages: it does not jump, shows that there are new messages, and stays quick.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, person, say, serve, shows, texts, until} from './harness.js';

/** Sends n messages from inside a page, as another user, and waits for the last ack. */
const flood = (page, n, from = 1) => page.evaluate(async ([n, from]) => {
  const {connect} = await import('./chat.js');
  const c = connect('/', {username: 'Flood', room: 'general', sendTimeout: 120_000});
  await new Promise((resolve) => c.on('welcome', resolve));
  const acks = [];
  for (let i = from; i < from + n; i++) {
    acks.push(c.send(`number ${i} ${'lorem ipsum dolor sit amet '.repeat(i % 5)}`.trim()));
    if (i % 200 === 0) await Promise.all(acks.splice(0));
  }
  await Promise.all(acks);
  c.close();
}, [n, from]);

const numbers = async (page) => (await texts(page)).map((s) => Number(s.match(/^number (\d+)/)?.[1]));

test('older messages are loaded on scrolling up, without a jump', async () => {
  const {url} = await serve(['-rate', '0']);
  const bob = await join(await person(), url, 'Bob');
  await flood(bob, 450);
  await shows(bob, 'number 450');
  const alice = await join(await person(), url, 'Alice');
  await shows(alice, 'number 450');
  await until('the list is at its end', () => alice.evaluate(() => {
    const s = document.getElementById('scroller');
    return s.scrollHeight - s.scrollTop - s.clientHeight < 2;
  }));
  // The same message must be at the same height before and after each load.
  const jump = await alice.evaluate(async () => {
    const scroller = document.getElementById('scroller');
    const frame = () => new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
    let worst = 0, still = 0;
    const top = () => document.querySelector('#log .body')?.textContent ?? '';
    const begun = () => document.getElementById('start').textContent, end = Date.now() + 60_000;
    while (still < 30 || (!begun() && Date.now() < end)) {
      scroller.scrollTop -= 400;
      const box = scroller.getBoundingClientRect();
      const seen = [...document.querySelectorAll('#log .entry')].find((e) => e.getBoundingClientRect().bottom > box.top + 50);
      const was = seen.getBoundingClientRect().bottom, first = top();
      for (let i = 0; i < 3; i++) await frame();
      if (seen.isConnected) worst = Math.max(worst, Math.abs(seen.getBoundingClientRect().bottom - was));
      still = first === top() ? still + 1 : 0;
    }
    return worst;
  });
  assert.ok(jump < 1.5, `what was in view moved by ${jump} px`);
  assert.equal(await alice.textContent('#start'), 'This is the beginning of \u2068general\u2069');
  const top = await numbers(alice);
  assert.equal(top[0], 1);
  assert.ok(top.every((n, i) => n === i + 1), 'in order, none missing, none twice');
  assert.ok(top.length <= 400, `${top.length} messages in the document`);
  // And back down to the last message.
  await alice.click('#down');
  await shows(alice, 'number 450');
  assert.equal((await numbers(alice)).at(-1), 450);
});

test('a reader who has scrolled away is not moved, and is told of new messages', async () => {
  const {url} = await serve(['-rate', '0']);
  const bob = await join(await person(), url, 'Bob');
  await flood(bob, 80);
  const alice = await join(await person(), url, 'Alice');
  await shows(alice, 'number 80');
  await alice.hover('#log');
  await alice.mouse.wheel(0, -1500);
  await alice.waitForSelector('#down:not([hidden])');
  assert.equal((await alice.textContent('#unseen')), 'Latest');
  const place = () => alice.evaluate(() => {
    const top = document.getElementById('scroller').getBoundingClientRect().top;
    const e = [...document.querySelectorAll('#log .entry')].find((e) => e.getBoundingClientRect().bottom > top);
    return [e.textContent, Math.round(e.getBoundingClientRect().bottom)];
  });
  const before = await place();
  await say(bob, 'news 1');
  await say(bob, 'news 2');
  await until('Alice is told', async () => await alice.textContent('#unseen') === '2 new messages');
  assert.deepEqual(await place(), before);
  await alice.click('#down');
  await alice.locator('.body', {hasText: 'news 2'}).waitFor();
  assert.match(await alice.textContent('.entry:has(.line.new)'), /New.*news 1/);
  await until('the button is gone', () => alice.isHidden('#down'));
  await say(bob, 'news 3');
  await until('the list follows again', () => alice.evaluate(() => {
    const s = document.getElementById('scroller');
    return s.textContent.includes('news 3') && s.scrollHeight - s.scrollTop - s.clientHeight < 2;
  }));
});

test('groups by author, and days', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  for (const [page, text] of [[alice, 'a1'], [alice, 'a2'], [bob, 'b1'], [bob, 'b2'], [alice, 'a3']]) {
    await say(page, text);
    await shows(alice, text);
  }
  const look = await alice.$$eval('#log .msg', (all) => all.map((e) => `${e.querySelector('.body').textContent}${e.matches('.cont') ? '+' : ''}`));
  assert.deepEqual(look, ['a1', 'a2+', 'b1', 'b2+', 'a3']);
  assert.deepEqual(await alice.$$eval('.line.day', (all) => all.map((e) => e.textContent)), ['Today']);
  assert.match(await alice.textContent('.msg.other .meta'), /^\d\d:\d\d$/);
});

test('ten thousand messages', async (t) => {
  const {url} = await serve(['-rate', '0']);
  const alice = await join(await person(), url, 'Alice');
  const bob = await (await person()).newPage();
  await bob.goto(url);
  // The time of the page's main thread, without the time of other processes.
  const cdp = await alice.context().newCDPSession(alice);
  await cdp.send('Performance.enable', {timeDomain: 'threadTicks'});
  let before;
  const work = async (what) => {
    const {metrics} = await cdp.send('Performance.getMetrics');
    const now = new Map(metrics.map((m) => [m.name, m.value]));
    const since = (name) => now.get(name) - (before?.get(name) ?? 0);
    const layouts = since('LayoutCount');
    if (before) t.diagnostic(`${what}: ${since('TaskDuration').toFixed(2)} s of the main thread, ${layouts} layouts, ${(1000 * since('TaskDuration') / Math.max(1, layouts)).toFixed(1)} ms for each`);
    before = now;
    return layouts;
  };
  await work();
  const began = Date.now();
  await flood(bob, 10_000);
  await until('the last one is shown', async () => (await texts(alice)).at(-1) === 'number 10000', 120_000);
  t.diagnostic(`10,000 messages in ${Date.now() - began} ms`);
  assert.ok(await work('while they come') < 5000, 'many messages need one layout');
  assert.ok(await alice.locator('.entry').count() <= 300, 'the document is bounded');

  // Typing is still quick in such a long room.
  await alice.locator('#text').pressSequentially('still quick');
  assert.equal(await alice.inputValue('#text'), 'still quick');
  await work('eleven keys');

  // Scroll through all messages, and see each once, in order.
  const seen = await alice.evaluate(async () => {
    const scroller = document.getElementById('scroller');
    const seen = new Set();
    let most = 0;
    for (let still = 0, last = ''; still < 10;) {
      const all = document.querySelectorAll('#log .body');
      most = Math.max(most, document.querySelectorAll('#log .entry').length);
      for (const e of all) seen.add(Number(e.textContent.match(/^number (\d+)/)[1]));
      const first = all[0].textContent;
      still = first === last && scroller.scrollTop === 0 ? still + 1 : 0;
      last = first;
      scroller.scrollTop -= 4000;
      await new Promise((r) => requestAnimationFrame(r));
    }
    return {size: seen.size, first: Math.min(...seen), last: Math.max(...seen), most};
  });
  assert.deepEqual({...seen, most: 0}, {size: 10_000, first: 1, last: 10_000, most: 0});
  assert.ok(seen.most <= 400, `${seen.most} entries in the document`);
  await work('while scrolling through them');
});
