// The page shows messages with their changes.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, person, scripted, serve, shows, texts, until} from './harness.js';

test('the page shows messages in their current state', async () => {
  const {url} = await serve();
  const context = await person();
  const time = (o) => new Date(Date.UTC(2026, 0, 2, 3, 4, o)).toISOString();
  const object = (type, offset, more) => ({type, offset, time: time(offset), user: 'u', username: 'U', ...more});
  let asked, answer;
  const history = new Promise((resolve) => (answer = resolve));
  const server = await scripted(context, () => {
    asked = true;
    return history;
  });
  const page = await join(context, url, 'Me');
  const say = (...args) => server.send(object(...args));
  say('message', 11, {message: 'one'});
  say('message', 12, {message: 'two', reactions: [{reaction: '👍', count: 2, users: ['u', 'v']}], amended: 12});
  say('message', 13, {message: 'three'});
  await shows(page, 'three');
  await until('older messages are asked for', () => asked);
  say('edit', 14, {target: 11, message: '<b>new</b>'});
  say('reaction', 15, {target: 12, reaction: '👍', user: 'w'});
  say('reaction', 16, {target: 12, reaction: '<i>', user: 'w'});
  say('delete', 17, {target: 13});
  say('edit', 18, {target: 1, message: 'of an older one'});
  say('delete', 19, {target: 2});
  say('message', 20, {message: 'last'});
  await shows(page, 'last');
  const are = (...list) => until(`it shows ${list}`, async () => JSON.stringify(await texts(page)) === JSON.stringify(list));
  await are('<b>new</b>', 'two', 'last');
  assert.deepEqual(await page.$$eval('.reaction:not(.add)', (all) => all.map((e) => e.textContent)), ['👍 3', '<i> 1']);
  assert.equal(await page.$$eval('.msg .edited', (all) => all.length), 1);
  // The page of older messages was read before they were amended.
  answer([object('message', 1, {message: 'old'}), object('message', 2, {message: 'gone'}), object('message', 3, {message: 'kept'})]);
  await are('of an older one', 'kept', '<b>new</b>', 'two', 'last');
  assert.deepEqual(page.complaints, []);
});
