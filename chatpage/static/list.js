// The list of messages. All entries are kept, but only some hundred around what is seen are in the document,
// so a room of many thousands stays quick. Whatever changes, what the reader looks at does not move.

import {draw, swap} from './range.js';
import {render} from './render.js';

const most = 300; // elements
const fewest = 150; // what is left of them when the oldest are taken away
const chunk = 75; // entries added or removed together while scrolling
const near = 800; // pixels from an edge at which more is shown
const kept = 20_000; // entries in memory
const keptHidden = 500; // of a room that is not in view

export class List {
  #entries = []; #first = 0; #end = 0; // entries[first:end] are in the document
  #keys = new Map(); #log = 0; // to messages: which log, and offset in it
  #olderAt = 0; #older = false; #generation = 0; #title = '';
  /** @type {Promise<boolean>|null} */ #loading = null;
  #queued = false; #marked = null; #hooks; #view;
  #shown = false; #place = {entry: null, at: 0}; // where the reader was when it was hidden

  /** Whether the reader is at the end, and the list follows it. */
  pinned = true;

  /** @param {import('./viewport.js').Viewport} view
   * @param {{load: (before?: number) => Promise<any>, entry: (m: any) => any, moved: () => void, start: (oldest: number) => string}} hooks */
  constructor(view, hooks) {
    this.#view = view;
    this.#hooks = hooks;
  }

