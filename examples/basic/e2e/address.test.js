// Where an address in a message ends.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {person, serve, watch} from './harness.js';

const x = 'https://a.example/x';
const table = [
  // Sentences in many scripts.
  `see ${x}.`, `${x}?`, `${x}!!!`, `${x};`, `${x}: this`, `${x}, and`, `${x}… and`, `${x}...`, `看 ${x}。然后`, `看${x}。`, `${x}、${'b'}`, `${x}，b`, `${x}！`, `${x}？`, `${x}；b`, `${x}：b`, `${x}｡`, `${x}､b`,
  `${x}، ب`, `${x}؟`, `${x}؛ ب`, `${x}۔`, `${x}। ख`, `${x}॥`, `${x}։`, `${x}። አ`, `${x}፣`, `${x}၊`, `${x}။`, `${x}\u3000b`, `${x}\u00a0b`, `${x}・ b`,
  // Quotes and brackets.
  `“${x}”`, `“${x}.”`, `„${x}“`, `‘${x}’`, `‚${x}‘`, `«${x}»`, `‹${x}›`, `»${x}«`, `"${x}"`, `'${x}'`, `\`${x}\``, `「${x}」`, `『${x}』`, `〝${x}〟`, `《${x}》`, `〈${x}〉`, `【${x}】`, `（${x}）`, `［${x}］`,
  `(${x})`, `[${x}]`, `{${x}}`, `<${x}>`, `(see ${x}).`, `[title](${x})`, `[title](${x}), and`, `${x}’s page`, `**${x}**`, `_${x}_`, `~${x}~`, `${x}|`,
].map((s) => [s, x]).concat([
  // Characters that belong to the address.
  'https://a.example/a_(b)', 'https://a.example/a_(b)?c=d', 'https://a.example/a_(b_(c))', 'https://a.example/[b]', "https://a.example/it's/here", 'https://a.example/l’eau', 'https://a.example/?q=a|b&c=%20#d', 'https://a.example/#',
  'https://a.example/', 'https://a.example', 'http://localhost:8080/x', 'http://192.168.0.1/x', 'http://[::1]:80/x', 'https://de.wikipedia.org/wiki/Straße', 'https://ja.wikipedia.org/wiki/日本', 'https://ja.wikipedia.org/wiki/ジョン・レノン',
  'https://пример.рф/путь', 'https://a.example/~me', 'https://a.example/a*b', 'https://a.example/a,b;c:d@e!f', 'https://a.example/100%', 'HTTPS://A.EXAMPLE/X', 'https://hi.wikipedia.org/wiki/हिन्दी',
].flatMap((a) => [[a, a], [`(${a})`, a], [`see ${a}, there`, a], [`“${a}”`, a]]), [
  // No address.
  ['xhttps://a.example', ''], ['ftp://a.example', ''], ['https://', ''], ['javascript:alert(1)', ''], ['a.example', ''],
  ['https://a.example/x https://a.example/y', 'https://a.example/x https://a.example/y'], ['https://a.example/x、https://a.example/y。', 'https://a.example/x https://a.example/y'],
  ['https://a.example/xhttps://b.example/y', 'https://a.example/x https://b.example/y'], ['http://a.examplehttp://b.examplehttp://c.example.', 'http://a.example http://b.example http://c.example'],
  ['https://web.example/web/2020/https://a.example/x', 'https://web.example/web/2020/https://a.example/x'], ['https://a.example/?to=https://b.example/', 'https://a.example/?to=https://b.example/'],
  ['https://a.example/x\u202Egnp', 'https://a.example/x'], ['https://a.example/x\u200bb', 'https://a.example/x'],
]);

test('addresses end where readers expect it', async () => {
  const {url} = await serve();
  const page = await (await person()).newPage();
  watch(page);
  await page.goto(url);
  const got = await page.evaluate(async (table) => {
    const {addresses, linked} = await import('./address.js');
    return table.map(([s]) => {
      const p = document.createElement('p');
      p.append(...addresses(s).map((m) => linked(m[0])));
      return [s, [...p.querySelectorAll('a')].map((a) => a.textContent).join(' ')];
    });
  }, table);
  assert.deepEqual(got, table.map(([s, want]) => [s, want]));
});
