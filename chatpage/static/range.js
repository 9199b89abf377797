// The part of the entries that is in the document.

import {render} from './render.js';

/** The elements of entries[from:to]. @param {any[]} entries @param {number} from @param {number} to */
export function draw(entries, from, to) {
  const part = document.createDocumentFragment();
  for (let i = from; i < to; i++) part.append(render(entries[i], entries[i - 1]));
  return part;
}

/** Makes entries[to.first:to.end] the elements of box, which were those of entries[was.first:was.end].
 * @param {HTMLElement} box @param {any[]} entries @param {{first: number, end: number}} was @param {{first: number, end: number}} to */
export function swap(box, entries, was, {first, end}) {
  const drop = (from, to) => {
    for (let i = from; i < to; i++) {
      entries[i].node?.remove();
      entries[i].node = null;
    }
  };
  if (first >= was.end || end <= was.first) {
    drop(was.first, was.end);
    box.replaceChildren(draw(entries, first, end));
    return;
  }
  drop(was.first, first);
  drop(end, was.end);
  if (first < was.first) box.prepend(draw(entries, first, was.first));
  if (end > was.end) box.append(draw(entries, was.end, end));
}
