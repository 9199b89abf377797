// The part of Markdown that a chat needs, as a tree. It touches no document: marked.js makes elements of the tree.
//
// What is not marked up stays as it is written: there is no HTML, and there are no escapes, headings, tables or images, and a line break
// is a line break. So nothing of a text gets lost except the marks themselves. The time is linear in the length of the
// text, and the depth of the tree is bounded, whatever the text is.

import {addresses, destination} from './address.js';

/** @typedef {{type: 'text'|'code'|'address', text: string}
 *   | {type: 'em'|'strong'|'del'|'quote', children: Node[]}
 *   | {type: 'link', href: string, children: Node[]}
 *   | {type: 'pre', text: string, language: string}
 *   | {type: 'list', ordered: boolean, items: {value: number, children: Node[]}[]}} Node
 *   address: an address in the text, which is also where its link leads; value: the number of an item, as it is written */

const deepest = 6; // quotes and lists within each other; what is deeper is text
const fence = /^ {0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]{0,30})[ \t]*$/; // and the language
const quote = /^ {0,3}>(?=[ \t>]|$)[ \t]?/; // not an emoticon such as >:(
const bullet = /^([ \t]*)(?:[-*]|(\d{1,9})[.)])[ \t]+(?=\S)(?![-*\s]+$)/; // not a line of marks
const blank = /^[ \t]*$/;

/** @param {string} source @returns {Node[]} */
export const parse = (source) => blocks(source.split('\n'), 0);

/** @param {string[]} lines @param {number} depth @returns {Node[]} */
function blocks(lines, depth) {
  /** @type {Node[]} */ const out = [];
  /** @type {string[]} */ let text = [];
  // Blank lines beside a block are its margins.
  const flush = (next) => {
    if (out.length > 0) while (text.length > 0 && blank.test(text[0])) text.shift();
    if (next) while (text.length > 0 && blank.test(text.at(-1))) text.pop();
    if (text.length > 0) out.push(...inline(text.join('\n')));
    text = [];
  };
  for (let i = 0; i < lines.length;) {
    const block = fenced(lines, i) ?? (depth < deepest ? quoted(lines, i, depth) ?? listed(lines, i, depth) : null);
    if (!block) {
      text.push(lines[i++]);
      continue;
    }
    flush(true);
    out.push(block.node);
    i = block.end;
  }
  flush(false);
  return out;
}

/** A block of code: up to the same fence, or to the end. @param {string[]} lines @param {number} i */
function fenced(lines, i) {
  const [, open, language] = fence.exec(lines[i]) ?? [];
  if (!open || i + 1 >= lines.length) return null;
  const indent = lines[i].indexOf(open);
  let end = i + 1;
  while (end < lines.length && !closes(lines[end], open)) end++;
  const body = lines.slice(i + 1, end).map((line) => line.replace(new RegExp(`^ {0,${indent}}`), ''));
  return {node: /** @type {Node} */ ({type: 'pre', text: body.join('\n'), language}), end: Math.min(end + 1, lines.length)};
}

/** @param {string} line @param {string} open */
function closes(line, open) {
  const mark = fence.exec(line)?.[1] ?? '';
  return mark[0] === open[0] && mark.length >= open.length && line.trim() === mark;
}

/** @param {string[]} lines @param {number} i @param {number} depth */
function quoted(lines, i, depth) {
  let end = i;
  const inner = [];
  for (let mark; end < lines.length && (mark = quote.exec(lines[end])); end++) inner.push(lines[end].slice(mark[0].length));
  return end === i ? null : {node: /** @type {Node} */ ({type: 'quote', children: blocks(inner, depth + 1)}), end};
}

const width = (space) => space.replaceAll('\t', '    ').length;

/** A list: items of one kind and indent, with the lines below them that are further in. @param {string[]} lines @param {number} i
 * @param {number} depth */
function listed(lines, i, depth) {
  const first = bullet.exec(lines[i]);
  if (!first) return null;
  const ordered = first[2] !== undefined, indent = width(first[1]);
  const items = [];
  for (let end = i; ;) {
    const mark = end < lines.length ? bullet.exec(lines[end]) : null;
    if (!mark || (mark[2] !== undefined) !== ordered || Math.abs(width(mark[1]) - indent) > 1) {
      return {node: /** @type {Node} */ ({type: 'list', ordered, items}), end};
    }
    const inner = [lines[end].slice(mark[0].length)];
    for (end++; end < lines.length; end++) {
      const space = /^[ \t]*/.exec(lines[end])[0];
      if (width(space) < indent + 2 || blank.test(lines[end])) break;
      inner.push(outdented(lines[end], indent + (ordered ? 3 : 2)));
    }
    items.push({value: Number(mark[2] ?? 0), children: blocks(inner, depth + 1)});
    // One blank line may be between two items.
    if (end + 1 < lines.length && blank.test(lines[end]) && bullet.test(lines[end + 1])) end++;
  }
}

/** A line with at most n columns less of the space before it. @param {string} line @param {number} n */
function outdented(line, n) {
  let i = 0;
  for (let at = 0; at < n && (line[i] === ' ' || line[i] === '\t'); i++) at += line[i] === '\t' ? 4 : 1;
  return line.slice(i);
}

// --- Within a line, or several.

