// Addresses in messages. They end where readers think that they end, whatever script
// is around them: https://example.com/it's_(here), but not the 。 or ” after it.

import {el} from './text.js';

// Not white space, controls and what does not show; < > " ` and the quotes and brackets of all scripts, which are
// around an address and not in it; the stops of scripts that put no space after them. An apostrophe may be inside.
const address = /(?<![A-Za-z0-9])https?:\/\/(?:[^\s\p{C}<>"`\p{Pi}\p{Pf}„‚〝〞〟＂＇＜＞「」『』【】〔〕〖〗〘〙〚〛《》〈〉（）［］｛｝｟｠｢｣。．、，；：！？｡､…‥،؛؟۔।॥။၊።፣፤፥፦፧᠂᠃։]|’(?=[\p{L}\p{N}]{2}))+/giu;
// Where a second one begins without anything between them. After a slash or an equals sign it is a part of the first.
const glued = /(?<=[\p{L}\p{N}])(?=https?:\/\/)/iu;
// What ends a sentence or a clause, or marks up text, and so is not the address's at its end.
const closing = /(?![/@&%#])[\p{Po}*_~'|\\^]/u;
const pairs = {')': '(', ']': '[', '}': '{'};

/** @param {string} s @returns {{0: string, index: number, length: number}[]} the addresses in s, and where they are */
export function addresses(s) {
  return [...s.matchAll(address)].flatMap((m) => {
    let {index} = m;
    return m[0].split(glued).map((part) => {
      const text = trimmed(part, s[index - 1]), found = {0: text, index, length: text.length};
      index += part.length;
      return found;
    });
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

const mail = /^mailto:[^\s?@]+@[^\s?@]+$/i; // no subject or text that others have written
const host = /[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}/giu; // in a text, such as example.com

/** The address that text is, or null. @param {string} text @returns {URL|null} */
function parsed(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  return url.username || url.password ? null : url; // it would look like another host's
}

/** Where a link with another text than its address leads; '' if it must not be a link, for example because its text
 * names another host. @param {string} to @param {string} text */
export function destination(to, text) {
  if (mail.test(to)) return to;
  const url = /^https?:\/\//i.test(to) ? parsed(to) : null;
  if (!url) return '';
  const bare = (name) => name.toLowerCase().replace(/^www\./, '');
  return (text.match(host) ?? []).every((name) => bare(name) === bare(url.hostname)) ? url.href : '';
}

/** A link to where an address in a text leads; the text if that is nowhere. @param {string} text */
export function linked(text) {
  const url = parsed(text);
  return url ? linkTo(url.href, text) : text;
}

/** @param {string} href @param {...(Node|string)} children */
export function linkTo(href, ...children) {
  const a = el('a', '', ...children);
  a.href = href;
  a.target = '_blank';
  a.rel = 'noopener noreferrer nofollow';
  return a;
}
