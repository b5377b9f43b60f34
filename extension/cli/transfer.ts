import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { standardGraph, writeGraph } from '../graph';
import { WeftError } from '../protocol/errors';
import { type Size } from '../protocol/size';
import { execute, withEngine } from './execute';

export interface TransferFlags {
  structure: string;
  appearance: string;
  domain: string;
  checkpoint: string;
  size?: Size;
  out?: string;
  steps?: number;
  skip?: number;
  seed?: number;
  masks: boolean;
  keepGraph?: string;
  provider?: string;
  cache: boolean;
}

/** `weft transfer`: the standard graph for two pictures, run at once. */
export async function transfer(flags: TransferFlags): Promise<void> {
  const { domain, checkpoint, masks, steps, skip, seed } = flags;
  const stem = (file: string): string => path.basename(file, path.extname(file));
  const out = path.resolve(
    flags.out ?? path.join('weft-out', `${stem(flags.structure)}-${stem(flags.appearance)}.png`),
  );
  const graphPath = path.resolve(flags.keepGraph ?? 'transfer.weft.json');
  const picked = await Promise.all([flags.structure, flags.appearance].map(pictureFile));
  const relative = (file: string): string => path.relative(path.dirname(graphPath), file).split(path.sep).join('/');

  await withEngine(
    async (engine) => {
      const known = await engine.request('models.list', {});
      const info = known.find(({ id }) => id === checkpoint);
      if (!info) {
        const ids = known.map(({ id }) => id).join(', ') || 'none';
        throw new WeftError(
          'checkpoint',
          `There is no checkpoint ${checkpoint}; the library has ${ids}. Add one with "weft models add DIR".`,
        );
      }
      const document = standardGraph({
        structure: relative(picked[0]!),
        appearance: relative(picked[1]!),
        domain,
        checkpoint,
        ...flags.size,
        masks,
        steps,
        skip,
        seed,
        freeu: info.freeu ?? true,
      });
      document.nodes['save']!.params = { path: path.basename(out) };
      const graphText = writeGraph(document);
      await execute(engine, {
        graphText,
        graphPath,
        picked,
        outDir: path.dirname(out),
        provider: flags.provider,
        useCache: flags.cache,
        reportName: `${stem(out)}.run.json`,
      });
      if (flags.keepGraph) {
        await fs.mkdir(path.dirname(graphPath), { recursive: true });
        await fs.writeFile(graphPath, graphText);
      }
    },
    { cache: flags.cache },
  );
}

async function pictureFile(file: string): Promise<string> {
  return fs.realpath(file).catch(() => {
    throw new WeftError('graph', `${file} can't be read: there is no such file.`);
  });
}
