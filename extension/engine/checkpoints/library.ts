import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Draft, type Preset, presets } from '../../graph';
import { type CheckpointInfo, type FoundModel } from '../../protocol/engine';
import { checkpointError, WeftError } from '../../protocol/errors';
import { holderOf, type Lock, takeLock } from '../../platform/fileLock';
import { bytesBelow, filesBelow } from '../../platform/filesBelow';
import { SURGERY_VERSION } from '../onnx/surgery/rewriteUnet';
import { DigestMemory } from './digestMemory';
import { sha256Of, stampHolds, stampOf } from './digests';
import { readManifest } from './layout';
import { memoryNeed } from './memoryNeed';
import { type ModelFolders } from './modelFolders';
import { sizeFacts } from './pictureSizes';
import { checkpointId, prepareCheckpoint, type PrepareOptions, removeWhole } from './prepare';
import {
  CHECKPOINT_FILE,
  CHECKPOINT_FORMAT,
  meaningOf,
  readStored,
  requireDigest,
  requireWeights,
  type Stamps,
  STAMPS_FILE,
  writeStamps,
} from './stored';
import { withVae } from './separateVae';
import { withLora } from './withLoras';
import {
  type FoundModels,
  type ImportChoices,
  type LoraChoice,
  type PreparedCheckpoint,
  type PrepareProgress,
  type StoredCheckpoint,
} from './types';
import { EMIT_VERSION, layoutOf } from './weightsLayout';

export interface LibraryOptions {
  /** WEFT_HOME: checkpoints are kept in its folder `checkpoints`. */
  home: string;
  /** Folder of the checkpoints that come with Weft, ordinary ONNX folders each. */
  builtInModels?: string;
  /** Folders of models that other programs have, too. */
  modelFolders?: ModelFolders;
  /** Where digests of files that were read are remembered; default: in `home`. */
  digests?: DigestMemory;
}

/** A process that waits for another one looks so often whether it is done. */
const LOOK_AGAIN_MS = 100;

type OnProgress = (progress: PrepareProgress) => void;

/** A folder of the library as it lies on disk. */
interface Entry {
  id: string;
  builtIn: boolean;
  /** Prepared folder; of a built-in one that was never used it does not exist yet. */
  folder: string;
  /** ONNX folder of a built-in one. */
  source?: string;
  /** In a model folder, and not prepared yet. */
  found?: FoundModel;
}

const lockOf = (folder: string): string => path.join(path.dirname(folder), `.${path.basename(folder)}.lock`);
const isId = (text: string): boolean => /^[a-z0-9][a-z0-9.-]*$/.test(text);

export class CheckpointLibrary {
  /** Checkpoints being prepared by this process, so that two runs do not do it twice. */
  private readonly preparing = new Map<string, Promise<PreparedCheckpoint>>();
  private readonly digests: DigestMemory;

  constructor(private readonly options: LibraryOptions) {
    this.digests = options.digests ?? new DigestMemory(path.join(options.home, 'digests.json'));
  }

  /** What every preparation is given. */
  private get means(): Pick<PrepareOptions, 'digests' | 'clip'> {
    const { builtInModels } = this.options;
    return { digests: this.digests, ...(builtInModels && { clip: path.join(builtInModels, 'clip') }) };
  }

  private get folder(): string {
    return path.join(this.options.home, 'checkpoints');
  }

  /** What was downloaded for a checkpoint: kept as the original that it can be prepared from again. */
  private downloaded(id: string): string {
    return path.join(this.options.home, 'downloads', id);
  }

  private async entries(): Promise<Entry[]> {
    const entries: Entry[] = [];
    const { builtInModels } = this.options;
    for (const name of await subfolders(builtInModels)) {
      const source = path.join(builtInModels!, name);
      if (
        !['model_index.json', 'weft.json', 'unet', 'unet.onnx'].some((file) => fs.existsSync(path.join(source, file)))
      )
        continue;
      let id = name;
      try {
        id = readManifest(source).id ?? name;
      } catch {
        // open() will say what is wrong with it
      }
      // Two checkouts share a home; each has prepared files of its own.
      const place = createHash('sha256').update(source).digest('hex').slice(0, 12);
      entries.push({
        id: checkpointId(id),
        builtIn: true,
        source,
        folder: path.join(this.folder, '.built-in', `${name}-${place}`),
      });
    }
    for (const name of await subfolders(this.folder)) {
      if (name.startsWith('.') || entries.some((entry) => entry.id === name)) continue;
      entries.push({ id: name, builtIn: false, folder: path.join(this.folder, name) });
    }
    return entries;
  }

