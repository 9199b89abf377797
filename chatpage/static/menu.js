// Menus and what else opens over the page beside what it belongs to. One is open at most.

import {$, el} from './text.js';

export const sheet = matchMedia('(max-width: 46rem) and (hover: none)');
const margin = 8;
/** @typedef {HTMLElement|(() => HTMLElement|null)|null} Back what gets the focus when something closes: a function finds what may be drawn anew */
/** @type {{box: HTMLElement, back: Back}|null} */ let open = null;

/** Opens box beside anchor. @param {HTMLElement} box @param {Element} anchor what it belongs to @param {Back} back */
export function pop(box, anchor, back) {
  closePop(false);
  box.classList.add('pop');
  $('main').append(box); // a part of the page that a screen reader can find
  open = {box, back};
  place(box, anchor.getBoundingClientRect());
  box.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape' && e.key !== 'Tab') return;
    if (e.key === 'Tab' && box.getAttribute('role') === 'dialog') return trap(box, e);
    e.preventDefault();
    e.stopPropagation();
    closePop();
  });
}

/** @param {HTMLElement} box @param {DOMRect} at */
function place(box, at) {
  box.classList.toggle('sheet', sheet.matches);
  if (sheet.matches) return;
  const {width, height} = box.getBoundingClientRect(), view = document.documentElement;
  const rtl = getComputedStyle(view).direction === 'rtl';
  const left = rtl ? at.left : at.right - width;
  const below = at.bottom + 4, above = at.top - height - 4;
  const top = below + height > view.clientHeight - margin && above > margin ? above : below;
  box.style.left = `${Math.max(margin, Math.min(left, view.clientWidth - width - margin))}px`;
  box.style.top = `${Math.max(margin, Math.min(top, view.clientHeight - height - margin))}px`;
}

/** @param {HTMLElement} box @param {KeyboardEvent} e */
function trap(box, e) {
  const all = /** @type {HTMLElement[]} */ ([...box.querySelectorAll('input, button:not([tabindex="-1"])')]), end = e.shiftKey ? 0 : -1;
  if (document.activeElement !== all.at(end)) return;
  e.preventDefault();
  all.at(-1 - end)?.focus();
}

/** @param {boolean} [focus] whether what opened it gets the focus back */
export function closePop(focus = true) {
  const was = open;
  open = null;
  was?.box.remove();
  const back = focus && (typeof was?.back === 'function' ? was.back() : was?.back);
  if (back && back.isConnected) back.focus({preventScroll: true});
}

addEventListener('pointerdown', (e) => open && !open.box.contains(/** @type {Node} */ (e.target)) && closePop(false), true);
addEventListener('hashchange', () => closePop(false));
addEventListener('resize', () => sheet.matches || closePop(false)); // a sheet stays where it is, also above a keyboard that comes up

/** @typedef {{label: string, icon?: string, hint?: string, bad?: boolean, small?: boolean, run: () => void}} Item
 *   small: stands beside the others that are */

/** Opens a menu (ARIA Authoring Practices, menu pattern). @param {string} label @param {Item[]} items @param {Element} anchor
 * @param {Back} back */
export function menu(label, items, anchor, back) {
  const box = el('div', 'menu');
  box.role = 'menu';
  box.ariaLabel = label;
  const buttons = items.map((item) => button(item));
  const small = buttons.filter((_, i) => items[i].small);
  if (small.length > 0) {
    const row = el('div', 'row-of', ...small);
    row.role = 'group';
    row.ariaLabel = 'Reactions';
    box.append(row);
  }
  box.append(...buttons.filter((_, i) => !items[i].small));
  box.addEventListener('keydown', (e) => {
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)), n = buttons.length;
    const rtl = getComputedStyle(box).direction === 'rtl';
    const forward = e.key === 'ArrowDown' || e.key === (rtl ? 'ArrowLeft' : 'ArrowRight'), backward = e.key === 'ArrowUp' || e.key === (rtl ? 'ArrowRight' : 'ArrowLeft');
    let to = forward ? (at + 1) % n : backward ? (at + n - 1) % n : e.key === 'Home' ? 0 : e.key === 'End' ? n - 1 : -1;
    if (to < 0 && /^\p{L}$/u.test(e.key) && !e.ctrlKey && !e.metaKey) {
      for (let i = 1; i <= n && to < 0; i++) if (items[(at + i) % n].label.toLowerCase().startsWith(e.key.toLowerCase())) to = (at + i) % n;
    }
    if (to < 0) return;
    e.preventDefault();
    buttons[to].focus();
  });
  pop(box, anchor, back);
  buttons[0].focus({preventScroll: true});
}

/** @param {Item} item */
function button({label, icon, hint, bad, small, run}) {
  const b = el('button', `item${bad ? ' bad' : ''}${small ? ' small' : ''}`);
  b.type = 'button';
  b.role = 'menuitem';
  b.tabIndex = -1;
  if (icon) b.append(drawing(icon));
  b.append(small && !icon ? label : el('span', small ? 'quiet' : '', label));
  if (hint) {
    const key = el('kbd', '', hint);
    key.ariaHidden = 'true'; // it is no part of the name
    b.setAttribute('aria-keyshortcuts', hint === 'Del' ? 'Delete' : hint);
    b.append(key);
  }
  if (small) b.title = b.ariaLabel = icon ? label : `React with ${label}`;
  b.addEventListener('click', () => {
    closePop();
    run();
  });
  return b;
}

/** @param {string} path of an icon of 20 by 20 */
function drawing(path) {
  const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg'), p = document.createElementNS(ns, 'path');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  p.setAttribute('d', path);
  svg.append(p);
  return svg;
}
