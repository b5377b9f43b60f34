/** An ordinary ONNX folder becomes a checkpoint ready to run: rewritten graphs, linked weights, one manifest. */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { checkpointError, WeftError } from '../../protocol/errors';
import { linkOrCopy, type OnnxModel, readModel, writeModel, type WriteOptions } from '../onnx/modelFile';
import { TensorProto_DataType } from '../onnx/proto/onnx_pb';
import { NUMBERS_VERSION, rewriteUnetGraph, SURGERY_VERSION } from '../onnx/surgery/rewriteUnet';
import { deterministicEncoder, encoderScale, type PartInterface, plainDecoder, textEncoder } from '../onnx/vae';
import { type DigestMemory } from './digestMemory';
import { sha256Of, stampHolds, stampOf } from './digests';
import { clipTokenizerFiles } from './clipTokenizer';
import { type CheckpointLayout, requireStatedPrediction } from './layout';
import { type PartName, PARTS, type Weights } from './parts';
import { CHECKPOINT_FORMAT, commonFolder, readStored, type Stamps, writeStored } from './stored';
import { loadTokenizer, statedContextLength } from './tokenizer';
import {
  type CheckpointFile,
  type ImportChoices,
  type PreparedCheckpoint,
  type PrepareProgress,
  type StoredCheckpoint,
  type WeightFile,
} from './types';
import { decidedBy, EMIT_VERSION, emitPart, filesOf, layoutOf } from './weightsLayout';
import { syncFolder, syncTree } from '../../platform/files';
import { filesBelow } from '../../platform/filesBelow';
import { isAbandoned, ownMark } from '../../platform/processes';

export interface PrepareOptions {
  /** Id of the checkpoint; default: its manifest's, else the folder's name. */
  id?: string;
  builtIn?: boolean;
  /** Digests of files that were read before. */
  digests?: DigestMemory;
  choices?: ImportChoices;
  /** Folder of CLIP's tokenizer, for checkpoints that come without one. */
  clip?: string;
  onProgress?: (progress: PrepareProgress) => void;
}

export function checkpointId(wanted: string): string {
  const id = wanted
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  if (id === '' || id.length > 80)
    throw checkpointError(`"${wanted}" is not a valid id. Use letters, digits and hyphens.`);
  return id;
}

/** One part: its graph as read, and what becomes of it. */
interface Part {
  name: PartName;
  model: OnnxModel;
  /** Files it consists of: the graph and its external data, links resolved. */
  sources: string[];
  /** Folder that its weights lie in and stay in. */
  inPlace?: string;
}

function readPart(name: PartName, file: string, root: string): Part {
  const model = readModel(file, root);
  return { name, model, sources: [...new Set([fs.realpathSync(file), ...model.weights.map((weight) => weight.file)])] };
}

/** A part whose graph is Weft's own, over weights that stay where they are. */
function emitted(name: PartName, weights: Weights): Part {
  const sources = filesOf(name, weights);
  return { name, model: emitPart(name, weights), sources, inPlace: commonFolder(sources) };
}

/** The part's error with the digest of the file, so that a damaged download can be told from a wrong one. */
async function withDigest<T>(file: string, task: () => T): Promise<T> {
  try {
    return task();
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    // Of what is no regular file there is none, and nobody waits for that of an endless one.
    const stats = fs.statSync(file, { throwIfNoEntry: false });
    if (stats?.isFile() !== true || stats.size > 2 ** 31) throw error;
    const digest = await sha256Of(file);
    throw new WeftError(error.kind, `${error.message} (SHA-256 of ${nameOf(file)}: ${digest})`);
  }
}

const nameOf = (file: string): string => `${path.basename(path.dirname(file))}/${path.basename(file)}`;

interface Parameters {
  half: number;
  single: number;
}

const HALF = new Set<number>([TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16]);
const SINGLE = new Set<number>([TensorProto_DataType.FLOAT, TensorProto_DataType.DOUBLE]);

