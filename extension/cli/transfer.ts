import * as path from 'node:path';
import { type PresetName, saveFormats, standardGraph, writeGraph } from '../graph';
import { joinedName } from '../platform/fileNames';
import { besideName } from '../platform/freeNames';
import { checkpointError } from '../protocol/errors';
import { type Size } from '../protocol/size';
import { execute, withEngine } from './execute';
import { outFile, realFile, writeNamed } from './files';
import { vaeFile } from './vaeFile';

export interface TransferFlags {
  structure: string;
  appearance: string;
  domain: string;
  checkpoint: string;
  vae?: string;
  size?: Size;
  out?: string;
  preset?: PresetName;
  steps?: number;
  skip?: number;
  seed?: number;
  masks: boolean;
  keepGraph?: string;
  provider?: string;
  cache: boolean;
}

/** Which option each parameter of the transfer's graph comes from. */
const OPTIONS: Record<string, string> = {
  'structure.path': '--structure',
  'appearance.path': '--appearance',
  'prompt.domain': '--domain',
  'model.id': '--checkpoint',
  'model.vae': '--vae',
  'model.width': '--size',
  'model.height': '--size',
  'schedule.steps': '--steps',
  'schedule.skip': '--skip',
  'schedule.spacing': '--preset',
  'lora.path': '--preset',
  'schedule.seed': '--seed',
  'save.path': '--out',
};

/** `weft transfer`: the standard graph for two pictures, run at once. */
export async function transfer(flags: TransferFlags): Promise<void> {
  const { domain, checkpoint, masks, preset, steps, skip, seed } = flags;
  const pictures = [flags.structure, flags.appearance];
  const picked = pictures.map(realFile);
  const stem = (file: string): string => path.basename(file, path.extname(file));
  const fallback = path.join('weft-out', joinedName(pictures.map(stem), '.png'));
  const { file: out, named } = outFile(flags.out, fallback, saveFormats.image);
  const graphPath = path.resolve(flags.keepGraph ?? 'transfer.weft.json');
  const relative = (file: string): string => path.relative(path.dirname(graphPath), file).split(path.sep).join('/');

  await withEngine(
    async (engine) => {
      const known = await engine.request('models.list', {});
      const info = known.find(({ id }) => id === checkpoint);
      if (!info) {
        const ids = known.map(({ id }) => id).join(', ') || 'none';
        throw checkpointError(
          `There is no checkpoint ${checkpoint}; the library has ${ids}. Add one with "weft models add PATH".`,
        );
      }
      const vae = flags.vae === undefined ? undefined : await vaeFile(engine, flags.vae);
      const document = standardGraph({
        structure: relative(picked[0]!),
        appearance: relative(picked[1]!),
        domain,
        checkpoint,
        ...(vae === undefined ? {} : { vae: relative(vae) }),
        ...flags.size,
        masks,
        preset,
        draft: info.draft,
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
        name: { as: 'The transfer', lines: false, options: OPTIONS },
        // The output's name, too, is the user's choice, or made of such.
        picked: [...picked, ...(vae === undefined ? [] : [vae]), out],
        roots: [process.cwd()],
        outDir: path.dirname(out),
        outDirNamed: flags.out !== undefined,
        ...(named ? {} : { freeStem: stem(out) }),
        ...(flags.keepGraph === undefined ? {} : { writes: [{ file: graphPath, by: '--keep-graph' }] }),
        provider: flags.provider,
        useCache: flags.cache,
        reportName: besideName(stem(out), '.run.json'),
      });
      if (flags.keepGraph !== undefined) await writeNamed(graphPath, graphText);
    },
    { cache: flags.cache },
  );
}
