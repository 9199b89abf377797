// Entries of the list by their elements, their neighbours, and their offsets.

/** @typedef {import('./list.js').List} List */

const told = 2000; // milliseconds that an entry is marked for

/** The entry that an element of the list shows. @param {List} list @param {Element|null} node */
export const entryOf = (list, node) => list.entries.findLast((e) => e.node === node);

/** The next message, or the one before. @param {List} list @param {object} entry @param {1|-1} step */
export function beside(list, entry, step) {
  const all = list.entries;
  for (let i = all.indexOf(entry) + step; i >= 0 && i < all.length; i += step) if (all[i].kind === 'message') return all[i];
  return null;
}

/** The user's newest message that may be changed. @param {List} list @param {(entry: object) => boolean} may */
export const newest = (list, may) => list.entries.findLast((e) => e.kind === 'message' && may(e));

/** The entry of the message at an offset: older ones are loaded until it is there. @param {List} list @param {number} offset
 * @returns {Promise<object|undefined>} */
export async function seek(list, offset) {
  for (;;) {
    const entry = list.at(offset);
    if (entry || list.oldest < offset) return entry;
    if (!(await list.older())) return list.at(offset);
  }
}

/** Brings an entry into view, and gives it the focus. @param {List} list @param {object} entry @param {boolean} mark whether it is
 * shown which one it is */
export function reveal(list, entry, mark) {
  list.bring(entry);
  const msg = /** @type {HTMLElement|null} */ (entry.node?.querySelector('.msg'));
  if (!msg) return;
  msg.focus({preventScroll: true});
  msg.scrollIntoView({block: mark ? 'center' : 'nearest'});
  if (!mark) return;
  const {node} = entry;
  node.classList.remove('found');
  void node.offsetWidth; // so that the animation begins anew
  node.classList.add('found');
  setTimeout(() => node.classList.remove('found'), told);
}