  /** Comes into view, where the reader was. */
  show() {
    this.#shown = true;
    this.#view.listen({
      scrolled: () => this.#scrolled(),
      resized: () => this.pinned && this.#view.toEnd(),
      unfolded: () => this.#leave(), redraw: () => this.redraw(),
    });
    this.#view.hush();
    this.#view.title = this.#title;
    const {entry, at} = this.#place, i = this.#entries.indexOf(entry);
    this.pinned ||= i < 0;
    if (this.pinned) this.#flush();
    else {
      this.#show(Math.max(0, i - chunk), Math.min(this.#entries.length, i - chunk + most));
      this.#view.restore(entry.node, at);
    }
    this.#scrolled();
  }

  /** Goes out of the document. What comes meanwhile is there later. */
  hide() {
    const {node, at} = this.#view.anchor;
    this.#place = {entry: this.#entries.find((e) => e.node && e.node === node), at};
    this.#show(0, 0);
    this.#shown = false;
    this.#view.release();
  }

  /** How many pixels are below what is in view. */
  get below() { return this.#view.below; }
  get last() { return this.#entries.at(-1); }
  /** The entry of the message at an offset, if there is one. */
  at(offset) { return this.#keys.get(`${this.#log}:${offset}`); }

  /** The offset from which on all messages are there, up to the end. */
  get oldest() { return this.#entries.slice(this.#olderAt).find((e) => e.kind === 'message')?.m.offset ?? Infinity; }

  get entries() { return this.#entries; } // oldest first

  /** Makes an entry be in the document, and lets the list stay there. */
  bring(entry) {
    const i = this.#entries.indexOf(entry);
    this.#leave();
    if (i < 0 || entry.node) return;
    this.#hush();
    this.#show(Math.max(0, i - chunk), Math.min(this.#entries.length, i + chunk));
  }

  /** Stops following the end, unless it is still in view when what the user does is done. */
  #leave() {
    this.pinned = false;
    setTimeout(() => this.#scrolled());
  }

  /** Older messages may be had from here on: after what is there if there was a gap. */
  mayHaveOlder() {
    this.#older = true;
    setTimeout(() => this.#askOlder(), 200); // when the newest have come
  }

  /** Adds an entry at the end; reports false if it is there already. */
  add(entry, quiet = false) {
    if (entry.kind === 'message' && !this.#note(entry)) return false;
    if (quiet) this.#hush();
    let at = this.#entries.length;
    if (quiet && entry.kind === 'message') { // what was missed stands before what was written after it
      while (at > 0 && this.#entries[at - 1].kind === 'pending' && this.#entries[at - 1].date > entry.date) at--;
    }
    if (at === this.#entries.length) this.#entries.push(entry);
    else this.#insertAt(at, [entry]);
    this.#queue();
    return true;
  }

  /** Takes an entry away. */
  remove(entry) {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return;
    this.#keys.delete(entry.key);
    this.#keep(() => {
      entry.node?.remove();
      entry.node = null;
      this.#entries.splice(at, 1);
      if (at < this.#first) this.#first--;
      if (at < this.#end) this.#end--;
      if (at < this.#olderAt) this.#olderAt--;
      if (this.#entries[at]?.node) render(this.#entries[at], this.#entries[at - 1]);
    });
  }

  /** Shows one entry anew after it changed, or all. */
  redraw(entry = null) {
    const from = entry ? this.#entries.indexOf(entry) : 0;
    this.#keep(() => {
      for (let i = Math.max(from, 0); i < (entry ? from + 1 : this.#end); i++) {
        if (this.#entries[i].node) render(this.#entries[i], this.#entries[i - 1]);
      }
    });
  }

  /** Says that something may be missing here. What comes belongs to another log if reset is true. */
  gap(entry, reset) {
    if (reset) this.#log++;
    this.add(entry);
    this.#olderAt = this.#entries.length;
    this.mayHaveOlder();
  }

  /** Puts the line "New" before entry, and nowhere else; null takes it away. */
  mark(entry) {
    const old = this.#marked;
    if (old === entry) return;
    this.#marked = entry;
    if (old) old.mark = false;
    if (entry) entry.mark = true;
    for (const e of [old, entry]) {
      const i = e?.node ? this.#entries.indexOf(e) : -1;
      if (i < 0) continue;
      this.#keep(() => render(e, this.#entries[i - 1]));
    }
  }

  toEnd() {
    this.pinned = true;
    this.#flush();
    this.#hooks.moved();
  }

  #note(entry) {
    entry.key = `${this.#log}:${entry.m.offset}`;
    return !this.#keys.has(entry.key) && !!this.#keys.set(entry.key, entry);
  }

  #queue() {
    if (!this.#shown && this.pinned && this.#entries.length > 2 * keptHidden) this.#forget(this.#entries.length - keptHidden);
    if (!this.#shown || this.#queued) return;
    this.#queued = true;
    const flush = () => {
      this.#queued = false;
      if (this.#shown) this.#flush();
    };
    if (document.hidden) setTimeout(flush, 50); // there are no animation frames
    else requestAnimationFrame(flush);
  }

  #flush() {
    const n = this.#entries.length;
    if (n > kept && this.pinned) this.#forget(n - kept + kept / 4);
    const end = this.#entries.length;
    if (!this.pinned) {
      this.#keep(() => this.#show(this.#first, Math.min(end, Math.max(this.#end, this.#first + most))));
      return;
    }
    this.#show(end - this.#first > most ? end - fewest : this.#first, end);
    this.#view.toEnd();
  }

  /** Drops the oldest entries. The server may still have them. */
  #forget(n) {
    this.#show(Math.max(n, this.#first), Math.max(n, this.#end));
    for (const e of this.#entries.splice(0, n)) this.#keys.delete(e.key);
    this.#first = Math.max(0, this.#first - n);
    this.#end = Math.max(0, this.#end - n);
    if (this.#olderAt <= n) this.#older = true;
    this.#generation++; // what is being loaded goes before what is gone
    this.#loading = null;
    this.#olderAt = Math.max(0, this.#olderAt - n);
    this.#entitle('');
  }

  /** Says what is before the messages. */
  #entitle(text) {
    this.#title = text;
    if (this.#shown) this.#view.title = text;
  }

  /** Makes entries[first:end] the ones in the document. */
  #show(first, end) {
    if (!this.#shown) return;
    swap(this.#view.box, this.#entries, {first: this.#first, end: this.#end}, {first, end});
    this.#first = first;
    this.#end = end;
  }

  /** Does fn without moving what is in view. */
  #keep(fn) {
    if (!this.#shown) return fn();
    if (!this.pinned) return this.#view.keep(fn);
    fn();
    this.#view.toEnd();
  }

  #hush() { if (this.#shown) this.#view.hush(); }

  #scrolled() {
    const {scrollTop, below} = this.#view, wentUp = this.#view.wentUp(), all = this.#entries.length;
    // Only who scrolls up leaves the end; it may also move away by growing.
    if (below < 40) this.pinned ||= this.#end === all;
    else if (wentUp) this.pinned = false;
    if (scrollTop < near && this.#first > 0) {
      this.#hush();
      const first = Math.max(0, this.#first - chunk);
      this.pinned = false;
      this.#keep(() => this.#show(first, Math.min(this.#end, first + most)));
    } else if (below < near && this.#end < all) {
      this.#hush();
      const end = Math.min(all, this.#end + chunk);
      this.#keep(() => this.#show(Math.max(this.#first, end - most), end));
    }
    this.#askOlder();
    this.#hooks.moved();
  }

  /** Loads older messages if the place for them is in view or nearly so. */
  async #askOlder() {
    const at = this.#olderAt;
    if (!this.#shown || this.#loading || at < this.#first || at > this.#end) return;
    const edge = this.#entries[at]?.node?.getBoundingClientRect().top ?? this.#view.box.getBoundingClientRect().bottom;
    if (edge >= this.#view.edge - near && await this.older()) this.#askOlder();
  }

  /** Loads older messages. @returns {Promise<boolean>} false if there are none, or the connection is lost: welcome or scrolling asks again */
  older() {
    return this.#older ? this.#loading ??= this.#load() : Promise.resolve(false);
  }

  async #load() {
    const at = this.#olderAt, generation = this.#generation;
    const page = await this.#hooks.load(Number.isFinite(this.oldest) ? this.oldest : undefined).catch(() => null);
    if (generation !== this.#generation) return false;
    this.#loading = null;
    if (!page) return false;
    if (at === this.#olderAt) this.#insert(page);
    return true;
  }

  #insert(page) {
    const at = this.#olderAt;
    const older = page.messages.map((m) => this.#hooks.entry(m)).filter((e) => this.#note(e));
    this.#older = page.more && older.length > 0;
    this.#hush();
    this.#insertAt(at, older);
    if (!this.#older && at === 0) this.#keep(() => this.#entitle(this.#hooks.start(page.first)));
    if (this.pinned) this.#queue();
    else if (this.#end - this.#first > most) this.#keep(() => this.#show(this.#first, this.#first + most));
  }

  /** Puts entries in at an index, and into the document if that is there. */
  #insertAt(at, added) {
    if (added.length === 0) return;
    this.#entries.splice(at, 0, ...added);
    if (!this.#shown) return;
    this.#keep(() => {
      if (at < this.#first) this.#first += added.length; // out of sight by now
      else if (at <= this.#end) this.#put(at, added);
      if (at <= this.#end) this.#end += added.length;
    });
  }

  /** Puts new entries, which begin at index at, into the document. */
  #put(at, added) {
    const next = this.#entries[at + added.length];
    this.#view.box.insertBefore(draw(this.#entries, at, at + added.length), next?.node ?? null);
    if (next?.node) render(next, this.#entries[at + added.length - 1]);
  }
}
