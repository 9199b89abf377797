// Reactions: the picker, the buttons below a message, and what their names say.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, person, say, serve, shows, until} from './harness.js';

const chips = (page) => page.$$eval('.reaction:not(.add)', (all) => all.map((e) => `${e.textContent}${e.ariaPressed === 'true' ? '!' : ''}`));
const are = (page, ...list) => until(`it shows ${list}`, async () => JSON.stringify(await chips(page)) === JSON.stringify(list));

test('three people react, by the picker and by the buttons', async () => {
  const {url} = await serve(['-rate', '0']);
  const ann = await join(await person(), url, 'Ann'), bob = await join(await person(), url, 'Bob'), eve = await join(await person(), url, 'Eve');
  const asked = [];
  ann.on('request', (r) => asked.push(r.url().split('/').pop()));
  await say(ann, 'hello');
  for (const page of [bob, eve]) await shows(page, 'hello');
  await ann.locator('.msg').focus();
  assert.ok(!asked.includes('emoji.js'), 'the emoji are not loaded before they are needed');
  await ann.keyboard.press('+');
  await ann.keyboard.type('rocket');
  await ann.locator('.emoji-cell[data-emoji="🚀"]').waitFor();
  await ann.keyboard.press('Enter');
  assert.ok(asked.includes('emoji.js'));
  for (const page of [ann, bob, eve]) await are(page, page === ann ? '🚀 1!' : '🚀 1');
  assert.ok(await ann.evaluate(() => document.activeElement.matches('.msg')), 'the focus is back');
  await bob.click('.reaction');
  await eve.click('.reaction');
  for (const page of [ann, bob, eve]) await are(page, '🚀 3!');
  const label = async () => (await eve.getAttribute('.reaction', 'aria-label')).replace(/[\u2068\u2069]/g, '');
  await until('it has a name for everybody', async () => await label() === 'You, Ann and Bob reacted with rocket');
  await ann.click('.reaction');
  for (const page of [ann, bob, eve]) await are(page, page === ann ? '🚀 2' : '🚀 2!');
  // The keyboard in the grid; what was used comes first the next time.
  await bob.locator('.msg').focus();
  await bob.keyboard.press('+');
  await bob.locator('.emoji-cell').first().waitFor();
  await bob.keyboard.press('ArrowDown');
  await bob.keyboard.press('ArrowRight');
  const second = await bob.evaluate(() => document.activeElement.dataset.emoji);
  await bob.keyboard.press('Enter');
  await are(eve, '🚀 2!', `${second} 1`);
  await bob.keyboard.press('+');
  assert.equal(await bob.locator('.emoji-cell').first().getAttribute('data-emoji'), second);
  await bob.keyboard.press('Escape');
  assert.ok(await bob.evaluate(() => document.activeElement.matches('.msg')));
  assert.equal(await bob.locator('.pop').count(), 0);
  // The message is drawn anew while the picker is open.
  await bob.keyboard.press('+');
  await bob.locator('.emoji-cell').first().waitFor();
  await eve.click('.reaction');
  await are(bob, '🚀 1!', `${second} 1!`);
  await bob.keyboard.press('Escape');
  assert.ok(await bob.evaluate(() => document.activeElement.matches('.msg')), 'the focus is back on what is there now');
  for (const page of [ann, bob, eve]) assert.deepEqual(page.complaints, []);
});

test('a message has at most 20 different reactions, and the page says so', async () => {
  const {url} = await serve(['-rate', '0']);
  const ann = await join(await person(), url, 'Ann');
  await say(ann, 'hello');
  await shows(ann, 'hello');
  await ann.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const chat = connect(new URL('.', location.href), {room: 'general', username: 'Robot'});
    const m = await new Promise((resolve) => chat.on('message', resolve));
    for (let i = 0; i < 20; i++) await chat.react(m.offset, `:r${i}:`);
    chat.close();
  });
  await until('all are there', async () => (await chips(ann)).length === 20);
  await ann.click('.reaction.add');
  await ann.keyboard.type('rocket');
  await ann.locator('.emoji-cell[data-emoji="🚀"]').click();
  await ann.locator('#notice.on', {hasText: '20 different reactions'}).waitFor();
  await ann.click('.reaction'); // one of those that are there
  await until('it is counted', async () => (await chips(ann))[0] === ':r0: 2!');
  assert.deepEqual(ann.complaints, []);
});
