// The Markdown of messages: what it makes of texts, and what holds for any text.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {load} from './modules.js';

const {parse} = await load('markdown.js');

/** A short form of a tree: `**a _b_**` is {strong a {em b}}. */
const short = (nodes) => nodes.map((n) => {
  if (n.type === 'text') return n.text;
  if (n.type === 'address') return `<${n.text}>`;
  if (n.type === 'list') return `{${n.ordered ? 'ol' : 'ul'} ${n.items.map((i) => `(${n.ordered ? `${i.value}:` : ''}${short(i.children)})`).join('')}}`;
  return `{${n.type}${n.href ? `=${n.href}` : ''}${n.language ? `:${n.language}` : ''} ${n.children ? short(n.children) : n.text}}`;
}).join('');

const a = 'https://a.example/';
const table = [
  // Spans.
  ['a **b** c', 'a {strong b} c'], ['*a*', '{em a}'], ['_a_', '{em a}'], ['~~a~~', '{del a}'], ['***a***', '{strong {em a}}'], ['**a *b* c**', '{strong a {em b} c}'], ['**a *b***', '{strong a {em b}}'],
  ['*a **b***', '{em a {strong b}}'], ['**强调**文字', '{strong 强调}文字'], ['(*a*)', '({em a})'], ['**a\nb**', '{strong a\nb}'], ['_a_, *b*.', '{em a}, {em b}.'], ['*a ~~b*~~', '{em a ~~b}~~'], ['*a *b*', '*a {em b}'], ['*😀*', '{em 😀}'],
  // What only looks like them.
  ['2 * 3 * 4', 0], ['2*3*4', 0], ['2**10 and 3**4', 0], ['snake_case_name', 0], ['__init__', 0], ['__proto__', 0], ['имя_файла_тут', 0], ['¯\\_(ツ)_/¯', 0], ['**', 0], ['****', 0], ['* *', 0], ['*a', 0], ['a*', 0], ['~a~', 0], ['~~~~', 0], ['**a', 0], ['a ** b ** c', 0],
  ['C:\\*.txt D:\\*.txt', 0], ['\\*a\\*', 0], ['\\*a*', 0], ['# title', 0], ['===', 0], ['a\n---', 0], ['|a|b|\n|-|-|', 0], ['<b>x</b> &amp; &#42;', 0], ['![a](b.png)', 0], ['[a]: https', 0], ['    four spaces', 0], ['\ttab', 0], ['a  \nb', 0], ['\n\na\n\n\nb\n', 0],
  // Code.
  ['`a`', '{code a}'], ['`` a`b ``', '{code a`b}'], ['`*a* [b](c)`', '{code *a* [b](c)}'], ['`a', 0], ['``', 0], ['`a``', 0], ['```a```', '{code a}'], ['*a `b* c`', '*a {code b* c}'], ['` `', '{code  }'], ['`http://x.example`', '{code http://x.example}'],
  ['```\na\n\tb\n\n  c\n```', '{pre a\n\tb\n\n  c}'], ['x\n```js\na\n```\ny', 'x{pre:js a}y'], ['```what is this\na', 0], ['~~~\n```\n~~~', '{pre ```}'], ['````\n```\n````', '{pre ```}'], ['```\na', '{pre a}'], ['```', 0], ['```\n```', '{pre }'], ['  ```\n  a\n   b\n  ```', '{pre a\n b}'], ['```\n> a\n- b\n**c**\n```', '{pre > a\n- b\n**c**}'],
  // Quotes.
  ['> a', '{quote a}'], ['> a\n> b\nc', '{quote a\nb}c'], ['>> a', '{quote {quote a}}'], ['> > a\n> b', '{quote {quote a}b}'], ['a\n\n> b\n\nc', 'a{quote b}c'], ['>:(', 0], ['>_<', 0], ['a > b', 0], ['> ```\n> a\n> ```', '{quote {pre a}}'], ['>', '{quote }'],
  // Lists.
  ['- a\n- b', '{ul (a)(b)}'], ['* a\n* **b**', '{ul (a)({strong b})}'], ['1. a\n2. b', '{ol (1:a)(2:b)}'], ['3) a\n1) b', '{ol (3:a)(1:b)}'], ['- a\n  - b\n  - c\n- d', '{ul (a{ul (b)(c)})(d)}'], ['1. a\n   more\n2. b', '{ol (1:a\nmore)(2:b)}'], ['- a\n\n- b', '{ul (a)(b)}'],
  ['- a\n1. b', '{ul (a)}{ol (1:b)}'], ['- a\nb', '{ul (a)}b'], ['- a\n  > b', '{ul (a{quote b})}'], ['- a\n  ```\n  b\n    c\n  ```', '{ul (a{pre b\n  c})}'], ['-', 0], ['- ', 0], ['-a', 0], ['1.a', 0], ['1234567890. a', 0], ['+1', 0], ['a - b', 0], ['-1. a', 0], ['- [a](' + a + ')', `{ul ({link=${a} a})}`],
  // Links.
  [a, `<${a}>`], [`**${a}**`, `{strong <${a}>}`], [`[a b](${a})`, `{link=${a} a b}`], [`[a](${a}x_(y))`, `{link=${a}x_(y) a}`], [`[*a*](${a})`, `{link=${a} *a*}`], ['[a](mailto:b@c.example)', '{link=mailto:b@c.example a}'], [`${a}a_b_c*d*e`, `<${a}a_b_c*d*e>`],
  [`[a.example](${a})`, `{link=${a} a.example}`], [`[www.a.example/x](${a})`, `{link=${a} www.a.example/x}`], [`[b.example](${a})`, `[b.example](<${a}>)`], [`[https://b.example](${a})`, `[<https://b.example>](${a})`],
  ['[a](javascript:alert(1))', 0], ['[a](data:text/html,x)', 0], ['[a](//b.example)', 0], ['[a](/x)', 0], ['[a](x)', 0], ['[a](vbscript:x)', 0], ['[a](mailto:b@c.example?body=x)', 0], ['[a](java\tscript:alert(1))', 0], ['[a](https://)', '[a](<https://>)'],
  [`[](${a})`, `[](<${a}>)`], [`[a]( ${a} )`, `[a]( <${a}> )`], [`[a](https://u:p@b.example/)`, '[a](<https://u:p@b.example/>)'], [`[[a](${a})](${a})`, `[{link=${a} a}](${a})`], [`[a\nb](${a})`, `[a\nb](<${a}>)`],
];