/** Floating point numbers in a model's weights. */
function parametersOf(model: OnnxModel): Parameters {
  const counts = { half: 0, single: 0 };
  for (const tensor of model.proto.graph?.initializer ?? []) {
    const count = tensor.dims.reduce((product, dim) => product * Number(dim), 1);
    if (HALF.has(tensor.dataType)) counts.half += count;
    else if (SINGLE.has(tensor.dataType)) counts.single += count;
  }
  return counts;
}

function precisionOf(models: OnnxModel[], parts: Parameters[]): PreparedCheckpoint['precision'] {
  const half = parts.reduce((sum, part) => sum + part.half, 0);
  const single = parts.reduce((sum, part) => sum + part.single, 0);
  if (half === 0) return 'fp32';
  if (single >= half / 1000) return 'mixed';
  const types = models.flatMap((model) => model.proto.graph?.initializer ?? []).map(({ dataType }) => dataType);
  const [f16, bf16] = [TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16].map((type) => types.includes(type));
  return f16 && bf16 ? 'mixed' : bf16 ? 'bf16' : 'fp16';
}

async function digestSources(
  layout: CheckpointLayout,
  parts: Part[],
  { onProgress, digests: memory }: PrepareOptions,
): Promise<Map<string, string>> {
  const files = [
    ...new Set([...parts.flatMap((part) => part.sources), ...layout.tokenizer.map((file) => fs.realpathSync(file))]),
  ];
  const bytes = files.reduce((sum, file) => sum + fs.statSync(file).size, 0);
  onProgress?.({ message: `Reading ${files.length} files (${megabytes(bytes)}) for their digests.` });
  const digests = new Map<string, string>();
  const digest = (file: string): Promise<string> => (memory === undefined ? sha256Of(file) : memory.digest(file));
  for (const file of files) digests.set(file, await digest(file));
  for (const [relative, expected] of Object.entries(layout.manifest.files ?? {})) {
    const file = path.join(layout.folder, relative);
    const real = fs.existsSync(file) ? fs.realpathSync(file) : undefined;
    if (real === undefined) throw checkpointError(`${relative}, which weft.json lists, is missing. Download it again.`);
    const found = digests.get(real) ?? (await digest(real));
    if (found !== expected)
      throw checkpointError(
        `${relative} is damaged: its SHA-256 is ${found} instead of ${expected}. Download or check out the file again.`,
      );
  }
  return digests;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/**
 * Prepares the ONNX folder (or the files of one checkpoint) `sources` as `targetFolder`. The work is done in a temporary folder beside the target, which
 * takes the target's place at the end: a killed process leaves no half checkpoint, and of two processes one wins.
 * @throws WeftError `checkpoint` if a part is missing, damaged or of another architecture.
 */
export async function prepareCheckpoint(
  sources: string[],
  targetFolder: string,
  options: PrepareOptions = {},
): Promise<PreparedCheckpoint> {
  const layout = layoutOf(sources, options.choices);
  const parts: Part[] = [];
  for (const name of PARTS) {
    const file = layout.models[name];
    parts.push(
      layout.weights === undefined
        ? await withDigest(file, () => readPart(name, file, layout.root ?? path.dirname(file)))
        : emitted(name, layout.weights),
    );
  }
  const digests = await digestSources(layout, parts, options);
  const parent = path.dirname(targetFolder);
  const work = temporaryFor(targetFolder);
  await removeAbandoned(parent);
  await fs.promises.mkdir(work, { recursive: true });
  try {
    const prepared = await build(layout, sources, parts, digests, work, options);
    // A power loss must not leave a folder that is there and whose weights are not.
    syncTree(work);
    await takePlace(work, targetFolder);
    syncFolder(parent);
    return { ...prepared, folder: targetFolder, builtIn: options.builtIn ?? false };
  } catch (error) {
    await fs.promises.rm(work, { recursive: true, force: true });
    throw asWeftError(error, layout.name);
  }
}

/** Removes temporary folders of processes that were killed. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await fs.promises.readdir(parent).catch(() => [])) {
    const mark = /^\..+\.([\w-]+)\.[0-9a-f]{8}\.tmp(\.old)?$/.exec(name)?.[1];
    const folder = path.join(parent, name);
    if (mark === undefined || !isAbandoned(mark, folder)) continue;
    await fs.promises.rm(folder, { recursive: true, force: true });
  }
}

function asWeftError(error: unknown, name: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC') return checkpointError(`There is no space left on the disk for the checkpoint ${name}.`);
  return error;
}

/**
 * Moves a finished folder to its place; what was there is put aside first and removed after. Where another process was faster with the same,
 * that one's stays: it may have begun to open the files.
 */
async function takePlace(work: string, target: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await fs.promises.rename(work, target);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (!['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'].includes(code) || attempt >= 5) throw error;
    }
    if (await isSameCheckpoint(work, target)) {
      await fs.promises.rm(work, { recursive: true, force: true });
      return;
    }
    await removeWhole(target);
  }
}

