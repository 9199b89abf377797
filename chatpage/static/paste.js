// Code that is pasted into the message box stays code: several lines of it get a fence.

import {parse} from './markdown.js';

const fromEditor = /<pre[\s>]|vscode|data-vscode|font-family:[^;"]*(?:mono|Consolas|Menlo|Courier)/i;

/** Whether a text of several lines is code, as far as its signs say. @param {string} text */
function looksLikeCode(text) {
  const lines = text.split('\n').filter((line) => line.trim());
  const indented = lines.filter((line) => /^(?:\t| {2,})\S/.test(line) && !/^\s*(?:[-*]|\d+[.)])\s/.test(line)).length;
  const signs = lines.filter((line) => /[;{}]\s*$|^\s*(?:}|<\/|#include|import |from \S+ import |func |def |class |const |let |var |return\b|if \(|for \(|SELECT )|=>|:=|\)\s*{|\w\(.*\)[;:]?$/.test(line)).length;
  return signs * 2 >= lines.length || (indented > 0 && signs > 0);
}

/** What is to be inserted for a pasted text; null: the text itself. @param {{text: string, html: string}} pasted
 * @param {string} before the text before it in the box @param {string} after */
export function fenced({text, html}, before, after) {
  const body = text.replaceAll('\r\n', '\n').replace(/^\n+|\s+$/g, '');
  if (!body.includes('\n') || !(fromEditor.test(html) || looksLikeCode(body))) return null;
  if (inFence(before) || parse(body).some((node) => node.type === 'pre')) return null;
  let fence = '```';
  while (body.includes(fence)) fence += '`';
  return `${before && !before.endsWith('\n') ? '\n' : ''}${fence}\n${body}\n${fence}${after.startsWith('\n') ? '' : '\n'}`;
}

/** Whether the end of a text is within an open fence. @param {string} before */
function inFence(before) {
  const last = parse(`${before}\u0000`).at(-1);
  return last?.type === 'pre' && last.text.endsWith('\u0000');
}
