/** `npm run typecheck`: each target with its own types. The page knows no Node, and nothing but the page knows the DOM. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from './prepare.mjs';

const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
for (const target of ['extension', 'webview', 'test', '.'])
  spawn(process.execPath, [tsc, '-p', target], { cwd: root, stdio: 'inherit' }).on('exit', (code) => {
    if (code !== 0) process.exitCode = 1;
  });
