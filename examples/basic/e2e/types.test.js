// The types in the JSDoc comments of the page's files, which editors use.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {cpSync, mkdtempSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {test} from 'node:test';

test('types', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'chat-types-'));
  t.after(() => rmSync(dir, {recursive: true, force: true}));
  for (const files of ['chatpage/static', 'js/src']) cpSync(path.resolve(import.meta.dirname, '../../..', files), dir, {recursive: true});
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const out = await new Promise((resolve) => {
    execFile(process.execPath, [tsc, '--noEmit', '--skipLibCheck', '--allowJs', '--checkJs', '--target', 'es2023', '--lib', 'es2023,dom,dom.iterable',
      '--module', 'esnext', 'app.js'], {cwd: dir}, (_, stdout, stderr) => resolve(stdout + stderr));
  });
  assert.equal(out, '');
});
