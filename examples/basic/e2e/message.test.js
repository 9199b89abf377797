// What people do with messages: answer, change and delete them, and react to them.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, join, network, person, say, serve, shows, texts, until} from './harness.js';

const msg = (page, text) => page.locator('#log .msg').filter({has: page.locator('.body', {hasText: text})}).last();

/** Opens a message's menu by keyboard, and chooses. */
async function choose(page, text, label) {
  await msg(page, text).focus();
  await page.keyboard.press('Shift+F10');
  await page.getByRole('menuitem', {name: label}).click();
}

test('an answer shows what it answers, follows it, and leads there', async () => {
  const {url} = await serve(['-rate', '0', '-history', '10']);
  const ann = await join(await person(), url, 'Ann'), bob = await join(await person(), url, 'Bob');
  await say(ann, 'the *first* question\nwith a second line');
  await shows(bob, 'first');
  await choose(bob, 'first', 'Reply');
  assert.match(await bob.textContent('#about'), /Answering Ann\s+the first question with a second line/);
  assert.equal(await bob.evaluate(() => document.activeElement.id), 'text');
  await bob.keyboard.press('Escape');
  assert.ok(await bob.isHidden('#about'));
  await choose(bob, 'first', 'Reply');
  await bob.fill('#text', 'not yet');
  await bob.reload();
  await connected(bob);
  assert.match(await bob.textContent('#about'), /Answering Ann/, 'it is kept with the draft');
  await say(bob, 'an answer');
  assert.ok(await bob.isHidden('#about'));
  for (const page of [ann, bob]) await msg(page, 'an answer').locator('.original', {hasText: 'Ann: the first question'}).waitFor();
  await choose(ann, 'first', 'Edit');
  await say(ann, 'another question');
  for (const page of [ann, bob]) await msg(page, 'an answer').locator('.original', {hasText: 'Ann: another question'}).waitFor();
  // So far up that it has to be loaded.
  await ann.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const chat = connect(new URL('.', location.href), {room: 'general', username: 'Robot'});
    for (let i = 0; i < 130; i++) await chat.send(`filler ${i}`);
    await chat.send('far away', {replyTo: (await chat.history({after: 0, limit: 1})).messages[0].offset});
    chat.close();
  });
  const eve = await join(await person(), url, 'Eve');
  await msg(eve, 'far away').locator('.original', {hasText: 'another question'}).click();
  await eve.locator('.found', {hasText: 'another question'}).waitFor();
  assert.ok(await eve.evaluate(() => document.activeElement.matches('.found > .msg')));
  await eve.click('#down');
  // Deleted.
  await ann.evaluate(() => document.querySelector('#scroller').scrollTo(0, 0));
  await choose(ann, 'another question', 'Delete');
  await ann.getByRole('button', {name: 'Delete'}).click();
  await msg(eve, 'far away').locator('.original .gone', {hasText: 'not there any more'}).click();
  await eve.locator('#notice.on', {hasText: 'was deleted'}).waitFor();
  assert.deepEqual([...ann.complaints, ...eve.complaints], []);
});