/**
 * Removes a prepared folder: out of the way at once, so that nobody meets half of it, also where the process is killed; what it leaves
 * goes with the next import.
 */
export async function removeWhole(folder: string): Promise<void> {
  const aside = temporaryFor(folder);
  try {
    await fs.promises.rename(folder, aside);
  } catch {
    // It is gone, or (on Windows) a file in it is open.
    await fs.promises.rm(folder, { recursive: true, force: true });
    return;
  }
  await fs.promises.rm(aside, { recursive: true, force: true });
}

const temporaryFor = (folder: string): string =>
  path.join(path.dirname(folder), `.${path.basename(folder)}.${ownMark()}.${randomBytes(4).toString('hex')}.tmp`);

/** Whether a folder holds what another does, made from the same files, and none of it was touched since. */
async function isSameCheckpoint(one: string, other: string): Promise<boolean> {
  const [ours, theirs] = [readStored(one), readStored(other)];
  if (ours.stamps === undefined || theirs.stamps === undefined || theirs.checkpoint === undefined) return false;
  if (!isDeepStrictEqual(ours.checkpoint, theirs.checkpoint)) return false;
  const origin = ({ surgery, from, sources }: Stamps): unknown => [
    surgery,
    from,
    Object.entries(sources).map(([file, { sha256 }]) => [file, sha256]),
  ];
  if (!isDeepStrictEqual(origin(ours.stamps), origin(theirs.stamps))) return false;
  const held = Object.entries(theirs.stamps.files).map(async ([file, stamp]) => {
    // Links to one file are the same file, whose times the second link has changed.
    const there = path.join(other, file);
    return (await stampHolds(there, stamp)) || (await isSameFile(path.join(one, file), there));
  });
  return (await Promise.all(held)).every(Boolean);
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([one, other].map((file) => fs.promises.stat(file)));
    return a!.dev === b!.dev && a!.ino === b!.ino;
  } catch {
    return false;
  }
}

