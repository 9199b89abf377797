// The README names all that the package exports, and all that these have.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import * as chat from '../src/chat.js';
import * as view from '../src/view.js';
import {stage} from './fake.js';
import {refusal} from './web.js';

const read = (file) => readFileSync(path.resolve(import.meta.dirname, '..', file), 'utf8');
const code = [...read('README.md').replace(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);
const named = (name) => code.some((text) => new RegExp(`(^|[\\s.{(,])${name}\\b`).test(text));

/** What a class has for those who use it, with what a new one has. */
function members(of, one) {
  // "For the link" is what other files of the client call.
  const inner = new Set([...read('src/chat.js').matchAll(/\/\*\* For the link[^]*?\*\/\s*(?:get )?(\w+)/g)].map(([, name]) => name));
  return [...Object.getOwnPropertyNames(of.prototype), ...Object.keys(one)].filter((name) => name !== 'constructor' && !inner.has(name));
}

test('each export, and each method and property', async () => {
  await stage({clock: true});
  start();
  startMany();
  const all = {
    'chat.js': Object.keys(chat).filter((name) => name !== 'Chat'), 'view.js': Object.keys(view), Chat: members(chat.Chat, globalThis.chat),
    Emitter: members(Object.getPrototypeOf(chat.Chat), {}).filter((name) => name !== 'dispatchEvent'), Connection: members(chat.Connection, many),
    ChatError: members(chat.ChatError, new chat.ChatError('x', 'y')).filter((name) => name !== 'name'), View: members(view.View, new view.View()), Amendments: members(view.Amendments, {}),
  };
  for (const [where, names] of Object.entries(all)) {
    assert.ok(names.length > 1, where);
    for (const name of names) assert.ok(named(name), `the README does not name ${name} of ${where}`);
  }
});

test('each option and each event', () => {
  const types = read('src/types.js');
  const options = [...types.matchAll(/@property \{[^}]*\} \[(\w+)\]/g)].map(([, name]) => name);
  const events = [...types.matchAll(/@typedef \{\{(.*?)\}\} (?:Connection)?Events/gs)].flatMap(([, text]) => [...text.matchAll(/(\w+): (?:[A-Z\x7bua]|import)/g)].map(([, name]) => name));
  assert.ok(options.length >= 7 && events.length >= 17, `${options} ${events}`);
  for (const name of [...options, ...events]) assert.ok(named(name), `the README does not name ${name}`);
});

test('each code of an error that is the client’s own', () => {
  const files = ['asks', 'chat', 'frames', 'http', 'link', 'many', 'part', 'queue', 'single', 'stream', 'streams'];
  const codes = files.flatMap((file) => [...read(`src/${file}.js`).matchAll(/new ChatError\('(\w+)'/g)].map(([, name]) => name));
  for (const name of new Set(codes)) assert.ok(named(name), name);
});

test('each refusal of what is asked over plain HTTP has the server’s code', async () => {
  await stage();
  for (const [answer, code] of [[refusal(403, 'forbidden'), 'forbidden'], [refusal(401, 'unauthorized'), 'unauthorized'], [refusal(403, 'nonsense'), 'unavailable'], [new Response('<p>', {status: 502}), 'unavailable']]) {
    for (const ask of [() => chat.rooms('/'), () => chat.messages('/', 'r'), () => chat.unread('/', {named: ['r']})]) {
      globalThis.fetch = async () => answer.clone();
      await assert.rejects(ask(), {name: 'ChatError', code});
    }
  }
});
