// The rules of axe-core.

import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The violations of the rules in the page as it is now. The script comes through the debugger, so the page's
 * Content-Security-Policy stays as it is. @param {string[]} [rules] only these */
export async function violations(page, rules) {
  await page.evaluate(`window.axe ?? (() => {${source}})()`);
  const runOnly = rules ? {type: 'rule', values: rules} : {type: 'tag', values: tags};
  const {violations} = await page.evaluate((runOnly) => axe.run(document, {runOnly, resultTypes: ['violations']}), runOnly);
  return violations.flatMap(({id, nodes}) => nodes.map((n) => `${id}: ${n.target.join(' ')}: ${n.failureSummary.replace(/\s+/g, ' ')}`));
}

/** The violations in light and dark, wide and narrow, each with the words that say where. */
export async function violationsEverywhere(page) {
  const found = [];
  for (const [width, height] of [[1280, 800], [390, 800]]) {
    await page.setViewportSize({width, height});
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({colorScheme, reducedMotion: 'reduce'});
      // In the dark only the colors are others.
      const some = await violations(page, colorScheme === 'dark' ? ['color-contrast'] : undefined);
      found.push(...some.map((s) => `${colorScheme}, ${width} pixels wide: ${s}`));
    }
  }
  return found;
}
