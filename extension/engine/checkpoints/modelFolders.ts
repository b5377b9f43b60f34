/**
 * Folders of models that people share between programs (A1111, Forge, ComfyUI): what lies in them is told from the files' headers,
 * because folders are called differently everywhere. Nothing in them is written, and no weights are read.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { readOwnJson } from '../../platform/ownFile';
import { writeJson } from '../../platform/writeJson';
import { type FoundModel } from '../../protocol/engine';
import { graphError, WeftError } from '../../protocol/errors';
import { contextWidth, detectPrediction, identify, type Kind } from '../safetensors/identify';
import { readWeights, weightsIn, type WeightSet } from '../safetensors/weights';
import { type FoundModels } from './types';
import { fileRefusal } from './weightsLayout';

/** Folders of programs rather than of models. */
const NO_MODELS = /^(\.|(node_modules|venv|env|__pycache__|python_embeded|site-packages|repositories|outputs?|temp)$)/i;
/** More than any collection has, and few enough to be listed in a second. */
const MOST_FOLDERS = 5000;
const MOST_FILES = 5000;

/** What a file was found to be; `other`: nothing that Weft lists (a ControlNet, an upscaler, …). */
const facts = {
  kind: z.enum(['checkpoint', 'vae', 'lora', 'other']),
  problem: z.string().optional(),
  precision: z.enum(['fp32', 'fp16', 'bf16', 'mixed']),
  pictureSize: z.number(),
  prediction: z.literal('v_prediction').optional(),
};
const seenSchema = z.record(z.string(), z.object({ stamp: z.string(), ...facts }));
type Seen = z.infer<typeof seenSchema>[string];

/** To be raised when files would be told apart differently. */
const VERSION = 2;

export class ModelFolders {
  private seen: Record<string, Seen> | undefined;

  private stated: readonly string[] = [];

  /** @param named folders that the environment names; those of {@link state} and {@link remember} come on top. */
  constructor(
    private readonly home: string,
    private readonly named: readonly string[] = [],
  ) {}

  /** What the settings name, from now on. */
  state(folders: readonly string[]): void {
    this.stated = folders;
  }

  private get listFile(): string {
    return path.join(this.home, 'model-folders.json');
  }

  private remembered(): string[] {
    return readOwnJson(this.listFile, z.array(z.string())) ?? [];
  }

  folders(): string[] {
    return [...new Set([...this.named, ...this.stated, ...this.remembered()].map((folder) => path.resolve(folder)))];
  }

  /** @throws WeftError `graph` for what is no folder */
  remember(folder: string): void {
    if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw graphError(
        `${folder} is not a folder. Name the folder that holds your models, for instance ComfyUI/models.`,
      );
    const known = this.remembered();
    if (!known.includes(folder)) writeJson(this.listFile, [...known, folder]);
  }

  /** @throws WeftError `graph` when it is not remembered */
  forget(folder: string): void {
    const known = this.remembered();
    if (!known.includes(folder))
      throw graphError(`${folder} is not among the model folders: ${known.join(', ') || 'there are none'}.`);
    writeJson(
      this.listFile,
      known.filter((each) => each !== folder),
    );
  }

  async find(): Promise<FoundModels> {
    const found: FoundModels = { models: [], problems: [], others: { pickles: 0, safetensors: 0 } };
    const folders = this.folders();
    if (folders.length === 0) return found;
    const before = (this.seen ??= readOwnJson(this.seenFile, seenSchema) ?? {});
    const now: Record<string, Seen> = {};
    for (const folder of folders) {
      try {
        await this.list(folder, before, now, found);
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        found.problems.push(error.message);
      }
    }
    this.seen = now;
    if (JSON.stringify(now) !== JSON.stringify(before))
      try {
        writeJson(this.seenFile, now);
      } catch {
        // Only a memory: next time the headers are read again.
      }
    return found;
  }

  private get seenFile(): string {
    return path.join(this.home, 'model-files.json');
  }

  private async list(
    folder: string,
    before: Record<string, Seen>,
    now: Record<string, Seen>,
    found: FoundModels,
  ): Promise<void> {
    for await (const candidate of candidates(folder, found.others)) {
      // The same file by another path, of another folder or by a link.
      if (found.models.some(({ file }) => file === candidate.file) || candidate.weights in now) continue;
      const stamp = await stampOf(candidate.weights);
      if (stamp === undefined) continue;
      const known = before[candidate.weights];
      const seen = known?.stamp === stamp ? known : { stamp, ...look(candidate) };
      now[candidate.weights] = seen;
      const { kind, problem, precision, pictureSize, prediction } = seen;
      if (kind === 'other') {
        found.others.safetensors++;
        if (problem !== undefined) found.problems.push(problem);
        continue;
      }
      found.models.push({
        kind,
        file: candidate.file,
        title: candidate.title,
        size: await sizeOf(candidate),
        precision,
        pictureSize,
        ...(prediction && { prediction }),
        ...(problem !== undefined && { problem }),
      });
    }
  }
}

