/** The tensors of a model that lies in one file or in several, and the files of a diffusers folder's part. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { readRegularSync, withFileErrors } from '../../platform/files';
import { checkpointError, type WeftError } from '../../protocol/errors';
import { quoted, readHeader, type StoredTensor } from './header';

export interface WeightSet {
  /** What messages call it: the name of the file, or of the index of several. */
  name: string;
  /** Absolute paths, symbolic links resolved. */
  files: string[];
  metadata: Record<string, string>;
  tensors: Map<string, StoredTensor>;
}

const LONGEST_INDEX = 16 << 20;
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** One file, or by its index (`*.safetensors.index.json`) the several that a large model is split into. */
export function readWeights(file: string): WeightSet {
  if (/\.json$/i.test(file)) return readShards(file);
  const { metadata, tensors, file: real } = readHeader(file);
  return { name: path.basename(file), files: [real], metadata, tensors };
}

function readShards(index: string): WeightSet {
  const name = path.basename(index);
  const refuse = (message: string): WeftError => checkpointError(`${name} ${message}`);
  const text = withFileErrors('checkpoint', () => readRegularSync(index, LONGEST_INDEX)).toString('utf8');
  let map: Record<string, string>;
  try {
    map = indexSchema.parse(JSON.parse(text)).weight_map;
  } catch {
    throw refuse('is not an index of .safetensors files. Download it again.');
  }
  const shards = [...new Set(Object.values(map))].sort();
  const outside = shards.find((shard) => shard !== path.basename(shard) || path.win32.basename(shard) !== shard);
  if (outside !== undefined)
    throw refuse(`names ${quoted(outside)}, which is not beside it. Put the files it names into its own folder.`);
  const folder = path.dirname(index);
  const missing = shards.filter((shard) => !fs.existsSync(path.join(folder, shard)));
  if (missing.length > 0)
    throw refuse(
      `names ${missing.map(quoted).join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} missing. Download what is missing too.`,
    );
  const headers = new Map(shards.map((shard) => [shard, readHeader(path.join(folder, shard))]));
  const tensors = new Map<string, StoredTensor>();
  for (const [tensor, shard] of Object.entries(map)) {
    const stored = headers.get(shard)!.tensors.get(tensor);
    if (stored === undefined)
      throw refuse(`says that ${quoted(shard)} holds ${quoted(tensor)}, which it doesn't. Download the files again.`);
    tensors.set(tensor, stored);
  }
  const metadata = Object.assign({}, ...[...headers.values()].map((header) => header.metadata)) as Record<
    string,
    string
  >;
  return { name, files: [...headers.values()].map((header) => header.file), metadata, tensors };
}

/**
 * The weights in a part's folder of a diffusers checkpoint, of several forms the one that diffusers would take: full precision before
 * a variant (`.fp16`), one file before several; weights that were kept for training only (`.non_ema`) last.
 */
export function weightsIn(folder: string): string | undefined {
  let names: string[];
  try {
    names = fs.readdirSync(folder).filter((name) => /^(diffusion_pytorch_model|pytorch_model|model)\./.test(name));
  } catch {
    return undefined;
  }
  const whole = names.filter((name) => /\.safetensors$/.test(name) && !/-\d+-of-\d+/.test(name));
  const indexes = names.filter((name) => /\.safetensors\.index(\.\w+)?\.json$/.test(name));
  const rank = (name: string): number => {
    const variant = name
      .split('.')
      .slice(1)
      .find((word) => !['safetensors', 'index', 'json'].includes(word));
    const form = indexes.includes(name) ? 0.5 : 0;
    return form + (variant === undefined ? 0 : variant === 'fp16' ? 1 : variant === 'non_ema' ? 3 : 2);
  };
  const [best] = [...whole, ...indexes].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return best === undefined ? undefined : path.join(folder, best);
}
