// Pasted code, and what is no code.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {load} from './modules.js';

const {fenced} = await load('paste.js'), {parse} = await load('markdown.js');

const code = {
  js: 'function f() {\n\treturn 1;\n}', go: 'func main() {\n\tfmt.Println("x")\n}', python: 'def f(x):\n    if x:\n        return 1\n', sql: 'SELECT *\nFROM t\nWHERE a = f(b);', html: '<ul>\n  <li>a</li>\n</ul>',
  crlf: 'if (a) {\r\n  b();\r\n}', ticks: 'const a = `x`;\nconst b = "```";\nconst c = 1;',
};
const prose = {
  letter: 'Dear all,\n\nthe meeting is on Monday.\n\nAda', list: '- one\n- two\n  - three', poem: 'The woods are lovely, dark and deep,\nBut I have promises to keep,\nAnd miles to go before I sleep', quote: '> a\n> b', line: 'const x = 1;', empty: '', fencedAlready: '```\nf();\ng();\n```',
  addresses: 'https://a.example/x\nhttps://a.example/y', cjk: '今日は\n良い天気\nです',
};

test('code of several lines gets a fence, and comes out as it was', () => {
  for (const [name, text] of Object.entries(code)) {
    const html = name === 'html' || name === 'sql' ? '<pre>x</pre>' : '';
    for (const [before, after] of [['', ''], ['look:', ''], ['look:\n', '\nafter'], ['a', 'b']]) {
      const got = fenced({text, html}, before, after);
      assert.ok(got, name);
      const tree = parse(before + got + after), pre = tree.filter((n) => n.type === 'pre');
      assert.deepEqual(pre.map((n) => n.text), [text.replaceAll('\r\n', '\n').trimEnd()], name);
      assert.equal(tree.filter((n) => n.type === 'text').map((n) => n.text.trim()).join(), [before.trim(), after.trim()].filter((s) => s).join(), name);
    }
  }
});

test('other text is pasted as it is, and so is code within a fence', () => {
  for (const [name, text] of Object.entries(prose)) assert.equal(fenced({text, html: '<p>x</p>'}, '', ''), null, name);
  assert.equal(fenced({text: code.js, html: ''}, '```\nx\n', ''), null);
  assert.ok(fenced({text: code.js, html: ''}, '```\nx\n```\n', ''));
  assert.ok(fenced({text: prose.letter, html: '<meta><div style="font-family: Consolas, monospace">x</div>'}, '', ''), 'an editor says that it is code');
});
