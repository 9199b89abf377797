// The client's modules for Node. Node takes a .js file for a module only below a package.json
// that says so.

import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after} from 'node:test';
import {pathToFileURL} from 'node:url';

const dir = mkdtempSync(path.join(tmpdir(), 'chat-modules-'));
after(() => rmSync(dir, {recursive: true, force: true}));
for (const files of ['chatpage/static', 'js/src']) { // which the server has in one folder
  cpSync(path.resolve(import.meta.dirname, '../../..', files), dir, {recursive: true});
}
writeFileSync(path.join(dir, 'package.json'), '{"type": "module"}');

/** @param {string} name of a file of chatpage/static or js/src */
export const load = (name) => import(pathToFileURL(path.join(dir, name)).href);
