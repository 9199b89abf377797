// What opens over the page: without fault, and wholly in view, wide and on a small or a low screen, and at 200 % zoom.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {violations} from './axe.js';
import {join, person, say, serve, shows} from './harness.js';

const sizes = [[1280, 800], [640, 400], [320, 568], [568, 320]]; // the second is the first at 200 %

/** Elements that are cut off at a side of the window, or stand out of it, and targets that are too small. */
const misplaced = (page, box) => page.evaluate((box) => {
  const found = [], outer = document.querySelector(box).getBoundingClientRect();
  if (outer.left < 0 || outer.right > innerWidth || outer.top < 0 || outer.bottom > innerHeight) found.push(`${box} is at ${JSON.stringify(outer)}`);
  for (const e of document.querySelectorAll(`${box} button, ${box} input:not([type="radio"])`)) {
    const {left, right, width, height} = e.getBoundingClientRect();
    if (!e.checkVisibility()) continue;
    if (left < 0 || right > innerWidth) found.push(`${e.outerHTML} goes from ${left} to ${right}`);
    if ((width < 24 || height < 24) && !e.matches('.link')) found.push(`${e.outerHTML} has ${width} by ${height} pixels`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
  return found;
}, box);

test('menu, picker, dialogs, reply and edit', async () => {
  const {url} = await serve(['-rate', '0']);
  const ann = await join(await person({reducedMotion: 'reduce'}), url, 'Ann');
  await say(ann, 'hello');
  await shows(ann, 'hello');
  const key = (k) => async () => {
    await ann.locator('#log .msg').focus();
    await ann.keyboard.press(k);
  };
  const states = {
    '.menu': key('Enter'), '.picker': key('+'), '#sure': key('Delete'), '#about': key('r'), '#composer': key('e'),
    '#jump': () => ann.keyboard.press('Control+k'), '#room-settings': () => ann.click('#settings'),
  };
  for (const [width, height] of sizes) {
    await ann.setViewportSize({width, height});
    await ann.waitForFunction((width) => innerWidth === width, width);
    await ann.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))); // a resize closes what is open
    for (const [box, open] of Object.entries(states)) {
      await open();
      await ann.locator(box).waitFor();
      if (box === '.picker') await ann.locator('.emoji-cell').first().waitFor();
      assert.deepEqual(await misplaced(ann, box), [], `${box} at ${width} by ${height}`);
      if (height > 500) {
        assert.deepEqual(await violations(ann), [], `${box} at ${width} by ${height}`);
        await ann.emulateMedia({colorScheme: 'dark'});
        assert.deepEqual(await violations(ann, ['color-contrast']), [], `${box} in the dark`);
        await ann.emulateMedia({colorScheme: 'light'});
      }
      await ann.keyboard.press('Escape');
    }
  }
  assert.deepEqual(ann.complaints, []);
});
