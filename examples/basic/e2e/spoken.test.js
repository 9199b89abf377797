// What a screen reader says: the accessibility tree of each part of the page, as roles, names and texts in their order.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connected, go, join, person, say, serve, shows, until, watch} from './harness.js';

const msg = (page, text) => page.locator('#log .msg').filter({has: page.locator('.body', {hasText: text})}).last();
const spoken = async (page, selector) => (await page.locator(selector).ariaSnapshot())
  .replace(/[\u2066-\u2069]/g, '').replace(/\d\d:\d\d/g, 'TIME').replace(/^\s*- \/url:.*\n?/gm, '');

/** Chooses from a message's menu, by keyboard. */
async function choose(page, text, label) {
  await msg(page, text).focus();
  await page.keyboard.press('Shift+F10');
  await page.getByRole('menuitem', {name: label}).click();
}

/** What is said for a locator contains these lines, one after the other. */
async function says(page, selector, ...lines) {
  const all = await spoken(page, selector);
  let at = 0;
  for (const line of lines) {
    const found = all.indexOf(line, at);
    assert.ok(found >= 0, `${selector} does not say ${JSON.stringify(line)} after ${JSON.stringify(all.slice(0, at))}, but\n${all.slice(at)}`);
    at = found + line.length;
  }
}

test('each part of the page is read well', async () => {
  const {url} = await serve(['-rate', '0']);
  const eve = await join(await person(), url, 'Eve', 'den');
  const ann = await (await person()).newPage();
  watch(ann);
  await until('the room is offered', async () => { // the server's list of rooms may be a moment old
    await ann.goto(url);
    return ann.locator('#open button').waitFor({timeout: 3000}).then(() => true, () => false);
  });
  await says(ann, '#door', 'heading "Come in" [level=1]', 'textbox "Your name"', 'textbox "Room"', 'group "Rooms with people in them"', 'button "den 1 person"', 'button "Join"');
  await ann.fill('#name', 'Ann');
  await ann.fill('#room', 'den');
  await ann.press('#room', 'Enter');
  await connected(ann);
  await go(ann, 'general');
  await connected(ann);
  assert.doesNotMatch(await spoken(ann, '#side'), /More rooms/, 'a list that is empty');
  const bob = await join(await person(), url, 'Bob');
  await say(ann, 'a question');
  await shows(bob, 'a question');
  await choose(bob, 'a question', 'Reply');
  await says(bob, '#composer', 'strong: Answering Ann', 'a question', 'button "Do not answer it"', 'textbox "Message"', 'button "Send"', 'button "Formatting"');
  await say(bob, 'an answer');
  for (const page of [ann, bob]) await shows(page, 'an answer');
  await bob.press('#text', 'ArrowUp');
  await say(bob, 'a **better** answer');
  await msg(ann, 'a better answer').locator('.edited').waitFor();
  await msg(ann, 'better').focus();
  await ann.keyboard.press('+');
  await ann.locator('.picker input').waitFor(); // before, an r answers
  await ann.keyboard.type('rocket');
  await ann.locator('.emoji-cell[data-emoji="🚀"]').waitFor();
  await says(ann, '.picker', 'searchbox "Search emoji by name"', 'grid "Emoji"', 'button "rocket"');
  await ann.keyboard.press('Enter');
  await ann.locator('.reaction[aria-pressed="true"]').waitFor();
  await say(bob, 'wrong');
  await say(bob, 'right');
  for (const page of [ann, bob]) await shows(page, 'right');
  await choose(bob, 'wrong', 'Delete');
  await says(bob, '#sure', 'dialog "Delete this message?"', 'paragraph: wrong', 'button "Cancel"', 'button "Delete"');
  await bob.getByRole('button', {name: 'Delete'}).click();
  await until('it is gone', async () => await msg(ann, 'wrong').count() === 0);
  await says(ann, '#log', 'log "Messages"', 'Today', 'Bob joined', 'You:', 'a question', 'TIME', 'sent', 'article "Bob, TIME: a better answer"', 'Answers Ann', 'a question',
    'strong: better', 'answer edited', 'TIME', 'list "Reactions"', 'button "You reacted with rocket" [pressed]', 'button "Add a reaction"', 'Bob', 'right', 'TIME');
  assert.doesNotMatch(await spoken(ann, '#log'), /wrong|✓/);

  await say(eve, 'for @Ann');
  await ann.locator('#rooms .for-me').waitFor();
  await says(ann, '#side', 'navigation "Rooms"', 'link "den for you 1 new 2 people"', 'link "general 2 people"', 'button "Go to…"',
    'heading "Here now 2"', 'list "Here now 2"', 'Ann you', 'button "Write privately to Bob"', 'button "Change"');
  await says(ann, 'header', 'heading "general" [level=1]', '2 people here', 'status: Connected');
  await msg(ann, 'a question').focus();
  assert.match(await msg(ann, 'a question').getAttribute('aria-label'), /^You, \d\d:\d\d: a question$/);
  await ann.keyboard.press('Enter');
  await says(ann, '.menu', 'menu "Message"', 'group "Reactions"', 'menuitem "React with ', 'menuitem "More reactions"', 'menuitem "Reply"', 'menuitem "Copy text"', 'menuitem "Edit"', 'menuitem "Delete…"');
  assert.equal(await ann.getByRole('menuitem', {name: 'Delete'}).getAttribute('aria-keyshortcuts'), 'Delete');
  await ann.keyboard.press('Escape');
  await ann.keyboard.press('Control+k');
  await says(ann, '#jump', 'dialog "Go to a room or a person"', 'combobox "Room or person" [expanded]', 'listbox "Rooms and people"', '[selected]', 'option "Bob write privately"', 'status: 2 results');
  await ann.keyboard.press('Escape');
  await ann.click('#settings');
  await says(ann, '#room-settings', 'group "Tell me about"', 'radio "All messages"', 'radio "What is for me', '[checked]', 'button "Leave this room"');
  assert.deepEqual([...ann.complaints, ...bob.complaints], []);
});