const special = /[`*_~[]|https?:\/\//giu;
const word = /[\p{L}\p{N}_\\]/u, plain = /[A-Za-z0-9\\]/; // a backslash keeps a mark from being one, and stays
const link = /\[([^[\]\n]{1,500})\]\(([^\s<>[\]()]*(?:\([^\s<>[\]()]*\)[^\s<>[\]()]*)*)\)/y;
const kinds = {'*': ['em'], _: ['em'], '**': ['strong'], '***': ['strong', 'em'], '~~': ['del']};

/** @param {string} s @returns {Node[]} */
function inline(s) {
  const out = new Spans(), ticks = new Ticks(s), found = new Map(addresses(s).map((m) => [m.index, m[0]]));
  for (let at = 0; at < s.length;) {
    special.lastIndex = at;
    const next = special.exec(s)?.index ?? s.length;
    out.text(s.slice(at, next));
    if (next === s.length) break;
    at = next + step(s, next, out, ticks, found);
  }
  return out.end();
}

/** Takes what begins at an index with a special character; returns how long it is. @param {string} s @param {number} at
 * @param {Spans} out @param {Ticks} ticks @param {Map<number, string>} found addresses by where they are */
function step(s, at, out, ticks, found) {
  const c = s[at];
  if (c === '`') {
    const n = run(s, at), end = ticks.close(at, n);
    if (end < 0) {
      out.text(s.slice(at, at + n));
      return n;
    }
    const text = s.slice(at + n, end);
    out.add({type: 'code', text: /^ .*[^ ].* $/s.test(text) ? text.slice(1, -1) : text});
    return end + n - at;
  }
  if (c === '[') {
    link.lastIndex = at;
    const m = link.exec(s), href = m && destination(m[2], m[1]);
    if (!href) {
      out.text(c);
      return 1;
    }
    out.add({type: 'link', href, children: [{type: 'text', text: m[1]}]});
    return m[0].length;
  }
  const address = found.get(at);
  if (address) {
    out.add({type: 'address', text: address});
    return address.length;
  }
  if (c === 'h' || c === 'H') {
    out.text(c);
    return 1;
  }
  const n = run(s, at), before = before1(s, at), after = after1(s, at + n);
  out.mark(s.slice(at, at + n), opens(c, before, after), opens(c, after, before));
  return n;
}

/** Whether a mark can stand between a character outside and one inside: around words, not within them.
 * @param {string} c @param {string} outside @param {string} inside */
const opens = (c, outside, inside) => inside !== '' && !/\s/.test(inside) && !(c === '_' ? word : plain).test(outside);

/** @param {string} s @param {number} at */
const before1 = (s, at) => (at > 1 && /[\uDC00-\uDFFF]/.test(s[at - 1]) ? s.slice(at - 2, at) : s.slice(Math.max(0, at - 1), at));
/** @param {string} s @param {number} at */
const after1 = (s, at) => (at < s.length ? String.fromCodePoint(s.codePointAt(at)) : '');

/** @param {string} s @param {number} at how often the character is there */
function run(s, at) {
  let end = at;
  while (s[end] === s[at]) end++;
  return end - at;
}

/** The runs of backticks in a text: where one of the same length is next. */
class Ticks {
  /** @type {Map<number, number[]>} */ #at = new Map(); // by length, the last first

  /** @param {string} s */
  constructor(s) {
    for (const {0: {length}, index} of [...s.matchAll(/`+/g)].reverse()) {
      const all = this.#at.get(length);
      if (all) all.push(index);
      else this.#at.set(length, [index]);
    }
  }

  /** @param {number} at @param {number} n */
  close(at, n) {
    const all = this.#at.get(n);
    while (all.length > 0 && all.at(-1) <= at) all.pop();
    return all.at(-1) ?? -1;
  }
}

/** Spans of a text that grow from left to right. At most one of each mark is open, so the depth is bounded. */
class Spans {
  /** @type {Node[]} */ #nodes = [];
  /** @type {{mark: string, at: number}[]} */ #open = []; // at: the index of the node that is the mark as text

  /** @param {Node} node */
  add(node) { this.#nodes.push(node); }

  /** @param {string} text */
  text(text) { if (text) this.add({type: 'text', text}); }

  /** @param {string} mark @param {boolean} opens @param {boolean} closes */
  mark(mark, opens, closes) {
    if (kinds[mark]) {
      if (closes && this.#close(mark)) return;
      if (closes && mark === '***' && (this.#closeBoth('*', '**') || this.#closeBoth('**', '*'))) return;
      if (opens) {
        const old = this.#open.findIndex((o) => o.mark === mark);
        if (old >= 0) this.#open.splice(old, 1); // the nearest one counts
        this.#open.push({mark, at: this.#nodes.length});
      }
    }
    this.text(mark);
  }

  /** @param {string} inner @param {string} outer */
  #closeBoth(inner, outer) {
    const place = (mark) => this.#open.findIndex((o) => o.mark === mark);
    return place(outer) >= 0 && place(inner) > place(outer) && this.#close(inner) && this.#close(outer);
  }

  /** Makes a span of what is after the open mark; marks that were opened in it stay text. @param {string} mark */
  #close(mark) {
    const i = this.#open.findIndex((o) => o.mark === mark);
    if (i < 0 || this.#open[i].at === this.#nodes.length - 1) return false;
    const [, ...children] = this.#nodes.splice(this.#open[i].at);
    this.#open.length = i;
    let inner = joined(children);
    for (const type of [...kinds[mark]].reverse()) inner = [/** @type {Node} */ ({type, children: inner})];
    this.add(inner[0]);
    return true;
  }

  end() { return joined(this.#nodes); }
}

/** The same nodes, with neighbouring texts in one. @param {Node[]} nodes */
function joined(nodes) {
  /** @type {Node[]} */ const out = [];
  let parts = [];
  const flush = () => {
    if (parts.length > 0) out.push({type: 'text', text: parts.join('')});
    parts = [];
  };
  for (const node of nodes) {
    if (node.type === 'text') {
      parts.push(node.text);
      continue;
    }
    flush();
    out.push(node);
  }
  flush();
  return out;
}