async function build(
  layout: CheckpointLayout,
  from: string[],
  parts: Part[],
  digests: Map<string, string>,
  work: string,
  options: PrepareOptions,
): Promise<StoredCheckpoint> {
  const { onProgress } = options;
  const { manifest } = layout;
  const model = (name: PartName): OnnxModel => parts.find((part) => part.name === name)!.model;
  const parameters = Object.fromEntries(parts.map((part) => [part.name, parametersOf(part.model)]));
  const precision = precisionOf(
    parts.map((part) => part.model),
    Object.values(parameters),
  );
  const scale = layout.vaeScale ?? encoderScale(model('vae_encoder')) ?? 8;
  const say = (message: string): void => onProgress?.({ message });

  say('Rewriting the UNet.');
  const unetFile = layout.models.unet;
  const unet = await withDigest(unetFile, () => rewriteUnetGraph(model('unet')));
  requireStatedPrediction(layout, unet.contextWidth);
  const encoder = await withDigest(layout.models.vae_encoder, () =>
    deterministicEncoder(model('vae_encoder'), unet.latentChannels),
  );
  const decoder = await withDigest(layout.models.vae_decoder, () => plainDecoder(model('vae_decoder')));
  const text = await withDigest(layout.models.text_encoder, () => textEncoder(model('text_encoder')));
  if (text.width !== undefined && text.width !== unet.contextWidth)
    throw checkpointError(
      `The text encoder gives vectors of ${text.width} numbers where the UNet reads ${unet.contextWidth}: they belong to different checkpoints.`,
    );
  if (unet.latentSize !== undefined && unet.latentSize[0] !== unet.latentSize[1])
    throw checkpointError(
      `The UNet was exported for ${unet.latentSize.join('×')} latents; Weft needs square or dynamic ones.`,
    );

  /** Digests of the prepared files that are the source files themselves, so that they need not be read again. */
  const linked = new Map<string, string>();
  const write: WriteOptions = {
    onCopy: (file, bytes) =>
      onProgress?.({
        message: `Copying ${path.basename(file)} (${megabytes(bytes)}): it lies on another file system, where no link can reach it.`,
        copyBytes: bytes,
      }),
  };
  const place = async (part: Part, changed: boolean): Promise<string> => {
    const relative = `${part.name}/model.onnx`;
    const target = path.join(work, relative);
    if (part.inPlace !== undefined) {
      await writeModel(part.model, target, { inPlace: part.inPlace });
    } else if (changed || part.sources.length > 1) {
      const written = await writeModel(part.model, target, write);
      for (const [file, from] of written.linked) linked.set(path.relative(work, file), digests.get(from)!);
    } else {
      await fs.promises.mkdir(path.dirname(target), { recursive: true });
      await linkOrCopy(part.sources[0]!, target, write.onCopy);
      linked.set(path.relative(work, target), digests.get(part.sources[0]!)!);
    }
    return relative;
  };
  const changed: Record<PartName, boolean> = {
    unet: true,
    text_encoder: text.changed,
    vae_encoder: encoder.changed,
    vae_decoder: decoder.changed,
  };
  const paths = {} as Record<PartName, string>;
  for (const part of parts) paths[part.name] = await place(part, changed[part.name]);

  await fs.promises.mkdir(path.join(work, 'tokenizer'));
  for (const file of layout.tokenizer)
    await fs.promises.copyFile(file, path.join(work, 'tokenizer', path.basename(file)));
  if (layout.clip !== undefined) await writeClip(path.join(work, 'tokenizer'), layout.clip, options.clip);
  const contextLength =
    unet.contextLength ??
    text.contextLength ??
    layout.contextLength ??
    (await statedContextLength(path.join(work, 'tokenizer'))) ??
    77;
  await loadTokenizer(path.join(work, 'tokenizer'), contextLength);

  const latentSize =
    unet.latentSize?.[0] ??
    layout.sampleSize ??
    (manifest.pictureSize === undefined ? 64 : Math.round(manifest.pictureSize / scale));
  const pictureSize = manifest.pictureSize ?? latentSize * scale;

  const files: CheckpointFile[] = [];
  const made = (await filesBelow(work)).map(({ file, stats }) => ({
    file,
    stats,
    relative: path.relative(work, file),
  }));
  for (const { file, stats, relative } of made.sort((a, b) => (a.relative < b.relative ? -1 : 1))) {
    files.push({
      path: relative.split(path.sep).join('/'),
      size: stats.size,
      sha256: linked.get(relative) ?? (await sha256Of(file)),
    });
  }
  const identity = createHash('sha256').update(`weft ${CHECKPOINT_FORMAT} ${NUMBERS_VERSION}\n`);
  for (const part of parts) for (const file of part.sources) identity.update(`${part.name} ${digests.get(file)!}\n`);
  for (const file of layout.tokenizer) identity.update(`tokenizer ${digests.get(fs.realpathSync(file))!}\n`);
  if (layout.clip !== undefined) identity.update(`clip ${layout.clip.padding ?? ''}\n`);
  if (layout.weights !== undefined) identity.update(`${JSON.stringify(decidedBy(layout.weights))}\n`);
  identity.update(JSON.stringify([layout.scheduler, layout.scalingFactor, latentSize, pictureSize, contextLength]));

  const border = ({ input, output }: PartInterface) => ({ input, output });
  const stored: StoredCheckpoint = {
    format: CHECKPOINT_FORMAT,
    id: checkpointId(options.id ?? manifest.id ?? layout.name),
    title: manifest.title ?? layout.name,
    ...(manifest.licence === undefined ? {} : { licence: manifest.licence }),
    ...(manifest.origin === undefined ? {} : { origin: manifest.origin }),
    sha256: identity.digest('hex'),
    files,
    ...(layout.weights === undefined ? {} : { weights: weightFiles(parts, digests) }),
    precision,
    parameters,
    pictureSize,
    latentSize,
    fixedSize: unet.latentSize !== undefined || encoder.fixedSize || decoder.fixedSize,
    latentChannels: unet.latentChannels,
    vaeScale: Math.round(pictureSize / latentSize),
    scalingFactor: layout.scalingFactor,
    scheduler: layout.scheduler,
    unet: { path: paths.unet, interface: unet },
    textEncoder: { path: paths.text_encoder, ...border(text), contextLength, clipSkip: text.clipSkip },
    vaeEncoder: { path: paths.vae_encoder, ...border(encoder) },
    vaeDecoder: { path: paths.vae_decoder, ...border(decoder) },
    tokenizer: { path: 'tokenizer' },
    promptTemplate: manifest.promptTemplate ?? 'a photo of a {domain}',
    domains: manifest.domains ?? [],
    defaults: manifest.defaults ?? {},
    ...(manifest.draft === undefined ? {} : { draft: manifest.draft }),
    ...(manifest.knows === undefined ? {} : { knows: manifest.knows }),
  };
  const stamps: Stamps = {
    surgery: SURGERY_VERSION,
    ...(layout.weights === undefined ? {} : { emit: EMIT_VERSION }),
    files: {},
    sources: {},
    from,
    ...(options.choices === undefined ? {} : { choices: options.choices }),
  };
  for (const { path: relative, sha256 } of files)
    stamps.files[relative] = await stampOf(path.join(work, relative), sha256);
  for (const [file, sha256] of digests) {
    stamps.sources[file] = await stampOf(file, sha256);
    // A link to it changed its times: without this it would be read again when it is imported again.
    await options.digests?.remember(file, sha256);
  }
  const manifestFile = path.join(layout.folder, 'weft.json');
  if (fs.existsSync(manifestFile))
    stamps.sources[manifestFile] = await stampOf(manifestFile, await sha256Of(manifestFile));
  await writeStored(work, { checkpoint: stored, stamps });
  return stored;
}

/** The person's own files that parts read their weights from. */
function weightFiles(parts: Part[], digests: Map<string, string>): WeightFile[] {
  return [...new Set(parts.flatMap((part) => part.sources))].map((file) => ({
    file,
    size: fs.statSync(file).size,
    sha256: digests.get(file)!,
    parts: parts.filter((part) => part.sources.includes(file)).map((part) => part.name),
  }));
}

/** The tokenizer of a checkpoint that comes without one. */
async function writeClip(folder: string, { padding }: { padding?: string }, data: string | undefined): Promise<void> {
  if (data === undefined) throw new Error("This Weft was started without the folder of CLIP's tokenizer.");
  for (const [name, text] of Object.entries(clipTokenizerFiles(data, padding)))
    await fs.promises.writeFile(path.join(folder, name), text);
}
