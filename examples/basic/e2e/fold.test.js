// The list in unusual cases: long messages, messages from right to left, and more messages than
// it keeps.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, person, say, scripted, serve, shows, until} from './harness.js';

test('a long message unfolds in its place', async () => {
  const {url} = await serve();
  const alice = await join(await person({reducedMotion: 'reduce'}), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  for (let i = 0; i < 3; i++) await say(bob, 'more than fits into the view\n'.repeat(15));
  await say(bob, Array.from({length: 80}, (_, i) => `line ${i}`).join('\n'));
  await shows(alice, 'line 79');
  const top = () => alice.$eval('.bubble:has(.more)', (e) => Math.round(e.getBoundingClientRect().top));
  const more = alice.locator('.more');
  assert.equal(await more.getAttribute('aria-expanded'), 'false');
  const before = await top();
  await more.click();
  assert.equal(await more.getAttribute('aria-expanded'), 'true');
  await alice.waitForSelector('#down:not([hidden])');
  assert.equal(await top(), before, 'the reader sees the start of the message');
  await alice.$eval('#scroller', (e) => (e.scrollTop = e.scrollHeight));
  await until('the end is reached', () => alice.isHidden('#down'));
  await more.click();
  await until('the message is in view', async () => await top() >= 0);
  await say(bob, 'next');
  await until('the list follows again', () => alice.evaluate(() => {
    const s = document.getElementById('scroller');
    return s.textContent.includes('next') && s.scrollHeight - s.scrollTop - s.clientHeight < 2;
  }));
});

test('from right to left', async () => {
  const {url} = await serve();
  const context = await person({viewport: {width: 400, height: 700}});
  const server = await scripted(context);
  const alice = await join(context, url, 'Alice');
  server.send({
    type: 'message', offset: 1, time: new Date().toISOString(), user: 'u', username: 'مريم',
    message: `${'مرحبا بالجميع كيف حالكم اليوم '.repeat(6)}\nand a line from left to right\nسلام`,
  });
  await shows(alice, 'مرحبا');
  // Each line begins at its own side.
  const [rtl, ltr, box] = await alice.$eval('.body', (e) => {
    const letter = (i) => {
      const range = document.createRange();
      range.setStart(e.firstChild, i);
      range.setEnd(e.firstChild, i + 1);
      return range.getBoundingClientRect();
    };
    return [letter(e.textContent.lastIndexOf('سلام')), letter(e.textContent.indexOf('and')), e.closest('.text').getBoundingClientRect()].map(({left, right}) => ({left, right}));
  });
  assert.ok(Math.abs(rtl.right - box.right) < 2, `${rtl.right} of ${box.right}`);
  assert.ok(Math.abs(ltr.left - box.left) < 2, `${ltr.left} of ${box.left}`);
  assert.equal(await alice.$eval('.name', (e) => getComputedStyle(e.querySelector('bdi')).unicodeBidi), 'isolate');
});

test('many combining marks stay inside their message', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  await say(alice, 'innocent');
  await say(bob, `h${'\u0337\u0322\u0321\u035b'.repeat(200)}i`);
  await shows(alice, 'h\u0337');
  assert.equal(await alice.$eval('.msg.other .text', (e) => getComputedStyle(e).overflowY), 'clip');
});

test('the list loads removed messages again', async () => {
  const {url} = await serve();
  const page = await (await person()).newPage();
  await page.goto(url);
  const got = await page.evaluate(async () => {
    const {List} = await import('./list.js');
    const {Viewport} = await import('./viewport.js');
    const make = (parent) => parent.appendChild(document.createElement('div'));
    const scroller = make(document.body), top = make(scroller), box = make(scroller);
    make(scroller);
    Object.assign(scroller.style, {position: 'fixed', inset: '0', overflow: 'auto'});
    const entry = (offset) => ({kind: 'message', own: false, date: new Date(), m: {type: 'message', offset, user: 'u', username: 'U', message: `number ${offset}`}});
    const asked = [];
    const list = new List(new Viewport({scroller, box, top}), {
      entry: (m) => entry(m.offset), moved() {}, start: () => 'the beginning',
      load: async (before) => {
        asked.push(before);
        const from = Math.max(1, before - 200);
        return {messages: Array.from({length: before - from}, (_, i) => ({offset: from + i})), first: 1, more: from > 1};
      },
    });
    const frame = () => new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
    const until = async (check) => {
      while (!check()) await frame();
    };
    list.show();
    list.add(entry(1));
    list.mayHaveOlder();
    await until(() => top.textContent === 'the beginning');
    for (let offset = 2; offset <= 20_010; offset++) list.add(entry(offset));
    list.toEnd();
    const bare = top.textContent;
    await until(() => {
      scroller.scrollTop -= 20_000;
      return top.textContent === 'the beginning';
    });
    return {bare, first: box.firstElementChild.querySelector('.body').textContent, second: box.children[1].querySelector('.body').textContent, asked: asked.length};
  });
  assert.deepEqual({...got, asked: got.asked > 25}, {bare: '', first: 'number 1', second: 'number 2', asked: true});
});