  private async find(id: string): Promise<Entry> {
    let entries = await this.entries();
    if (!entries.some((entry) => entry.id === id)) entries.push(...(await this.foundEntries(entries)));
    const folder = path.join(this.folder, id);
    if (!entries.some((entry) => entry.id === id) && isId(id) && holderOf(lockOf(folder)) !== undefined)
      // One that is being replaced has no folder for a moment.
      entries = await this.alone(folder, undefined, () => this.entries());
    const entry = entries.find((candidate) => candidate.id === id);
    if (entry === undefined)
      throw checkpointError(
        `There is no checkpoint "${id}". Known: ${entries.map((e) => e.id).join(', ') || 'none'}. ` +
          'Add one with "Weft: Add Checkpoint…" (in a shell `weft models add PATH`), or download one with ' +
          '"Weft: Download Checkpoint…" (`weft models download NAME`; `weft models available` lists them).',
      );
    return entry;
  }

  async list(): Promise<CheckpointInfo[]> {
    const entries = await this.entries();
    entries.push(...(await this.foundEntries(entries)));
    return Promise.all(entries.map((entry) => this.describe(entry)));
  }

  /** What lies in the model folders, with the ids of its checkpoints. */
  async found(): Promise<FoundModels> {
    const { modelFolders } = this.options;
    if (modelFolders === undefined) return { models: [], problems: [], others: { pickles: 0, safetensors: 0 } };
    const found = await modelFolders.find();
    const entries = await this.entries();
    const taken = new Map(entries.map((entry) => [entry.id, entry]));
    for (const model of found.models) {
      if (model.kind !== 'checkpoint' || model.problem !== undefined) continue;
      const mark = createHash('sha256').update(model.file).digest('hex').slice(0, 8);
      const plain = plainId(model.title) ?? `model-${mark}`;
      // Once prepared it keeps its id, whatever has been put beside it since.
      const ids = [plain, `${plain}-${mark}`];
      model.id = ids.find((id) => isFrom(taken.get(id), model.file)) ?? ids.find((id) => !taken.has(id)) ?? ids[1]!;
      if (!taken.has(model.id))
        taken.set(model.id, { id: model.id, builtIn: false, folder: path.join(this.folder, model.id), found: model });
    }
    return found;
  }

  /** Checkpoints in model folders that are not prepared yet. */
  private async foundEntries(known: Entry[]): Promise<Entry[]> {
    const { models } = await this.found();
    return models.flatMap((model) =>
      model.id === undefined || known.some(({ id }) => id === model.id)
        ? []
        : [{ id: model.id, builtIn: false, folder: path.join(this.folder, model.id), found: model }],
    );
  }