test('a text is changed by arrow up, and lost by no failure', async () => {
  const server = await serve(['-rate', '0']), wire = await network(server.port);
  const ann = await join(await person(), wire.url, 'Ann'), bob = await join(await person(), server.url, 'Bob');
  await say(ann, 'one');
  await shows(bob, 'one');
  await say(bob, 'two');
  await shows(ann, 'two');
  await ann.focus('#text');
  await ann.keyboard.press('ArrowUp');
  assert.equal(await ann.inputValue('#text'), 'one');
  await ann.keyboard.press('Escape');
  assert.equal(await ann.inputValue('#text'), '');
  await ann.keyboard.press('ArrowUp');
  await say(ann, 'one, changed');
  for (const page of [ann, bob]) {
    await shows(page, 'one, changed');
    await msg(page, 'one, changed').locator('.edited').waitFor();
  }
  await msg(ann, 'one, changed').locator('.edited').hover();
  await until('a tooltip has the time', async () => /^Edited .*\d\d:\d\d/.test(await msg(ann, 'one, changed').locator('.edited').getAttribute('title') ?? ''));
  // Without a connection, the change waits.
  wire.cut();
  await ann.waitForSelector('#app[data-state="waiting"], #app[data-state="connecting"]');
  await ann.keyboard.press('ArrowUp');
  await say(ann, 'changed again');
  await ann.locator('.msg.pending', {hasText: 'changed again'}).locator('.waits').waitFor();
  assert.deepEqual(await texts(bob), ['one, changed', 'two']);
  wire.mend();
  await shows(bob, 'changed again');
  await shows(ann, 'changed again');
  // Refused: the text stays, and can be sent again.
  let refuse = true;
  const context = await person();
  await context.routeWebSocket(/\/ws(\/|\?|$)/, (ws) => {
    const server = ws.connectToServer();
    ws.onMessage((text) => {
      const {type, id, room} = JSON.parse(text);
      if (refuse && type === 'edit') ws.send(JSON.stringify({type: 'error', code: 'rejected', message: 'no such words', id, room}));
      else server.send(text);
    });
  });
  const eve = await join(context, server.url, 'Eve');
  await say(eve, 'three');
  await shows(eve, 'three');
  await eve.keyboard.press('ArrowUp');
  await say(eve, 'four');
  await eve.locator('#notice.on', {hasText: 'The server refused this: no such words.'}).waitFor();
  assert.match(await eve.textContent('.msg.failed'), /four.*Not changed/);
  refuse = false;
  await eve.getByRole('button', {name: 'Retry'}).click();
  for (const page of [bob, eve]) await shows(page, 'four');
  assert.deepEqual([...ann.complaints, ...bob.complaints, ...eve.complaints], []);
});

test('a deletion asks first; only one of one\u2019s own', async () => {
  const {url} = await serve(['-rate', '0']);
  const ann = await join(await person(), url, 'Ann'), bob = await join(await person(), url, 'Bob');
  await say(ann, 'to be kept');
  await say(ann, 'to be deleted');
  await shows(bob, 'to be deleted');
  await msg(bob, 'to be deleted').focus();
  await bob.keyboard.press('Enter');
  const offered = await bob.getByRole('menuitem').allTextContents();
  assert.ok(!offered.some((s) => /Edit|Delete/.test(s)), String(offered));
  await bob.keyboard.press('Escape');
  assert.ok(await bob.evaluate(() => document.activeElement.matches('.msg')), 'the focus is back');
  await choose(ann, 'to be deleted', 'Delete');
  await ann.getByRole('button', {name: 'Cancel'}).click();
  await choose(ann, 'to be deleted', 'Delete');
  assert.match(await ann.textContent('#sure'), /to be deleted/);
  await ann.getByRole('button', {name: 'Delete'}).click();
  for (const page of [ann, bob]) await until('it is gone', async () => String(await texts(page, '.msg')) === 'to be kept');
  assert.deepEqual([...ann.complaints, ...bob.complaints], []);
});

test('a moderator deletes the message of somebody else', async () => {
  const {url} = await serve(['-moderators', 'Mo,Max']);
  const ann = await join(await person(), url, 'Ann'), mo = await join(await person(), url, 'Mo');
  await say(ann, 'bad');
  await say(mo, 'good');
  await shows(mo, 'bad');
  await msg(mo, 'bad').focus();
  await mo.keyboard.press('Enter');
  const offered = await mo.getByRole('menuitem').allTextContents();
  assert.ok(offered.some((s) => s.includes('Delete')) && !offered.some((s) => s.includes('Edit')), String(offered));
  await mo.keyboard.press('Escape');
  await choose(mo, 'bad', 'Delete');
  await mo.getByRole('button', {name: 'Delete'}).click();
  for (const page of [ann, mo]) await until('it is gone', async () => String(await texts(page, '.msg')) === 'good');
  assert.deepEqual([...ann.complaints, ...mo.complaints], []);
});
