// Addresses in messages. They end where readers think that they end, whatever script
// is around them: https://example.com/it's_(here), but not the 。 or ” after it.

import {el} from './text.js';

// Not white space, controls and what does not show; < > " ` and the quotes and brackets of all scripts, which are
// around an address and not in it; the stops of scripts that put no space after them. An apostrophe may be inside.
const address = /(?<![A-Za-z0-9])https?:\/\/(?:[^\s\p{C}<>"`\p{Pi}\p{Pf}„‚〝〞〟＂＇＜＞「」『』【】〔〕〖〗〘〙〚〛《》〈〉（）［］｛｝｟｠｢｣。．、，；：！？｡､…‥،؛؟۔।॥။၊።፣፤፥፦፧᠂᠃։]|’(?=[\p{L}\p{N}]{2}))+/giu;
// What ends a sentence or a clause, or marks up text, and so is not the address's at its end.
const closing = /(?![/@&%#])[\p{Po}*_~'|\\^]/u;
const pairs = {')': '(', ']': '[', '}': '{'};

/** @param {string} s @returns {DocumentFragment} s with http and https addresses as links */
export function linked(s) {
  const out = document.createDocumentFragment();
  let from = 0;
  for (const {0: text, index, length} of addresses(s)) {
    const a = anchor(text);
    if (!a) continue;
    out.append(s.slice(from, index), a);
    from = index + length;
  }
  out.append(s.slice(from));
  return out;
}

/** @param {string} s @returns {{0: string, index: number, length: number}[]} the addresses in s, and where they are */
export function addresses(s) {
  return [...s.matchAll(address)].map((m) => {
    const text = trimmed(m[0], s[m.index - 1]);
    return {0: text, index: m.index, length: text.length};
  });
}

/** @param {string} text @param {string} [before] the character before it */
function trimmed(text, before) {
  // Quoted in plain apostrophes, it ends with the second one.
  const quoted = before === "'" ? text.indexOf("'") : -1;
  if (quoted > 0) text = text.slice(0, quoted);
  text = balanced(text);
  for (;;) {
    const last = text.at(-1) ?? '';
    const open = pairs[last];
    if (open ? count(text, last) <= count(text, open) : !closing.test(last)) return text;
    text = text.slice(0, -1);
  }
}

/** Ends text before a bracket that it did not open: [title](address) or (see address), and more. */
function balanced(text) {
  const open = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '(' || c === '[' || c === '{') open.push(c);
    else if (pairs[c] && open.pop() !== pairs[c]) return text.slice(0, i);
  }
  return text;
}

const count = (s, c) => s.split(c).length;

function anchor(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  if (url.username || url.password) return null; // it looks like another host's
  const a = el('a', '', text);
  a.href = url.href;
  a.target = '_blank';
  a.rel = 'noopener noreferrer nofollow';
  return a;
}