  private async describe(entry: Entry): Promise<CheckpointInfo> {
    const stored = readStored(entry.folder).checkpoint;
    if (stored !== undefined && stored.format === CHECKPOINT_FORMAT) {
      const info = infoOf({ ...stored, ...entry });
      return entry.builtIn ? info : { ...info, disk: await this.diskOf(entry) };
    }
    const info: CheckpointInfo = {
      id: entry.id,
      title: entry.id,
      sha256: '',
      size: await bytesBelow(entry.source ?? entry.folder),
      precision: 'fp32',
      pictureSize: 512,
      domains: [],
      builtIn: entry.builtIn,
      draft: presets.quick.schedule,
      defaults: {},
    };
    if (entry.found !== undefined) {
      const { file, title, size, precision, pictureSize, prediction } = entry.found;
      return { ...info, title, size, precision, pictureSize, ...(prediction && { prediction }), found: file };
    }
    if (entry.source === undefined)
      return {
        ...info,
        problem: `${CHECKPOINT_FILE} is missing, damaged or of another version of Weft: import the checkpoint again.`,
      };
    try {
      return infoOf({ ...(await this.prepared(entry)) });
    } catch (error) {
      return { ...info, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  /** What removing frees: bytes whose every name lies in what is removed, and bytes that other folders hold as well. */
  private async diskOf(entry: Entry): Promise<{ freed: number; shared: number }> {
    const names = new Map<string, { links: number; size: number; seen: number }>();
    for (const folder of [entry.folder, this.downloaded(entry.id)]) {
      for (const { stats } of await filesBelow(folder)) {
        const { dev, ino, nlink, size } = stats;
        const known = names.get(`${dev}:${ino}`) ?? { links: nlink, size, seen: 0 };
        known.seen++;
        names.set(`${dev}:${ino}`, known);
      }
    }
    const disk = { freed: 0, shared: 0 };
    for (const { links, size, seen } of names.values()) disk[seen >= links ? 'freed' : 'shared'] += size;
    return disk;
  }

  /** Whether it is in the library; a file in a model folder is not, before it is prepared. */
  async has(id: string): Promise<boolean> {
    return (await this.entries()).some((entry) => entry.id === id);
  }

  /**
   * The checkpoint ready to run, prepared first if need be.
   * @throws WeftError `checkpoint` if it is missing, refused, or its files changed (names file and digest).
   */
  async open(id: string, onProgress?: OnProgress): Promise<PreparedCheckpoint> {
    return this.prepared(await this.find(id), onProgress);
  }

  /** See {@link withVae}. */
  withVae(checkpoint: PreparedCheckpoint, file: string): Promise<PreparedCheckpoint> {
    return withVae(checkpoint, file, this.digests);
  }

  /** See {@link withLora}. */
  withLora(checkpoint: PreparedCheckpoint, lora: LoraChoice): Promise<PreparedCheckpoint> {
    return withLora(checkpoint, lora, this.digests);
  }

  private async prepared(entry: Entry, onProgress?: OnProgress): Promise<PreparedCheckpoint> {
    const ready = await this.ready(entry);
    if (ready !== undefined) return ready;
    const work =
      this.preparing.get(entry.folder) ??
      this.alone(entry.folder, onProgress, async () => {
        // Whoever was at it before may have made it.
        const done = await this.ready(entry);
        if (done !== undefined) return done;
        const { id, builtIn, folder } = entry;
        const source = entry.source ?? entry.found?.file;
        const from = source === undefined ? await this.originalOf(entry, onProgress) : [source];
        if (source !== undefined) onProgress?.({ message: `Preparing the checkpoint "${id}" for its first use.` });
        const { choices } = readStored(folder).stamps ?? {};
        const made = await prepareCheckpoint(from, folder, { ...this.means, id, builtIn, choices, onProgress });
        if (entry.found !== undefined) onProgress?.({ message: `The checkpoint "${id}" is prepared.`, added: true });
        return made;
      }).finally(() => this.preparing.delete(entry.folder));
    this.preparing.set(entry.folder, work);
    return work;
  }

  /**
   * The checkpoint if its folder can be used as it is; undefined if it has to be prepared.
   * @throws WeftError `checkpoint` if a file of an imported one was changed.
   */
  private async ready(entry: Entry): Promise<PreparedCheckpoint | undefined> {
    const { checkpoint: stored, stamps } = readStored(entry.folder);
    if (stored === undefined || stamps === undefined) return undefined;
    if (stored.format !== CHECKPOINT_FORMAT || stamps.surgery !== SURGERY_VERSION) return undefined;
    if (stored.weights !== undefined && stamps.emit !== EMIT_VERSION) return undefined;
    const { id, folder, builtIn } = entry;
    if (builtIn) {
      if (!(await this.sourcesHold(entry, stamps)) || !(await this.filesHold(entry, stored, stamps))) return undefined;
      return { ...stored, folder, builtIn };
    }
    await this.requireUnchanged(entry, stored, stamps);
    return { ...stored, id, folder, builtIn };
  }

  /** Work on a checkpoint's folder that no other process is at; waits its turn. */
  private async alone<T>(folder: string, onProgress: OnProgress | undefined, work: () => Promise<T>): Promise<T> {
    const file = lockOf(folder);
    for (let told = false; ; told = true) {
      let lock: Lock | undefined;
      try {
        lock = takeLock(file);
      } catch (error) {
        throw checkpointError(
          `The folder ${path.dirname(folder)}, where checkpoints are kept, can't be written (${(error as Error).message}). ` +
            'Point WEFT_HOME at a folder that you may write.',
        );
      }
      if (lock !== undefined) {
        try {
          return await work();
        } finally {
          lock.release();
        }
      }
      if (!told)
        onProgress?.({
          message: `Another Weft is using the checkpoint "${path.basename(folder)}". Waiting for it to finish.`,
        });
      await wait(LOOK_AGAIN_MS);
    }
  }

  /** What a checkpoint is made from anew, whose folder is damaged or was prepared by another version of Weft. */
  private async originalOf(entry: Entry, onProgress?: OnProgress): Promise<string[]> {
    const { checkpoint, stamps } = readStored(entry.folder);
    const from = stamps?.from;
    const again = 'add it again ("Weft: Add Checkpoint…", in a shell `weft models add PATH`).';
    const why =
      checkpoint === undefined || stamps === undefined
        ? `The checkpoint "${entry.id}" is not whole (${CHECKPOINT_FILE} or ${STAMPS_FILE} is missing or damaged)`
        : `The checkpoint "${entry.id}" was prepared by another version of Weft`;
    if (from === undefined || !from.every((file) => fs.existsSync(file)))
      throw checkpointError(
        `${why}, and ${from === undefined ? 'the folder it came from is not known' : `${from[0]} is no longer there`}: ${again}`,
      );
    for (const [file, { sha256 }] of Object.entries(stamps!.sources)) {
      const found = fs.existsSync(file) ? await this.digests.digest(file) : undefined;
      if (found !== sha256)
        throw checkpointError(`${why}, and ${file} is no longer the file that it was made from: ${again}`);
    }
    onProgress?.({ message: `${why}: preparing it again from ${from[0]}.` });
    return from;
  }

  /** Whether a built-in checkpoint's files are the ones it was prepared from. */
  private async sourcesHold(entry: Entry, stamps: Stamps): Promise<boolean> {
    let renewed = false;
    for (const [file, stamp] of Object.entries(stamps.sources)) {
      if (await stampHolds(file, stamp)) continue;
      // Of the file as it is now: what is written to it while it is digested shows next time.
      const now = await stampOf(file, stamp.sha256).catch(() => undefined);
      if (now === undefined || (await sha256Of(file)) !== stamp.sha256) return false;
      stamps.sources[file] = now;
      renewed = true;
    }
    if (renewed) await this.remember(entry, stamps);
    return true;
  }

  private async filesHold(entry: Entry, stored: StoredCheckpoint, stamps: Stamps): Promise<boolean> {
    try {
      await this.requireUnchanged(entry, stored, stamps);
      return true;
    } catch (error) {
      if (error instanceof WeftError) return false;
      throw error;
    }
  }

  /** Compares what is cheap to compare, and digests where that differs. */
  private async requireUnchanged(entry: Entry, stored: StoredCheckpoint, stamps: Stamps): Promise<void> {
    let renewed = false;
    for (const { path: relative, sha256 } of stored.files) {
      const file = path.join(entry.folder, relative);
      const stamp = stamps.files[relative];
      if (stamp !== undefined && stamp.sha256 === sha256 && (await stampHolds(file, stamp))) continue;
      stamps.files[relative] = await requireDigest(entry.id, file, relative, sha256);
      renewed = true;
    }
    for (const weight of stored.weights ?? []) {
      const now = await requireWeights(entry.id, weight, stamps.sources[weight.file]);
      renewed ||= now !== stamps.sources[weight.file];
      stamps.sources[weight.file] = now;
    }
    if (!renewed) return;
    stamps.checkpoint ??= meaningOf(stored);
    await this.remember(entry, stamps);
  }

  private async remember(entry: Entry, stamps: Stamps): Promise<void> {
    // Only a memory of what was checked: where it can't be written, it is checked again next time.
    await writeStamps(entry.folder, stamps).catch(() => undefined);
  }

  /** Imports a .safetensors file, a diffusers or ONNX folder, or the files of one checkpoint, under `id` (default: its manifest's id, else the folder's name). */
  async add(paths: string[], id?: string, onProgress?: OnProgress, choices?: ImportChoices): Promise<CheckpointInfo> {
    const sources = paths.map((given) => path.resolve(given));
    const layout = layoutOf(sources, choices);
    const wanted = checkpointId(id ?? layout.manifest.id ?? layout.name);
    const known = (await this.entries()).find((entry) => entry.id === wanted);
    if (known?.builtIn) throw checkpointError(`"${wanted}" is the name of a built-in checkpoint. Choose another id.`);
    const target = path.join(this.folder, wanted);
    if (known !== undefined && path.resolve(known.folder) === layout.folder)
      throw checkpointError(`${layout.folder} is the library's own folder of "${wanted}", which is already imported.`);
    await fs.promises.mkdir(this.folder, { recursive: true });
    const from = layout.root === undefined ? sources : [layout.folder];
    return this.alone(target, onProgress, async () => {
      const prepared = await prepareCheckpoint(from, target, { ...this.means, id: wanted, choices, onProgress });
      return { ...infoOf(prepared), disk: await this.diskOf({ id: wanted, builtIn: false, folder: target }) };
    });
  }

  /** Reads every file and compares digests. */
  async verify(id: string): Promise<{ id: string; files: number; bytes: number }> {
    const entry = await this.find(id);
    const { files, weights = [] } = await this.prepared(entry);
    const { stamps } = readStored(entry.folder);
    let bytes = 0;
    for (const weight of weights) {
      // Read again, whatever the stamps say.
      const stamp = await requireWeights(entry.id, weight);
      if (stamps !== undefined) stamps.sources[weight.file] = stamp;
      bytes += weight.size;
    }
    for (const { path: relative, sha256, size } of files) {
      const file = path.join(entry.folder, relative);
      const stamp = await requireDigest(entry.id, file, relative, sha256);
      if (stamps !== undefined) stamps.files[relative] = stamp;
      bytes += size;
    }
    for (const [file, { sha256 }] of Object.entries(entry.source === undefined ? {} : (stamps?.sources ?? {})))
      await requireDigest(entry.id, file, path.relative(entry.source!, file), sha256);
    if (stamps !== undefined) await this.remember(entry, stamps);
    return { id: entry.id, files: files.length + weights.length, bytes };
  }

  /** Removes a checkpoint and what was downloaded for it; returns the bytes that are free now. The folder it was imported from stays. */
  async remove(id: string): Promise<number> {
    const entry = await this.find(id);
    if (entry.builtIn) throw checkpointError(`"${id}" comes with Weft and can't be removed.`);
    if (entry.found !== undefined)
      throw checkpointError(
        `"${id}" is ${entry.found.file}, in one of your model folders: Weft has nothing of it to remove.`,
      );
    return this.alone(entry.folder, undefined, async () => {
      const { freed } = await this.diskOf(entry);
      await removeWhole(entry.folder);
      await fs.promises.rm(this.downloaded(entry.id), { recursive: true, force: true });
      return freed;
    });
  }
}

/** Whether a prepared checkpoint was made from a file or folder. */
function isFrom(entry: Entry | undefined, file: string): boolean {
  if (entry === undefined || entry.builtIn || entry.found !== undefined) return false;
  return readStored(entry.folder).stamps?.from?.includes(file) ?? false;
}

function plainId(title: string): string | undefined {
  try {
    return checkpointId(title);
  } catch {
    return undefined;
  }
}

function infoOf(checkpoint: Omit<PreparedCheckpoint, 'folder'>): CheckpointInfo {
  const { id, title, licence, origin, sha256, precision, pictureSize, domains, builtIn, files, defaults } = checkpoint;
  const { weights = [], scheduler, textEncoder } = checkpoint;
  return {
    ...(licence === undefined ? {} : { licence }),
    ...(origin === undefined ? {} : { origin }),
    memory: memoryNeed(checkpoint),
    id,
    title,
    sha256,
    size: [...files, ...weights].reduce((sum, file) => sum + file.size, 0),
    ...(weights.length === 0 ? {} : { weights: weights.map(({ file }) => file) }),
    ...(scheduler.prediction === undefined ? {} : { prediction: scheduler.prediction }),
    ...(textEncoder.clipSkip === undefined ? {} : { clipSkip: textEncoder.clipSkip }),
    precision,
    pictureSize,
    sizes: sizeFacts(checkpoint).sizes,
    domains,
    builtIn,
    draft: draftOf(checkpoint),
    // As the manifest has them; the engine translates its names into the catalogue's.
    defaults: defaults as CheckpointInfo['defaults'],
  };
}

/** Its own draft, else the few steps of a LoRA that fits it, else 30 steps. */
function draftOf({ draft, weights, unet }: Omit<PreparedCheckpoint, 'folder'>): Draft {
  if (draft) return draft;
  // LoRAs fold into weights in .safetensors files; the one for drafts was made for Stable Diffusion 1.x.
  const { schedule, lora }: Preset = weights && unet.interface.contextWidth === 768 ? presets.draft : presets.quick;
  return { ...schedule, ...(lora === undefined ? {} : { lora }) };
}

async function subfolders(folder: string | undefined): Promise<string[]> {
  if (folder === undefined) return [];
  try {
    const entries = await fs.promises.readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

/** The checkpoints of a home folder, and those that come with Weft. */
export function openLibrary(options: LibraryOptions): CheckpointLibrary {
  return new CheckpointLibrary(options);
}
