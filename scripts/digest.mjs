/** `node scripts/digest.mjs models/mini`: writes the SHA-256 of a checkpoint's ONNX files into its weft.json, so that damage is noticed. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const folder = process.argv[2];
const manifestFile = path.join(folder, 'weft.json');
const text = fs.readFileSync(manifestFile, 'utf8');
const files = fs
  .readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.onnx'))
  .sort()
  .map((name) => [
    name.split(path.sep).join('/'),
    createHash('sha256')
      .update(fs.readFileSync(path.join(folder, name)))
      .digest('hex'),
  ]);
const lines = files.map(([name, digest]) => `    ${JSON.stringify(name)}: ${JSON.stringify(digest)}`).join(',\n');
const block = `  "files": {\n${lines}\n  }`;
const without = text.replace(/,\n {2}"files": \{[^}]*\}/, '');
fs.writeFileSync(manifestFile, without.replace(/\n\}\s*$/, `,\n${block}\n}\n`));
