// The page without a mouse.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, join, person, say, serve, shows, texts, until, watch} from './harness.js';

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

test('by keyboard alone', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob', 'den');
  const page = await (await person()).newPage();
  watch(page);
  await page.goto(url);
  const {keyboard} = page;
  assert.equal(await focused(page), 'name');
  await keyboard.type('Alice');
  await keyboard.press('Tab');
  await keyboard.type('den');
  await keyboard.press('Enter');
  await connected(page);
  assert.equal(await focused(page), 'text');
  await keyboard.type('two');
  await keyboard.press('Shift+Enter');
  await keyboard.type('lines');
  await keyboard.press('Enter');
  await shows(bob, 'two');
  await shows(page, 'two');
  assert.deepEqual(await texts(bob), ['two\nlines']);
  assert.equal(await page.inputValue('#text'), '');
  // Enter in an input method chooses a word, and sends nothing.
  await keyboard.type('かな');
  const {value, sent} = await page.evaluate(() => {
    const text = document.getElementById('text');
    for (const init of [{isComposing: true}, {keyCode: 229}]) {
      text.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true, ...init}));
    }
    return {value: text.value, sent: document.querySelectorAll('.msg').length};
  });
  assert.deepEqual({value, sent}, {value: 'かな', sent: 1});
  await page.fill('#text', '');
  // Back to the members, and to one of them in private.
  const back = async (what) => {
    for (let i = 0; i < 30 && await focused(page) !== what; i++) await keyboard.press('Shift+Tab');
    assert.equal(await focused(page), what);
  };
  await back('Write privately toBBob');
  await keyboard.press('Enter');
  assert.equal(await focused(page), 'text');
  assert.equal(await page.textContent('#to'), 'Bob');
  await keyboard.type('quietly');
  await keyboard.press('Enter');
  await bob.locator('.only', {hasText: 'Only to you'}).waitFor();
  await keyboard.press('Escape');
  assert.ok(await page.isHidden('#target'));
  // The messages scroll with the keys, too.
  for (let i = 0; i < 40; i++) await say(bob, `line ${i}`);
  await shows(page, 'line 39');
  await back('scroller');
  await keyboard.press('PageUp');
  await page.waitForSelector('#down:not([hidden])');
  await keyboard.press('End');
  await until('the end is reached', () => page.isHidden('#down'));
  // The first tab stop skips to the messages.
  await back('skip');
  await keyboard.press('Enter');
  await until('the box has the focus', async () => await focused(page) === 'text');
  assert.equal(await page.textContent('#title'), 'den', 'which is not in the list of rooms');
  assert.deepEqual(page.complaints, []);
});
