// The fake time of a test, in place of Node's own.

import {afterEach} from 'node:test';

const own = {
  setTimeout, clearTimeout, setInterval, clearInterval, now: performance.now,
};
const immediate = globalThis.setImmediate;

/** Waits until everything that is already caused has happened: promises, and messages of streams. */
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
    /** How many timers there are. */
    planned: () => timers.size,
    /** Lets ms pass, and runs every timer that is due. */
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
    /** Lets ms pass as in a computer that sleeps: each timer that was due runs once, afterwards. */
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
