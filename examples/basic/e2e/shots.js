// Takes the pictures of the page for the documentation: npm run shots.

import path from 'node:path';
import {test} from 'node:test';
import {join, person, say, serve, shows} from './harness.js';

const images = process.env.SHOTS ?? path.resolve(import.meta.dirname, '../../../docs/images');
const file = (name) => path.join(images, name);

test('pictures', async () => {
  const {url} = await serve();
  const come = async (name, letter, options) => {
    const context = await person(options);
    // A user's color comes from the session. Here it is always the same.
    await context.addInitScript((all) => localStorage.setItem('chat-sessions', all), JSON.stringify([[name, `${letter.repeat(31)}A`]]));
    return join(context, url, name, 'garden');
  };
  const size = {viewport: {width: 1040, height: 800}};
  const mina = await come('Mina', 'U', size), tom = await come('Tom', 'V', {...size, colorScheme: 'dark'});
  const ada = await come('Ada', 'N', {viewport: {width: 320, height: 640}});
  await join(await person(), url, 'Zoë', 'night shift');
  await join(await person(), url, 'Ben', 'general');
  const talk = async (page, text) => {
    await say(page, text);
    for (const p of [mina, tom, ada]) await shows(p, text.slice(0, 20));
  };
  await talk(mina, 'Good morning! The tomatoes are out. Who is coming on Saturday?');
  await talk(tom, 'Me. I can bring the long ladder and two buckets.');
  await talk(tom, 'The plan for the beds: https://example.com/garden/beds');
  await talk(ada, 'Me too, from ten o’clock.\nIs the water back on?');
  await talk(mina, 'Since yesterday evening.');
  await talk(mina, '🍅🌱');
  await ada.evaluate(() => document.hasFocus = () => false);
  await mina.click('#members button:has-text("Tom")');
  await say(mina, 'It is Ada’s birthday on Saturday. Cake?');
  await shows(tom, 'birthday');
  await tom.click('#members button:has-text("Mina")');
  await say(tom, 'I will bake one. She will never know.');
  await shows(mina, 'never know');
  await mina.click('#public');
  await ada.waitForTimeout(2600); // the server allows the next typing notice after this time
  await ada.locator('#text').pressSequentially('Then I');
  await mina.waitForSelector('#typing.on');
  for (const page of [mina, tom]) {
    await page.mouse.move(700, 300);
    await page.waitForTimeout(1000); // until nothing moves
  }
  await tom.fill('#text', 'Lemon or chocolate?');
  await mina.screenshot({path: file('chat-light.png')});
  await tom.screenshot({path: file('chat-dark.png')});
});
