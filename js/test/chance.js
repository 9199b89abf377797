// Chance that can be repeated, and time that passes quickly.

import {leftover} from './server.js';

/** @param {number} seed @returns numbers from 0 to 1 (mulberry32); `of` takes one of a list */
export function seeded(seed) {
  let state = seed * 0x9e3779b9 >>> 0;
  const random = () => {
    state = state + 0x6d2b79f5 >>> 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
  return Object.assign(random, {of: (all) => all[Math.floor(random() * all.length)]});
}

/** Lets time pass so many times as fast for the client, which waits up to minutes. @param {number} times
 * @returns {() => void} what ends it */
export function hurry(times) {
  const own = {setTimeout, setInterval}, {now} = performance, from = now.call(performance);
  performance.now = () => from + times * (now.call(performance) - from);
  globalThis.setTimeout = (fn, ms, ...args) => own.setTimeout(fn, ms / times, ...args);
  globalThis.setInterval = (fn, ms, ...args) => own.setInterval(fn, ms / times, ...args);
  const end = () => {
    if (!Object.hasOwn(globalThis, 'setTimeout')) return;
    Object.assign(globalThis, own);
    const ahead = performance.now() - now.call(performance);
    performance.now = () => now.call(performance) + ahead; // it does not go back
  };
  leftover(() => {
    end();
    performance.now = now;
  });
  return end;
}
