// The place of the messages in the document, which the lists of all rooms share: one is shown at a time.
// Whatever changes, what the reader looks at does not move.

import {redate} from './render.js';
import {zoneChanged} from './text.js';

export class Viewport {
  #scroller; #box; #top; #was = 0; #quiet; #shown = new AbortController(); #resized = () => {};

  /** @param {{scroller: HTMLElement, box: HTMLElement, top: HTMLElement}} places top: what is before the messages */
  constructor({scroller, box, top}) {
    this.#scroller = scroller;
    this.#box = box;
    this.#top = top;
    const sizes = new ResizeObserver(() => this.#resized());
    for (const e of [scroller, box]) sizes.observe(e);
  }

  get box() { return this.#box; }

  /** How many pixels are below what is in view. */
  get below() { return this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight; }

  get scrollTop() { return this.#scroller.scrollTop; }

  /** The upper edge of what is in view. */
  get edge() { return this.#scroller.getBoundingClientRect().top; }

  /** Whether the reader has scrolled up since the last call. */
  wentUp() {
    const up = this.scrollTop < this.#was;
    this.#was = this.scrollTop;
    return up;
  }

  set title(text) { this.#top.textContent = text; }

  /** Belongs to another list from here on.
   * @param {{scrolled: () => void, resized: () => void, unfolded: () => void, redraw: () => void}} list */
  listen({scrolled, resized, unfolded, redraw}) {
    this.release();
    const {signal} = this.#shown = new AbortController();
    this.#resized = resized;
    this.#scroller.addEventListener('scroll', scrolled, {passive: true, signal});
    // Who unfolds a long message reads it from where it begins.
    this.#box.addEventListener('click', (e) => (/** @type {Element} */ (e.target).closest('.more')) && unfolded(), {capture: true, signal});
    const timer = setInterval(() => (zoneChanged() ? redraw() : redate(this.#box)), 30_000);
    signal.addEventListener('abort', () => clearInterval(timer));
    addEventListener('visibilitychange', () => document.hidden || (zoneChanged() && redraw()), {signal});
  }

  /** Belongs to no list. */
  release() {
    this.#shown.abort();
    this.#resized = () => {};
  }

  toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#was = this.scrollTop;
  }

  /** The first element in view, and how far its lower edge is below the upper edge of the view.
   * @returns {{node: Element|null, at: number}} */
  get anchor() {
    const {edge} = this;
    let node = this.#box.firstElementChild;
    while (node && node.getBoundingClientRect().bottom <= edge) node = node.nextElementSibling;
    return {node, at: node ? node.getBoundingClientRect().bottom - edge : 0};
  }

  /** Scrolls until an element is where it was. @param {Element|null|undefined} node @param {number} at as of anchor */
  restore(node, at) {
    if (node?.isConnected) this.#scroller.scrollTop += node.getBoundingClientRect().bottom - this.edge - at;
    this.#was = this.scrollTop;
  }

  /** Does fn without moving what is in view. @param {() => void} fn */
  keep(fn) {
    const {node, at} = this.anchor;
    fn();
    this.restore(node, at);
  }

  /** Keeps screen readers from reading out what is not new. */
  hush() {
    this.#box.setAttribute('aria-busy', 'true');
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#box.removeAttribute('aria-busy'), 500);
  }
}
