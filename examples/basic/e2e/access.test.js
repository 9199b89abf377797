// Everybody can use the page: with a screen reader, on a small screen, in dark mode.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, person, say, serve, shows, until} from './harness.js';

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

test('with a screen reader', async () => {
  const {url} = await serve();
  const alice = await join(await person(), url, 'Alice'), bob = await join(await person(), url, 'Bob');
  await say(bob, 'one');
  await say(bob, 'two');
  await shows(alice, 'two');
  await alice.getByRole('log', {name: 'Messages'}).waitFor();
  await alice.getByRole('textbox', {name: 'Message', exact: true}).waitFor();
  await alice.getByRole('navigation', {name: 'Rooms'}).getByRole('link', {name: 'general'}).waitFor();
  await alice.getByRole('heading', {level: 1, name: 'general'}).waitFor();
  await alice.getByRole('button', {name: 'Write privately to Bob'}).waitFor();
  assert.equal(await alice.getByRole('button', {name: 'Send'}).isDisabled(), true);
  assert.equal(await alice.getByRole('status').first().textContent(), 'Connected');
  // Each new message is read with its author. Older messages are not read.
  assert.match(await alice.getByRole('log').ariaSnapshot(), /Bob[\s\S]*one[\s\S]*Bob[\s\S]*two/);
  await until('the log is live', () => alice.$eval('#log', (e) => !e.hasAttribute('aria-busy')));
  await alice.reload();
  await shows(alice, 'two');
  // Everything that can be pressed has a name.
  const nameless = await alice.$$eval('button, a, input, textarea', (all) => all
    .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML));
  assert.deepEqual(nameless, []);
});

test('320 pixels wide', async () => {
  const {url} = await serve();
  const bob = await join(await person(), url, 'Bob with a name as long as names may be, which is very long ok');
  const alice = await join(await person({viewport: {width: 320, height: 568}, hasTouch: true}), url, 'Alice');
  await say(bob, 'A line that is long enough to be broken, and an_unbreakable_word_of_great_length_'.repeat(3));
  await say(bob, 'https://example.com/' + 'path/'.repeat(40));
  await alice.locator('.text a').waitFor();
  const overflow = () => alice.evaluate(() => [...document.querySelectorAll('body *')]
    .filter((e) => {
      const {left, right, width} = e.getBoundingClientRect();
      return width > 1 && (right > innerWidth + 1 || left < -1) && !e.closest('#side, .quiet, .skip') && !e.matches('.name *, .where *, #target *') && getComputedStyle(e).visibility !== 'hidden';
    }).map((e) => e.className || e.tagName));
  assert.deepEqual(await overflow(), []);
  assert.equal(await alice.evaluate(() => document.documentElement.scrollWidth), 320);
  // The side is hidden until it is opened.
  assert.equal(await alice.$eval('#side', (e) => e.inert), true);
  await alice.click('#show');
  assert.equal(await focused(alice), 'hide');
  assert.equal(await alice.$eval('#main', (e) => e.inert), true);
  await alice.keyboard.press('Escape');
  assert.equal(await focused(alice), 'show');
  await alice.click('#show');
  await alice.click('#members button');
  assert.equal(await focused(alice), 'text');
  assert.equal(await alice.$eval('#side', (e) => e.inert), true);
  assert.deepEqual(await overflow(), []);
  assert.deepEqual(alice.complaints, []);
});

test('contrast, in light and dark', async () => {
  const {url} = await serve();
  for (const colorScheme of ['light', 'dark']) {
    const alice = await join(await person({colorScheme}), url, 'Alice');
    const low = await alice.evaluate(() => {
      const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
      const luminance = (color) => {
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = (a, b) => {
        const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05);
      };
      const style = getComputedStyle(document.documentElement), v = (name) => style.getPropertyValue(name).trim();
      const low = [];
      const check = (what, a, b) => ratio(a, b) < 4.5 && low.push(`${what} ${ratio(a, b).toFixed(2)}`);
      for (let hue = 0; hue < 360; hue += 3) {
        const name = `oklch(${v('--name-l')} ${v('--name-c')} ${hue})`;
        check(`name ${hue}`, name, v('--surface'));
        check(`name in private ${hue}`, name, v('--private'));
        check(`face ${hue}`, `oklch(${v('--face-ink')} ${hue})`, `oklch(${v('--face')} ${hue})`);
      }
      for (const ground of ['--bg', '--surface', '--side', '--private', '--own']) check(`ink on ${ground}`, v('--ink'), v(ground));
      for (const ground of ['--bg', '--surface', '--side', '--private']) check(`muted on ${ground}`, v('--muted'), v(ground));
      check('button', v('--on-accent'), v('--accent'));
      check('accent', v('--accent'), v('--bg'));
      check('accent on side', v('--accent'), v('--side'));
      check('gap', v('--warn'), v('--bg'));
      check('private', v('--private-ink'), v('--private'));
      check('private target', v('--private-ink'), v('--bg'));
      check('bad', v('--bad'), v('--bad-bg'));
      check('bad on card', v('--bad'), v('--surface'));
      return low;
    });
    assert.deepEqual(low, [], colorScheme);
    await alice.close();
  }
});

test('reduced motion', async () => {
  const {url} = await serve();
  const alice = await join(await person({reducedMotion: 'reduce'}), url, 'Alice');
  await say(alice, 'still');
  await shows(alice, 'still');
  assert.equal(await alice.evaluate(() => document.getAnimations().length), 0);
});
