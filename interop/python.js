import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';

/** A Python that has the package websockets from the distribution. */
export const python = ['/usr/bin/python3', 'python3'].find((p) => (p === 'python3' || existsSync(p)) && spawnSync(p, ['-c', 'import websockets']).status === 0);
