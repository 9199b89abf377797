// A room with very many messages costs the browser no more than one with a few hundred.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {join, person, say, serve, shows} from './harness.js';

test('thousands of messages: the document stays small, and a new message changes little of it', async () => {
  const {url} = await serve(['-rate', '0', '-history', '5000']);
  const alice = await join(await person(), url, 'Alice');
  const bob = await (await person()).newPage();
  await bob.goto(url);
  await bob.evaluate(async () => {
    const {connect} = await import('./chat.js');
    window.chat = connect('./', {username: 'Bob'});
    const all = [];
    for (let i = 0; i < 3000; i++) all.push(chat.send(`message ${i}`));
    await Promise.all(all);
  });
  await shows(alice, 'message 2999');
  const entries = () => alice.$$eval('#log > *', (all) => all.length);
  assert.ok(await entries() <= 301, `${await entries()} entries are in the document`);

  // Of each message that comes, one element is new in the list, and no other is drawn again.
  await alice.evaluate(() => {
    window.added = window.drawn = 0;
    new MutationObserver((records) => {
      for (const {target, addedNodes} of records) {
        if (target.id === 'log') added += addedNodes.length;
        else if (target.matches('.entry') && target.isConnected) drawn++;
      }
    }).observe(document.getElementById('log'), {childList: true, subtree: true});
  });
  for (let i = 0; i < 40; i++) await bob.evaluate((i) => chat.send(`then ${i}`), i);
  await shows(alice, 'then 39');
  assert.deepEqual(await alice.evaluate(() => ({added, drawn})), {added: 40, drawn: 0});

  // Up to the oldest that is loaded, and down again.
  for (let i = 0; i < 20; i++) {
    await alice.evaluate(() => (document.getElementById('scroller').scrollTop = 0));
    await alice.evaluate(() => new Promise(requestAnimationFrame));
    assert.ok(await entries() <= 301, `${await entries()} entries are in the document`);
  }
  await alice.click('#down');
  await shows(alice, 'then 39');
  await say(alice, 'the end');
  await shows(alice, 'the end');
  assert.ok(await entries() <= 302, `${await entries()} entries are in the document`);
  assert.deepEqual(alice.complaints, []);
});
