/**
 * `npm run test:faults [-- --seed N --trials N --kind NAME…]`: faults of many kinds, chosen by a seed, on the built command line. Every problem
 * is printed with the seed that shows it again. A short run of the same is part of `npm test`.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runTrials } from './fault';
import { KINDS } from './kinds';
import { Random } from './random';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Date.now() % 1e6) },
      trials: { type: 'string', default: '150' },
      kind: { type: 'string', multiple: true },
    },
  });
  const chosen = KINDS.filter(({ kind }) => values.kind === undefined || values.kind.includes(kind.name));
  if (chosen.length === 0) throw new Error(`There are the kinds ${KINDS.map(({ kind }) => kind.name).join(', ')}.`);
  const problems: string[] = [];
  for (const { kind } of chosen) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), `weft-faults-${kind.name}-`));
    try {
      const random = new Random(Number(values.seed));
      problems.push(...(await runTrials(kind, random, folder, Number(values.trials), console.log)));
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
  for (const problem of problems) console.error(`\n${problem}`);
  console.log(`\nseed ${values.seed}: ${problems.length} problems in ${chosen.length * Number(values.trials)} trials`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

void main();
