/**
 * `npm start`: installs what is missing, builds, runs the example transfer with the embedded checkpoint and prints where the picture
 * is, as the last line.
 */
import path from 'node:path';
import { build, install, root, run } from './prepare.mjs';

install();
build();
const example = path.join(root, 'examples', 'giraffe-zebra.weft.json');
console.log('Giving a giraffe a zebra’s coat …');
const files = run(process.execPath, [path.join(root, 'dist', 'weft.js'), 'run', example], { capture: true })
  .trim()
  .split('\n');
console.log(`The picture is here:\n${path.resolve(files.at(-1))}`);