test('what it makes of texts', () => {
  for (const [source, want] of table) assert.equal(short(parse(source)), want || source, JSON.stringify(source));
});

/** What is read of a tree, and how deep it is. */
function facts(nodes) {
  let text = '', deep = 0;
  for (const n of nodes) {
    if (n.type === 'list') assert.ok(n.items.length > 0);
    const inner = (n.items ?? [n]).map((i) => facts(i.children ?? []));
    text += (n.language ?? '') + (n.text ?? '');
    for (const i of inner) text += i.text;
    deep = Math.max(deep, 1 + Math.max(...inner.map((i) => i.deep)));
  }
  return {text, deep};
}

/** Without all that can be a mark: what is left stays in the text. */
const unmarked = (s) => s.replace(/[*_~`>\-.)([\]\s]|\d/g, '');

// The generator of a test's random numbers (mulberry32), so that a failure can be repeated.
function random(seed) {
  return () => {
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pieces = ['*', '**', '***', '_', '__', '~~', '`', '``', '```', '~~~', '> ', '>', '- ', '* ', '1. ', '7) ', '\n', '\n\n', '\n```\n', '  ', '    ', '\t', ' ', 'a', 'b c', 'é', '漢', 'א', '😀', '👩‍👩‍👧', '\u202e', '\u200d', '[', '](', ')', '(', '<b>', '&lt;', '\\', '#', '|', ':', '!', '\ud800',
  '__proto__', 'constructor'];

test('nothing but marks gets lost, the depth is bounded, and there are no other kinds, whatever the text is', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31)), next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const known = new Set(['text', 'code', 'address', 'em', 'strong', 'del', 'quote', 'link', 'pre', 'list']);
  const walk = (nodes) => nodes.forEach((n) => {
    assert.ok(known.has(n.type));
    if (n.type === 'link') assert.match(n.href, /^(https?:\/\/[^@]*|mailto:[^?]*)$/);
    (n.items ?? [n]).forEach((i) => walk(i.children ?? []));
  });
  for (let i = 0; i < 20_000; i++) {
    const source = Array.from({length: 1 + Math.floor(next() * 25)}, () => pick(pieces)).join('');
    const tree = parse(source), {text, deep} = facts(tree);
    assert.equal(unmarked(text), unmarked(source), `seed ${seed}, ${JSON.stringify(source)}`);
    assert.ok(deep < 30, `seed ${seed}: ${deep} deep, ${JSON.stringify(source)}`);
    walk(tree);
  }
});

test('a text without marks is one text', () => {
  for (const s of ['', ' ', 'a', 'a\nb\n\n  c\td\n', '<script>alert(1)</script>', '\u202Egnp.exe', '"quoted" \'text\' — and more…']) assert.deepEqual(parse(s), s === '' ? [] : [{type: 'text', text: s}], JSON.stringify(s));
});

// Where the time grew with the square of the length, this would take minutes.
test('deep and long texts end', () => {
  for (const piece of ['*', '**a', '*a_', '_a ', '~~a', '`', '`` ` ', '> ', '>', '- ', '1. ', '[', '[a](', '[a](b', `[a](${a}`, `[a](${a})`, '](', '(', 'http://', 'https://a.example/)', '```\n', '> \n', '- a\n', ' - a\n', '\t', '\n', '\\', '* * ', 'https://a.example/((((', '**a **', '_*', 'a.', '[a.b']) {
    const source = piece.repeat(Math.ceil(100_000 / piece.length)), {deep} = facts(parse(source));
    assert.ok(deep < 30, `${piece}: ${deep} deep`);
  }
  let steps = '';
  for (let i = 0; i < 400; i++) steps += `${' '.repeat(2 * i)}- a\n`; // each item within the one before
  assert.ok(facts(parse(steps)).deep < 30);
});
