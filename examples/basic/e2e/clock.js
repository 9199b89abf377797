// The time of a test that plays it, in place of Node's own.

import {afterEach} from 'node:test';

const own = {
  setTimeout, clearTimeout, setInterval, clearInterval, now: performance.now,
};
const immediate = globalThis.setImmediate;

/** What was caused by now has happened: promises, and messages of streams. */
export const settled = async () => {
  for (let i = 0; i < 5; i++) await new Promise((r) => immediate(r));
};

/** Replaces timers and performance.now until the end of the test. */
export function install() {
  let at = 1000, n = 0;
  const timers = new Map();
  const set = (fn, ms, every) => {
    timers.set(++n, {id: n, fn, due: at + Math.max(1, ms || 0), every});
    return n;
  };
  globalThis.setTimeout = (fn, ms) => set(fn, ms, 0);
  globalThis.setInterval = (fn, ms) => set(fn, ms, ms);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => void timers.delete(id);
  performance.now = () => at;
  const next = (until) => [...timers.values()].filter((t) => t.due <= until).sort((a, b) => a.due - b.due || a.id - b.id)[0];
  const fire = (t) => {
    if (t.every) t.due = at + t.every;
    else timers.delete(t.id);
    t.fn();
  };
  return {
    /** Lets ms go by, with everything that is due in them. */
    async runFor(ms) {
      const end = at + ms;
      await settled();
      for (let t = next(end); t; t = next(end)) {
        at = Math.max(at, t.due);
        fire(t);
        await settled();
      }
      at = end;
    },
    /** Lets ms go by as a computer does that sleeps: what was due meanwhile comes once, afterwards. */
    async fastForward(ms) {
      at += ms;
      for (const t of [...timers.values()].filter(({due}) => due <= at).sort((a, b) => a.due - b.due)) {
        if (timers.has(t.id)) fire(t);
      }
      await settled();
    },
  };
}

export function uninstall() {
  const {now, ...timers} = own;
  Object.assign(globalThis, timers);
  performance.now = now;
}

afterEach(uninstall);
