// Elements from the Markdown of messages: a fixed set, with text nodes in them and no attribute that others choose except
// the address of a link.

import {linked, linkTo} from './address.js';
import {parse} from './markdown.js';
import {el} from './text.js';

const tags = /** @type {const} */ ({em: 'em', strong: 'strong', del: 'del', quote: 'blockquote'});

/** @param {string} source @returns {DocumentFragment} */
export function marked(source) {
  const out = document.createDocumentFragment();
  out.append(...parse(source).map(draw));
  return out;
}

/** @param {import('./markdown.js').Node} node @returns {Node|string} */
function draw(node) {
  switch (node.type) {
    case 'text': return node.text;
    case 'address': return linked(node.text);
    case 'link': {
      const a = linkTo(node.href, ...node.children.map(draw));
      a.title = node.href;
      return a;
    }
    case 'code': return code(node.text);
    case 'pre': {
      const pre = el('pre', '', ...(node.language ? [el('span', 'language', `${node.language}\n`)] : []), code(node.text));
      pre.tabIndex = 0; // long lines scroll
      return pre;
    }
    case 'list': {
      const list = el(node.ordered ? 'ol' : 'ul', '', ...node.items.map((item) => {
        const li = el('li', '', ...item.children.map(draw));
        if (node.ordered) li.value = item.value;
        return li;
      }));
      if (node.ordered) list.style.setProperty('--digits', String(Math.max(...node.items.map((item) => String(item.value).length))));
      return list;
    }
    default: return el(tags[node.type], '', ...node.children.map(draw));
  }
}

/** Code reads from left to right in any text. @param {string} text */
function code(text) {
  const e = el('code', '', text);
  e.dir = 'ltr';
  return e;
}

/** What a text says, in one line and without marks. @param {string} source @param {number} [most] characters */
export function oneLine(source, most = 200) {
  /** @type {(nodes: import('./markdown.js').Node[]) => string} */
  const plain = (nodes) => nodes.map((n) => ('text' in n ? n.text : 'items' in n
    ? n.items.map((i) => ` ${plain(i.children)} `).join('') : n.type === 'quote' ? ` ${plain(n.children)} ` : plain(n.children))).join('');
  const text = plain(parse(source.slice(0, 2000))).replace(/\s+/gu, ' ').trim();
  const all = Array.from(text);
  return all.length > most ? `${all.slice(0, most).join('')}…` : text;
}
