// What the client does with each code of docs/protocol.md. The table of js/README.md has the same rows.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {stage} from './fake.js';
import {inside, sent, welcome} from './rooms.js';
import {refusal, web} from './web.js';

const read = (file) => readFileSync(path.resolve(import.meta.dirname, '../..', file), 'utf8');
const protocol = read('docs/protocol.md');
/** The cells of the rows of the table below a heading, of which the first one is code. */
const rows = (text, heading) => text.split(new RegExp(`^#+ ${heading}$`, 'm'))[1].split(/^#+ /m)[0].split('\n').filter((line) => /^\| [`\d]/.test(line)).map((line) => line.split('|').map((s) => s.trim()));
const codes = rows(protocol, 'Error codes').flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code));
const passing = ['rate_limited', 'unavailable'];

/** A page with an open connection. */
async function open(options = {}) {
  const page = await stage({clock: true});
  start(options);
  chat.on('error', (e) => errors.push(e.code));
  await page.clock.runFor(100);
  last().welcome('e:0');
  return page;
}

for (const code of codes) {
  test(`${code}: of a message, a request, a notice, and of nothing`, async () => {
    const page = await open();
    const fates = [];
    for (const promise of [chat.send('x', {id: 'x'}), chat.react(1, '👍'), chat.history()]) fate(promise).then((f) => fates.push(f));
    const [{id}, {id: second}, {id: third}] = last().sent;
    const tell = (more) => last().say({type: 'error', code, message: 'why', ...more});
    for (const id of ['x', second, third]) tell({id, retry_after_ms: 50});
    await page.clock.runFor(1);
    assert.equal(id, 'x');
    assert.deepEqual(fates, passing.includes(code) ? [code] : [code, code, code], 'the history fails; what passes is sent again');
    await page.clock.runFor(1000);
    assert.equal(last().sent.filter((o) => o.id === 'x').length, passing.includes(code) ? 2 : 1);
    chat.signal('s');
    tell({id: last().sent.at(-1).id});
    assert.deepEqual(errors, code === 'rate_limited' ? [] : [code], 'of a signal');
    tell({});
    assert.deepEqual(errors.slice(-1), [code], 'of nothing that waits');
    assert.equal(chat.state, 'open');
    assert.equal(chat.signal('s'), code !== 'unsupported' && code !== 'unknown_type');
  });

  test(`${code}: of a join`, async () => {
    const page = await inside();
    last().say({type: 'error', room: 'a', id: last().sent[0].id, code, message: 'why'});
    await page.clock.runFor(1);
    const again = [...passing, 'auth_failed'].includes(code), ignored = code === 'not_joined';
    assert.deepEqual([a.state, b.state], [ignored ? 'connecting' : again ? 'waiting' : 'closed', 'connecting']);
    last().sent = [];
    await page.clock.runFor(2000);
    assert.equal(sent().length, again ? 1 : 0);
  });
}

test('not_joined of a room that the client is in: it leaves, and joins again with what is not acknowledged', async () => {
  const page = await inside();
  welcome('a', 'e:0');
  welcome('b', 'e:0');
  const result = fate(a.send('x', {id: 'x'}));
  last().sent = [];
  last().say({type: 'error', room: 'a', id: 'x', code: 'not_joined', message: 'why'});
  assert.deepEqual([a.state, b.state], ['waiting', 'open']);
  assert.equal(many.rooms.get('a'), a);
  last().say({type: 'error', room: 'a', code: 'not_joined', message: 'why'}); // of the leave
  await page.clock.runFor(2000);
  assert.deepEqual(sent(), [{type: 'leave', room: 'a'}, {type: 'join', rooms: {a: 'e:0'}}]);
  welcome('a', 'e:0');
  await page.clock.runFor(100);
  assert.deepEqual(last().sent.at(-1), {type: 'message', room: 'a', message: 'x', id: 'x'});
  last().say({type: 'ack', room: 'a', id: 'x', offset: 1});
  assert.equal(await result, 1);
});

const statuses = [
  ['400', 'bad_request', false], ['401', 'unauthorized', false], ['403', 'forbidden', false], ['404', 'not_found', false], ['405', 'method_not_allowed', false],
  ['406', 'not_acceptable', false], ['413', 'too_long', false], ['415', 'unsupported_media_type', false], ['422', 'rejected', false], ['429', 'too_many', true],
  ['500', 'internal', true], ['501', 'unsupported', true], ['503', 'unavailable', true],
];

test('each status of a refused handshake, with its code and with another one', async () => {
  const named = rows(protocol, 'Endpoints').filter(([, cell]) => /^\d/.test(cell)).flatMap(([, cell]) => cell.split(', '));
  assert.deepEqual(named, [...statuses.map(([status]) => status), '426'].sort());
  for (const [status, code, again] of statuses) {
    for (const [given, expected] of [[code, again ? 'waiting' : 'closed'], ['nonsense', 'other']]) {
      const page = await stage({clock: true});
      web({plain: () => refusal(Number(status), given)});
      start();
      await page.clock.runFor(100);
      last().end(1006);
      await page.clock.runFor(1);
      // What is not the server's, and below 500, counts as something that blocks WebSockets.
      assert.equal(chat.state, expected !== 'other' ? expected : Number(status) < 500 ? 'connecting' : 'waiting', `${status} ${given}`);
      assert.equal(states.at(-1).error?.code, expected === 'other' ? undefined : code);
    }
  }
});

test('each close code', async () => {
  const closes = rows(protocol, 'Close codes').flatMap(([, cell]) => (/^(\d+) to (\d+)/.exec(cell) ?? [cell, cell]).slice(-1)).map(Number);
  for (const code of closes) {
    const final = [1000, 1008, 4001, 4003].includes(code);
    let page = await open();
    const result = fate(chat.send('x', {id: 'x'}));
    Math.random = () => 0.5;
    last().end(code, 'why');
    await page.clock.runFor(1);
    assert.deepEqual([chat.state, states.at(-1).error?.code, states.at(-1).code], final ? ['closed', `close_${code}`, code] : ['waiting', undefined, code]);
    if (final) assert.equal(await result, `close_${code}`);
    else if (code === 1009) assert.equal(await result, 'too_long');
    else assert.equal(states.at(-1).wait < 100, code === 1013, 'come back immediately');
    // The same of one room of a connection.
    page = await inside();
    welcome('a', 'e:0');
    last().say({type: 'left', room: 'a', code, reason: 'why'});
    assert.equal(a.state, [1000, 1008, 4003].includes(code) ? 'closed' : 'waiting', String(code));
    assert.equal(b.state, 'connecting');
  }
  assert.equal(closes.length, 12);
  await open({token: async () => 'a.b'});
  last().end(4001);
  assert.equal(chat.state, 'waiting', 'with a function there are fresh credentials');
});

test('a server that sends 1013 again and again is not asked at once each time', async () => {
  const page = await open();
  const waits = [];
  Math.random = () => 0.5;
  for (let i = 0; i < 4; i++) {
    last().end(1013);
    waits.push(states.at(-1).wait);
    await page.clock.runFor(20_000);
    last().welcome('e:0');
  }
  assert.deepEqual(waits, [50.5, 1050, 2050, 4050]);
});

test('the table of the README has each code, status and close code', () => {
  const table = read('js/README.md').split('### Each code')[1];
  for (const name of [...codes, ...statuses.map(([status]) => status), '1000', '1001', '1002', '1003', '1007', '1008', '1009', '1011', '1013', '3000', '4001', '4003']) {
    assert.match(table.split(/^### /m)[0], new RegExp(`\\b${name}\\b`), name);
  }
});
