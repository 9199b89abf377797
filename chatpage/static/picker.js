// The picker of a reaction: the user's frequent emoji and some common ones, with a search by their English names. Its data is
// loaded when it is opened first.

import {closePop, pop, sheet} from './menu.js';
import {frequentEmoji} from './store.js';
import {el} from './text.js';

const columns = 8; // also in actions.css

/** @typedef {{emoji: string, name: string, words: string}} Emoji */

/** @type {Promise<[string, Emoji[]][]>|null} */ let loaded = null;

/** @returns {Promise<[string, Emoji[]][]>} by group */
async function load() {
  const {groups} = await import('./emoji.js');
  return groups.map(([group, list]) => [group, list.split(/; |\n/).map((line) => {
    const [first, words = ''] = line.split('|'), space = first.indexOf(' '), name = first.slice(space + 1);
    return {emoji: first.slice(0, space), name, words: ` ${name} ${words}`};
  })]);
}

/** Tells fn the names of all emoji, or failed that they cannot be loaded now. @param {(names: Map<string, string>) => void} fn @param {() => void} failed */
export function withNames(fn, failed) {
  (loaded ??= load()).then((groups) => fn(new Map(groups.flatMap(([, list]) => list.map(({emoji, name}) => [emoji, name])))), () => {
    loaded = null;
    failed();
  });
  return true;
}

/** Opens the picker beside anchor. @param {Element} anchor @param {import('./menu.js').Back} back
 * @param {(emoji: string) => void} choose */
export async function openPicker(anchor, back, choose) {
  const search = el('input'), grid = el('div', 'emoji-grid'), name = el('p', 'emoji-name'), box = el('div', 'picker', search, grid, name);
  box.role = 'dialog';
  box.ariaLabel = 'Add a reaction';
  Object.assign(search, {type: 'search', placeholder: 'Search…', ariaLabel: 'Search emoji by name', maxLength: 40, autocomplete: 'off', spellcheck: false});
  grid.role = 'grid';
  grid.ariaLabel = 'Emoji';
  name.ariaHidden = 'true'; // the buttons have it
  pop(box, anchor, back);
  if (!sheet.matches) search.focus({preventScroll: true}); // which would bring up the keyboard
  loaded ??= load();
  let groups;
  try {
    groups = await loaded;
  } catch {
    loaded = null;
    name.textContent = 'The list of emoji cannot be loaded now.';
    groups = /** @type {[string, Emoji[]][]} */ ([]);
  }
  const all = groups.flatMap(([, list]) => list), names = new Map(all.map((e) => [e.emoji, e]));
  const frequent = frequentEmoji(2 * columns).map((emoji) => names.get(emoji) ?? {emoji, name: emoji, words: ''});
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter((w) => w), found = all.filter((e) => words.every((w) => e.words.includes(` ${w}`)));
    found.sort((a, b) => Number(b.name === words[0]) - Number(a.name === words[0]));
    grid.replaceChildren(...(words.length > 0 ? [part(`${found.length} found`, found)] : [part('Often used', frequent), ...groups.map(([title, list]) => part(title, list))]));
    if (words.length > 0 && found.length === 0) grid.replaceChildren(el('p', 'nothing', 'No emoji of that name'));
    const first = grid.querySelector('button');
    if (first) first.tabIndex = 0;
    grid.scrollTop = 0;
  };
  show();
  search.addEventListener('input', show);
  const take = (button) => {
    closePop();
    choose(button.dataset.emoji);
  };
  grid.addEventListener('click', (e) => {
    const b = /** @type {Element} */ (e.target).closest('button');
    if (b) take(b);
  });
  for (const type of ['focusin', 'pointerover']) grid.addEventListener(type, (e) => (name.textContent = (/** @type {Element} */ (e.target)).closest('button')?.ariaLabel ?? ''));
  box.addEventListener('keydown', (e) => key(e, search, grid, take));
}

/** @param {string} title @param {Emoji[]} list */
function part(title, list) {
  const rows = [];
  for (let i = 0; i < list.length; i += columns) {
    const row = el('div', 'emoji-row', ...list.slice(i, i + columns).map(({emoji, name}) => {
      const b = el('button', 'emoji-cell', emoji), cell = el('span', '', b);
      cell.role = 'gridcell';
      b.type = 'button';
      b.tabIndex = -1;
      b.ariaLabel = name;
      b.dataset.emoji = emoji;
      return cell;
    }));
    row.role = 'row';
    rows.push(row);
  }
  const group = el('div', 'emoji-part', el('p', 'emoji-title', title), ...rows);
  group.role = 'rowgroup';
  group.ariaLabel = title;
  return group;
}

/** @param {KeyboardEvent} e @param {HTMLInputElement} search @param {HTMLElement} grid @param {(button: HTMLElement) => void} take */
function key(e, search, grid, take) {
  if (e.isComposing || e.keyCode === 229) return;
  const cells = [...grid.querySelectorAll('button')], at = cells.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  if (at < 0) {
    if (e.key === 'Enter' && cells[0]) take(cells[0]);
    else if (e.key === 'ArrowDown') cells[0]?.focus();
    else return;
    return e.preventDefault();
  }
  const rtl = getComputedStyle(grid).direction === 'rtl', rows = [...grid.querySelectorAll('.emoji-row')];
  const row = rows.findIndex((r) => r.contains(cells[at])), column = [...rows[row].querySelectorAll('button')].indexOf(cells[at]);
  const below = (step) => [...rows[row + step]?.querySelectorAll('button') ?? []];
  let to = null;
  switch (e.key) {
    case 'ArrowRight':
    case 'ArrowLeft': to = cells[at + ((e.key === 'ArrowRight') !== rtl ? 1 : -1)]; break;
    case 'ArrowDown': to = below(1)[column] ?? below(1).at(-1); break;
    case 'ArrowUp': to = row === 0 ? search : below(-1)[column] ?? below(-1).at(-1); break;
    case 'Home': to = cells[0]; break;
    case 'End': to = cells.at(-1); break;
    default:
      if (e.key.length === 1 && e.key !== ' ' && !e.ctrlKey && !e.metaKey && !e.altKey) search.focus(); // and writes there
      return;
  }
  e.preventDefault();
  if (!to) return;
  cells[at].tabIndex = -1;
  if (to !== search) to.tabIndex = 0;
  else cells[0].tabIndex = 0;
  to.focus();
}
