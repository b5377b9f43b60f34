/** What the benchmarks over a folder of drawn pairs begin with: NN_structure.png, NN_appearance.png, NN_ground_truth.png, NN_*_parts.png. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { Engine } from '../../extension/engine/engine';
import { readIndices } from '../../extension/engine/image/pngIndices';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { root } from '../support/mini';

export interface DrawnPair {
  /** Two digits: what its files' names begin with. */
  id: string;
  domain: string;
  /** Names of the parts by label. */
  parts: Record<string, string>;
}

/** The first `limit` pairs of a folder; the folder that comes beside the repository unless one is named. Ends the process where there are none. */
export function drawnPairs(
  named: string | undefined,
  limit: string | undefined,
): { folder: string; pairs: DrawnPair[]; fileOf: (pair: DrawnPair, what: string) => string } {
  const folder = path.resolve(named ?? path.join(root, '..', 'shared', 'mini', 'eval'));
  const list = path.join(folder, 'examples.json');
  if (!fs.existsSync(list)) {
    console.error(`${folder} has no examples.json: name a folder of drawn pairs.`);
    process.exit(2);
  }
  const rows = JSON.parse(fs.readFileSync(list, 'utf8')) as (Omit<DrawnPair, 'id'> & { id: number })[];
  const pairs = rows
    .slice(0, limit ? Number(limit) : undefined)
    .map((row) => ({ ...row, id: String(row.id).padStart(2, '0') }));
  return { folder, pairs, fileOf: ({ id }, what) => path.join(folder, `${id}_${what}.png`) };
}

/** An engine of its own, in a folder that the caller removes. */
export function benchEngine(name: string, sessions = inProcessSessions()): { engine: Engine; work: string } {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), `weft-${name}-`));
  const engine = new Engine({
    version: name,
    sessions,
    builtInModels: path.join(root, 'models'),
    home: path.join(work, 'home'),
    emit: () => {},
  });
  return { engine, work };
}

/** Part labels are palette indices. */
export const partsOf = (file: string): Uint8Array => readIndices(fs.readFileSync(file)).indices;

/** The part that most pixels of each token have, of a square grid [side · side]. */
export function partsOnGrid(file: string, side: number): number[] {
  const indices = partsOf(file);
  const pixels = Math.round(Math.sqrt(indices.length));
  const block = pixels / side;
  return Array.from({ length: side * side }, (_, token) => {
    const counts = new Map<number, number>();
    for (let y = 0; y < block; y++) {
      for (let x = 0; x < block; x++) {
        const at = (Math.floor(token / side) * block + y) * pixels + (token % side) * block + x;
        counts.set(indices[at]!, (counts.get(indices[at]!) ?? 0) + 1);
      }
    }
    return [...counts].sort((a, b) => b[1] - a[1])[0]![0];
  });
}

export const rgbOf = async (source: string): Promise<Uint8Array> =>
  new Uint8Array(await sharp(source).removeAlpha().toColourspace('srgb').raw().toBuffer());

/** The prompt of a pair: the checkpoint was trained with the right article. */
export const promptFor = (domain: string): Record<string, unknown> => ({
  domain,
  text: `a photo of ${/^[aeiou]/.test(domain) ? 'an' : 'a'} {domain}`,
});

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
};
