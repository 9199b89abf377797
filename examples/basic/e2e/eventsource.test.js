// The event stream as a browser reads it by itself, without the project's client: its
// EventSource comes back alone, and resumes.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {network, person, serve, until} from './harness.js';

/** A page of the server's origin that listens to a room with an EventSource. */
async function listening(url) {
  const page = await (await person()).newPage();
  await page.goto(`${url}rooms`);
  await page.evaluate(() => {
    window.got = [];
    window.opens = 0;
    window.source = new EventSource('rooms/general/events?username=Ann');
    source.onopen = () => opens++;
    source.onmessage = (e) => got.push({id: e.lastEventId, ...JSON.parse(e.data)});
  });
  const heard = () => page.evaluate(() => got);
  return {page, heard, of: async (type) => (await heard()).filter((o) => o.type === type)};
}

/** Posts the text of a message, past the network. */
async function post(url, text) {
  const answer = await fetch(`${url}rooms/general/events?username=Bob`, {method: 'POST', headers: {'Content-Type': 'text/plain'}, body: text});
  assert.equal(answer.status, 200);
  return answer.json();
}

test('an EventSource comes back by itself and gets exactly what it missed', async () => {
  const server = await serve();
  const line = await network(server.port);
  const {page, of} = await listening(line.url);
  await until('the welcome', async () => (await of('welcome')).length === 1);
  for (let loss = 0; loss < 3; loss++) {
    await post(server.url, `${loss} live`);
    await until('what is live', async () => (await of('message')).length === 3 * loss + 1);
    line.cut();
    await until('the loss', () => page.evaluate(() => source.readyState === EventSource.CONNECTING));
    await post(server.url, `${loss} missed 1`);
    await post(server.url, `${loss} missed 2`);
    line.mend();
    await until('what was missed', async () => (await of('message')).length >= 3 * loss + 3);
  }
  assert.deepEqual((await of('message')).map((m) => m.message), [0, 1, 2].flatMap((n) => [`${n} live`, `${n} missed 1`, `${n} missed 2`]));
  const welcomes = await of('welcome');
  assert.deepEqual(welcomes.map((w) => [w.resumed, w.gap]), [[false, false], [true, false], [true, false], [true, false]]);
  const epoch = welcomes[0].position.split(':')[0];
  assert.deepEqual((await of('message')).map((m) => m.id), [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `${epoch}:${n}`));
});

test('a restart is told, and its gap too', async () => {
  let server = await serve();
  const {page, of} = await listening(server.url);
  await post(server.url, 'before');
  await until('the message', async () => (await of('message')).length === 1);
  await server.stop();
  await until('the end', async () => (await of('left')).length > 0);
  assert.deepEqual((await of('left')).map((o) => [o.code, o.room]), [[1001, 'general']]);
  assert.equal((await of('goodbye')).length, 1);
  server = await serve([], server.port); // whose log is another
  await until('the welcome of the new one', async () => (await of('welcome')).length === 2);
  assert.deepEqual((await of('welcome')).map((w) => [w.resumed, w.gap]), [[false, false], [false, true]]);
  await post(server.url, 'after');
  await until('the message', async () => (await of('message')).length === 2);
  assert.equal(await page.evaluate(() => opens), 2);
});

test('a page posts to its own server, and a page of another neither posts nor listens', async () => {
  const server = await serve(), other = await serve();
  const {page, of} = await listening(server.url);
  const own = await page.evaluate(async () => (await fetch('rooms/general/events', {method: 'POST', body: 'my own'})).status);
  assert.equal(own, 200, 'a text is text/plain by itself');
  const foreign = await (await person()).newPage();
  await foreign.goto(`${other.url}rooms`);
  const listens = await foreign.evaluate(async (url) => {
    await fetch(`${url}rooms/general/events`, {method: 'POST', body: 'forged', mode: 'no-cors'}); // as a form does
    const source = new EventSource(`${url}rooms/general/events`);
    return new Promise((resolve) => {
      source.onopen = () => resolve(true);
      source.onerror = () => resolve(source.readyState !== EventSource.CLOSED);
    });
  }, server.url);
  assert.equal(listens, false, 'refused, and it does not try again');
  await post(server.url, 'last');
  await until('the last message', async () => (await of('message')).some((m) => m.message === 'last'));
  assert.deepEqual((await of('message')).map((m) => m.message), ['my own', 'last']);
});