interface Candidate {
  /** What would be added: a file, or a diffusers folder. */
  file: string;
  title: string;
  /** The file whose header tells what it is. */
  weights: string;
  folder: boolean;
}

/** The files and diffusers folders below a folder, in the order of their names; links are followed, each folder is seen once. */
async function* candidates(root: string, others: FoundModels['others']): AsyncGenerator<Candidate> {
  const visited = new Set<string>();
  let files = 0;
  const waiting = [root];
  while (waiting.length > 0) {
    const folder = waiting.shift()!;
    let entries: fs.Dirent[];
    try {
      const real = await fs.promises.realpath(folder);
      if (visited.has(real)) continue;
      visited.add(real);
      entries = await fs.promises.readdir(folder, { withFileTypes: true });
    } catch (error) {
      // Below, a folder may have gone meanwhile, or be somebody else's.
      if (folder !== root) continue;
      const { code = '' } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'is not there' : `can't be listed (${code})`;
      throw graphError(
        `The model folder ${root} ${why}. Correct the setting weft.modelFolders, or run \`weft models scan --forget ${root}\`.`,
      );
    }
    if (visited.size > MOST_FOLDERS || files > MOST_FILES)
      throw graphError(
        `The model folder ${root} has more than ${visited.size > MOST_FOLDERS ? `${MOST_FOLDERS} folders` : `${MOST_FILES} models`} below it, ` +
          'and the rest is left out. Name the folder that holds your models.',
      );
    const names = entries.map(({ name }) => name);
    if (names.includes('unet') && (names.includes('model_index.json') || names.includes('vae'))) {
      const weights = weightsIn(path.join(folder, 'unet'));
      if (weights !== undefined)
        yield { file: folder, title: path.basename(folder), weights: await realOf(weights), folder: true };
      continue;
    }
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const place = path.join(folder, entry.name);
      const stats = entry.isSymbolicLink() ? await fs.promises.stat(place).catch(() => undefined) : entry;
      if (stats?.isDirectory() === true && !NO_MODELS.test(entry.name)) waiting.push(place);
      if (stats?.isFile() !== true) continue;
      if (/\.(ckpt|pt|pth)$/i.test(entry.name)) others.pickles++;
      if (!/\.safetensors$/i.test(entry.name)) continue;
      files++;
      const title = entry.name.replace(/\.safetensors$/i, '');
      yield { file: place, title, weights: await realOf(place), folder: false };
    }
  }
}

const realOf = (file: string): Promise<string> => fs.promises.realpath(file).catch(() => file);

async function stampOf(file: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs, ctimeMs, ino } = await fs.promises.stat(file);
    return [VERSION, size, mtimeMs, ctimeMs, ino].join(':');
  } catch {
    return undefined;
  }
}

/** Of a folder, the weights that would be read. */
async function sizeOf({ file, folder }: Candidate): Promise<number> {
  const parts = folder ? ['unet', 'vae', 'text_encoder'].map((part) => weightsIn(path.join(file, part))) : [file];
  let bytes = 0;
  for (const part of parts) {
    if (part === undefined) continue;
    bytes += await fs.promises.stat(part).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}

function look({ weights, folder }: Candidate): Omit<Seen, 'stamp'> {
  const nothing = { precision: 'fp32', pictureSize: 512 } as const;
  let set: WeightSet;
  let kind: Kind;
  try {
    set = readWeights(weights);
    kind = identify(set);
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return { kind: 'other', problem: error.message, ...nothing };
  }
  switch (kind.kind) {
    case 'vae':
    case 'lora':
      return { kind: kind.kind, ...nothing, precision: precisionOf(set) };
    case 'checkpoint': {
      // A folder has its other parts beside the UNet.
      const problem = fileRefusal(folder ? { ...kind, hasText: true, hasVae: true } : kind);
      const prediction = detectPrediction(set);
      const wide = contextWidth(set.tensors) === 1024;
      return {
        kind: 'checkpoint',
        precision: precisionOf(set),
        pictureSize: wide && prediction === 'v_prediction' ? 768 : 512,
        ...(prediction === 'v_prediction' && { prediction }),
        ...(problem !== undefined && { problem }),
      };
    }
    default:
      return { kind: 'other', ...nothing };
  }
}

function precisionOf({ tensors }: WeightSet): FoundModel['precision'] {
  const bytes = { F32: 0, F16: 0, BF16: 0 };
  for (const { dtype, length } of tensors.values()) if (dtype in bytes) bytes[dtype as 'F32'] += length;
  const [most] = Object.entries(bytes).sort(([, a], [, b]) => b - a)[0]!;
  return ({ F32: 'fp32', F16: 'fp16', BF16: 'bf16' } as const)[most as 'F32'];
}