test('what comes is said once; what one wrote, what was there and what is drawn anew is not', async () => {
  const {url} = await serve(['-rate', '0']);
  const bob = await join(await person(), url, 'Bob'), eve = await join(await person(), url, 'Eve', 'den');
  await bob.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const chat = connect(new URL('.', location.href), {room: 'general', username: 'Robot'});
    for (let i = 0; i < 60; i++) await chat.send(`old ${i}`);
    chat.close();
  });
  const context = await person();
  // The rules of ARIA: what is added to a live region is said, unless it is busy, off, or hidden.
  await context.addInitScript(() => {
    window.said = [];
    new MutationObserver((records) => {
      for (const {target, addedNodes} of records) {
        const region = (target.nodeType === 1 ? target : target.parentElement)?.closest('[aria-live], [role="log"], [role="status"], [role="alert"]');
        if (!region || region.closest('[aria-busy="true"]')) continue;
        for (const node of addedNodes) {
          const off = region.ariaLive === 'off' || node.nodeType === 1 && node.ariaLive === 'off';
          if (!off && node.textContent.trim() && region.checkVisibility()) said.push(node.textContent);
        }
      }
    }).observe(document, {childList: true, subtree: true});
  });
  const ann = await join(context, url, 'Ann', 'den');
  await go(ann, 'general');
  await shows(ann, 'old 59');
  await until('the log is live', () => ann.$eval('#log', (e) => !e.hasAttribute('aria-busy')));
  const times = (text) => ann.evaluate((text) => said.filter((s) => s.includes(text)).length, text);
  assert.equal(await times('old'), 0);
  await say(bob, 'new one');
  await shows(ann, 'new one');
  await say(bob, 'new two');
  await shows(ann, 'new two');
  await say(ann, 'mine');
  await shows(bob, 'mine');
  await shows(ann, 'mine');
  await msg(bob, 'new one').focus();
  await bob.keyboard.press('e');
  await say(bob, 'new one, mended');
  await bob.fill('#text', 'new three');
  await bob.press('#text', 'Enter'); // soon after the other is drawn anew
  await shows(ann, 'new one, mended');
  await shows(ann, 'new three');
  await say(eve, 'elsewhere');
  await say(eve, 'for @Ann');
  await ann.locator('#rooms .for-me').waitFor();
  assert.deepEqual([await times('new one'), await times('new two'), await times('new three'), await times('mine'), await times('mended'), await times('elsewhere')], [1, 1, 1, 0, 0, 0]);
  assert.equal(await times('Eve wrote to you in den'), 1);
  assert.deepEqual(ann.complaints, []);
});
