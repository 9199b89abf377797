// Makes types/ of the JSDoc comments in src. npm runs it as `prepare`: after npm ci, before npm pack, and for
// `npm install PATH/js` in another project, where TypeScript is not installed here. Then npm fetches TypeScript alone.

import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, rmSync} from 'node:fs';

const tsc = 'node_modules/typescript/bin/tsc', here = {cwd: import.meta.dirname, stdio: 'inherit'};
const {devDependencies: {typescript}} = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const env = {...process.env, npm_config_dry_run: 'false', npm_config_global: 'false'}; // those of the npm that runs this

rmSync(new URL('types', import.meta.url), {recursive: true, force: true});
const done = existsSync(new URL(tsc, import.meta.url))
  ? spawnSync(process.execPath, [tsc, '-p', 'types.json'], here)
  : spawnSync('npm', ['exec', '--yes', `--package=typescript@${typescript}`, '--', 'tsc', '-p', 'types.json'], {...here, env, shell: process.platform === 'win32'});
process.exitCode = done.status ?? 1;
