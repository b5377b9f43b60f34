/** A few faults of every kind, always the same ones; `npm run test:faults` tries many with other seeds. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runTrials } from '../../faults/fault';
import { KINDS } from '../../faults/kinds';
import { Random } from '../../faults/random';

it.each(KINDS.map(({ kind, short }) => [kind.name, kind, short] as const))(
  'faults of the kind %s give no wrong picture and no stack trace',
  async (_, kind, short) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-faults-'));
    expect(await runTrials(kind, new Random(16), folder, short)).toEqual([]);
  },
  300_000,
);
