/** `npm run bench:studio`: the studio's speed in the real workbench. */
import path from 'node:path';
import process from 'node:process';
import { build, install, root, run } from './prepare.mjs';

install();
build();
run(process.execPath, [path.join(root, 'test', 'studio', 'run.mjs')], { env: { WEFT_BENCH: '1' } });
