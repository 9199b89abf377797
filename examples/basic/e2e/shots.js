// Takes the pictures of the page for the documentation: npm run shots.
// It needs a font with emoji (fonts-noto-color-emoji), and makes the files small with pngquant if that is installed.

import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {test} from 'node:test';
import {go, join, person, say, serve, shows, until} from './harness.js';

const images = process.env.SHOTS ?? path.resolve(import.meta.dirname, '../../../docs/images');
const msg = (page, text) => page.locator('#log .msg').filter({has: page.locator('.body', {hasText: text})}).last();

test('pictures', async () => {
  const {url} = await serve(['-rate', '0']);
  const come = async (name, letter, options) => {
    const context = await person(options);
    // A user's color comes from the session. Here it is always the same.
    await context.addInitScript((all) => localStorage.setItem('chat-sessions', all), JSON.stringify([[name, `${letter.repeat(31)}A`]]));
    return join(context, url, name, 'garden');
  };
  const size = {viewport: {width: 1280, height: 900}, reducedMotion: 'reduce'};
  const mina = await come('Mina', 'U', size), tom = await come('Tom', 'V', {...size, colorScheme: 'dark'});
  const ada = await come('Ada', 'N', {viewport: {width: 390, height: 780}, hasTouch: true, isMobile: true, deviceScaleFactor: 1.5, reducedMotion: 'reduce'});
  const all = [mina, tom, ada];
  const zoe = await join(await person(), url, 'Zoë', 'kitchen'), ben = await join(await person(), url, 'Ben', 'general');
  for (const room of ['kitchen', 'general', 'garden']) await go(mina, room);
  const talk = async (page, text, to) => {
    if (to) {
      await msg(page, to).focus();
      await page.keyboard.press('r');
    }
    await say(page, text);
    for (const p of all) await shows(p, text.replace(/[*`]/g, '').slice(0, 18));
  };
  const react = async (page, text, emoji, name) => {
    await msg(page, text).focus();
    await page.keyboard.press('+');
    await page.locator('.picker input').waitFor(); // before, an r answers
    await page.keyboard.type(name);
    await page.locator(`.emoji-cell[data-emoji="${emoji}"]`).first().click();
    await msg(page, text).locator('.reaction[aria-pressed="true"]').first().waitFor();
  };
  const agree = async (page, text) => {
    await msg(page, text).locator('.reaction').first().click();
    await msg(page, text).locator('.reaction[aria-pressed="true"]').first().waitFor();
  };
  await talk(mina, 'Good morning! The tomatoes are out. Who is coming on *Saturday*?');
  await react(ada, 'Good morning', '🍅', 'tomato');
  await agree(tom, 'Good morning');
  await talk(tom, 'Me. I can bring the long ladder and two buckets.', 'Good morning');
  await talk(tom, 'The plan for the beds: https://example.com/garden/beds');
  await talk(ada, 'Me too, from ten o’clock.\nIs the water back on?', 'Good morning');
  await talk(mina, 'Since yesterday evening.', 'Is the water');
  await react(ada, 'Since yesterday', '🎉', 'party');
  await react(tom, 'Since yesterday', '🙏', 'folded');
  await talk(tom, 'Then this is what is left:\n- **seeds** for the last bed\n- a new hose, `3/4"` if they have it');
  await react(mina, 'what is left', '🚀', 'rocket');
  await talk(ada, '@Mina shall I get the hose on the way?', 'what is left');
  await talk(mina, 'Yes please, ten metres.', 'shall I get');
  await say(zoe, '@Mina the soup is ready');
  await say(ben, 'Anybody here?');
  await say(ben, 'Nobody, then.');
  await until('what is new elsewhere', async () => await mina.locator('#rooms .unread').count() === 2);
  await ada.waitForTimeout(2600); // the server allows the next typing notice after this time
  await ada.locator('#text').pressSequentially('On my way');
  await mina.waitForSelector('#typing.on');
  await tom.fill('#text', 'I will be there at nine');
  await mina.evaluate(() => document.querySelector('#text').focus());
  await msg(tom, 'what is left').hover();
  for (const [page, name] of [[mina, 'chat-light'], [tom, 'chat-dark'], [ada, 'chat-phone']]) {
    await page.evaluate(() => document.querySelector('#scroller').scrollTo(0, 1e6));
    const file = path.join(images, `${name}.png`);
    await page.screenshot({path: file});
    spawnSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--output', file, file]);
  }
});
