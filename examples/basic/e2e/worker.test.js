// The client in a page and in a Worker, which has neither a document nor a sessionStorage. It runs in both browsers.

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {existsSync, readFileSync} from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import {test} from 'node:test';
import {leftover, network, person, serve, until, watch} from './harness.js';

const src = path.resolve(import.meta.dirname, '../../../js/src');

// Joins, keeps a view, and answers what it is asked: the same code in both places.
const client = `
import {connect} from '/chat.js';
import {View} from '/view.js';
const view = new View(), texts = [], gaps = [];
let chat;
export const acts = {
  async begin(url, username) {
    chat = connect(url, {room: 'r', username, remember: true});
    view.follow(chat);
    chat.on('message', (m) => texts.push(m.message));
    chat.on('gap', (g) => gaps.push(g));
    return chat.ready().then(() => chat.transport);
  },
  send: (text) => chat.send(text).then(({offset}) => chat.react(offset, ':x:')).then(() => 'sent'),
  seen: async () => ({texts, gaps, reactions: view.messages.map((m) => m.reactions?.[0].count), state: chat.state}),
  end: async () => (chat.close(), chat.state),
};
if (typeof document === 'undefined') onmessage = async ({data: {n, act, args}}) => {
  postMessage(await acts[act](...args).then((result) => ({n, result}), (e) => ({n, error: String(e)})));
};
`;
const page = `<!doctype html><script type="module">
import {acts} from '/client.js';
const worker = new Worker('/client.js', {type: 'module'}), waiting = [];
worker.onmessage = ({data: {n, result, error}}) => (error ? waiting[n].reject(error) : waiting[n].resolve(result));
worker.onerror = (e) => waiting.forEach(({reject}) => reject(e.message));
window.inPage = (act, ...args) => acts[act](...args);
window.inWorker = (act, ...args) => new Promise((resolve, reject) => worker.postMessage({n: waiting.push({resolve, reject}) - 1, act, args}));
</script>`;

async function files() {
  const own = {'/': ['text/html', page], '/client.js': ['text/javascript', client]};
  const server = http.createServer((req, res) => {
    const file = path.join(src, path.basename(req.url)), [type, body] = own[req.url] ?? ['text/javascript', existsSync(file) && req.url !== '/' ? readFileSync(file) : ''];
    res.writeHead(body ? 200 : 404, {'Content-Type': type}).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  leftover(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

test('the client in a page and in a Worker: they talk, lose the connection, and miss nothing', async () => {
  const origin = await files(), {port} = await serve(['-origins', origin]), wire = await network(port);
  const tab = await (await person()).newPage();
  watch(tab);
  await tab.goto(origin);
  await tab.waitForFunction(() => window.inWorker);
  const both = ['inPage', 'inWorker'];
  const ask = (where, ...args) => tab.evaluate(([where, args]) => Promise.race([
    window[where](...args), new Promise((_, no) => setTimeout(no, 60_000, new Error(`${where}: no answer to ${args}`))),
  ]), [where, args]);
  for (const where of both) assert.equal(await ask(where, 'begin', wire.url, where), 'websocket', where);
  for (const where of both) assert.equal(await ask(where, 'send', `one of ${where}`), 'sent');
  wire.cut();
  const later = both.map((where) => ask(where, 'send', `two of ${where}`));
  wire.mend();
  assert.deepEqual(await Promise.all(later), ['sent', 'sent']);
  for (const where of both) {
    const seen = await until(`${where}: all has come`, async () => {
      const seen = await ask(where, 'seen');
      return seen.texts.length >= 4 && seen.reactions.every((n) => n === 1) && seen;
    });
    assert.deepEqual([[...seen.texts].sort(), seen.gaps], [['one of inPage', 'one of inWorker', 'two of inPage', 'two of inWorker'], []], where);
    assert.equal(await ask(where, 'end'), 'closed');
  }
  assert.deepEqual(tab.complaints.filter((c) => !/was interrupted while the page/.test(c)), [], 'but for what Firefox says of the cut');
});
