import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import { type SweepResult } from '../protocol/engine';
import { graphError } from '../protocol/errors';
import { withEngine } from './execute';
import { readGraph } from './files';
import { parseOverride } from './run';
import { printPath, tell } from './terminal';

export interface SweepFlags {
  over: string[];
  of?: string;
  node?: string;
  shard?: { index: number; count: number };
  out?: string;
  set: string[];
  provider?: string;
  cache: boolean;
  allowOutside?: boolean;
}

/** `i/n`, counted from 1. */
export function parseShard(text: string): { index: number; count: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || index < 1 || index > count) {
    throw graphError(`--shard ${text} is not valid. Write I/N with I from 1 to N, for instance --shard 1/4.`);
  }
  return { index, count };
}

/** `weft sweep GRAPH`: runs the cells that are missing, prints the sheet. */
export async function sweep(graph: string, flags: SweepFlags): Promise<void> {
  const graphPath = path.resolve(graph);
  const graphText = readGraph(graph);
  const stem = path.basename(graphPath).replace(/(\.weft)?\.json$/, '');
  const outDir = path.resolve(flags.out ?? path.join(path.dirname(graphPath), 'weft-out', `${stem}-sweep`));
  const result = await withEngine(
    (engine) =>
      engine.sweep({
        over: flags.over,
        of: flags.of,
        node: flags.node,
        shard: flags.shard,
        run: {
          runId: randomUUID(),
          graphText,
          graphPath,
          name: { as: graph, lines: true },
          set: flags.set.map(parseOverride),
          allowOutside: flags.allowOutside ?? false,
          outDir,
          outDirNamed: flags.out !== undefined,
          provider: flags.provider,
          useCache: flags.cache,
        },
      }),
    { cache: flags.cache },
  );
  const { computed, found, unet } = result;
  tell(
    `${computed} ${computed === 1 ? 'cell' : 'cells'} computed, ${found} already there; UNet passes: ${unet.encoder} encoder, ${unet.decoder} decoder\n`,
  );
  tellFolder(result);
}

/** `weft sweep merge DIR...`: brings shards that ran in folders of their own together in the first. */
export async function merge(folders: string[]): Promise<void> {
  tellFolder(
    await withEngine((engine) =>
      engine.request('sweep.merge', { folders: folders.map((folder) => path.resolve(folder)) }, 0),
    ),
  );
}

function tellFolder({ finished, total, damaged, sheet }: SweepResult): void {
  for (const file of damaged) tell(`${file} does not match its record: run the sweep again to compute it again\n`);
  if (finished < total) tell(`${finished} of ${total} cells are done: the sheet has gaps\n`);
  printPath(path.relative(process.cwd(), sheet) || sheet);
}
