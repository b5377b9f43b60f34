import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type CheckpointInfo } from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { SURGERY_VERSION } from '../onnx/surgery/rewriteUnet';
import { DigestMemory } from './digestMemory';
import { sha256Of, stampHolds, stampOf } from './digests';
import { layoutOf, readManifest } from './layout';
import { memoryNeed } from './memoryNeed';
import { sizeFacts } from './pictureSizes';
import {
  CHECKPOINT_FILE,
  CHECKPOINT_FORMAT,
  checkpointId,
  prepareCheckpoint,
  type Stamps,
  STAMPS_FILE,
  type StoredCheckpoint,
} from './prepare';
import { type CheckpointLibrary, type PreparedCheckpoint, type PrepareProgress } from './types';

export interface LibraryOptions {
  /** WEFT_HOME: checkpoints are kept in its folder `checkpoints`. */
  home: string;
  /** Folder of the checkpoints that come with Weft, ordinary ONNX folders each. */
  builtInModels?: string;
  /** Where digests of files that were read are remembered; default: in `home`. */
  digests?: DigestMemory;
}

type OnProgress = (progress: PrepareProgress) => void;

/** A folder of the library as it lies on disk. */
interface Entry {
  id: string;
  builtIn: boolean;
  /** Prepared folder; of a built-in one that was never used it does not exist yet. */
  folder: string;
  /** ONNX folder of a built-in one. */
  source?: string;
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await fs.promises.readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

class Library implements CheckpointLibrary {
  /** Checkpoints being prepared by this process, so that two runs do not do it twice. */
  private readonly preparing = new Map<string, Promise<PreparedCheckpoint>>();
  private readonly digests: DigestMemory;

  constructor(private readonly options: LibraryOptions) {
    this.digests = options.digests ?? new DigestMemory(path.join(options.home, 'digests.json'));
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
    const entries = await this.entries();
    const entry = entries.find((candidate) => candidate.id === id);
    if (entry === undefined)
      throw new WeftError(
        'checkpoint',
        `There is no checkpoint "${id}". Known: ${entries.map((e) => e.id).join(', ') || 'none'}. ` +
          'Import one with "Weft: Add Checkpoint Folder…" (in a shell `weft models add FOLDER`), or fetch one with ' +
          '"Weft: Download Checkpoint…" (`weft models download NAME`; `weft models available` lists them).',
      );
    return entry;
  }

  async list(): Promise<CheckpointInfo[]> {
    const entries = await this.entries();
    return Promise.all(entries.map((entry) => this.describe(entry)));
  }

  private async describe(entry: Entry): Promise<CheckpointInfo> {
    const stored = await readJson<StoredCheckpoint>(path.join(entry.folder, CHECKPOINT_FILE));
    if (stored !== undefined && stored.format === CHECKPOINT_FORMAT) {
      const info = infoOf({ ...stored, ...entry });
      return entry.builtIn ? info : { ...info, disk: await this.diskOf(entry) };
    }
    const info: CheckpointInfo = {
      id: entry.id,
      title: entry.id,
      sha256: '',
      size: await folderSize(entry.source ?? entry.folder),
      precision: 'fp32',
      pictureSize: 512,
      domains: [],
      builtIn: entry.builtIn,
      defaults: {},
    };
    if (entry.source === undefined)
      return {
        ...info,
        problem: `${CHECKPOINT_FILE} is missing or of an older version of Weft: import the checkpoint again.`,
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
      const files = await fs.promises.readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
      for (const file of files) {
        if (!file.isFile()) continue;
        const { dev, ino, nlink, size } = await fs.promises.stat(path.join(file.parentPath, file.name));
        const known = names.get(`${dev}:${ino}`) ?? { links: nlink, size, seen: 0 };
        known.seen++;
        names.set(`${dev}:${ino}`, known);
      }
    }
    const disk = { freed: 0, shared: 0 };
    for (const { links, size, seen } of names.values()) disk[seen >= links ? 'freed' : 'shared'] += size;
    return disk;
  }

  async has(id: string): Promise<boolean> {
    return (await this.entries()).some((entry) => entry.id === id);
  }

  async open(id: string, onProgress?: OnProgress): Promise<PreparedCheckpoint> {
    return this.prepared(await this.find(id), onProgress);
  }

  private async prepared(entry: Entry, onProgress?: OnProgress): Promise<PreparedCheckpoint> {
    const stored = await readJson<StoredCheckpoint>(path.join(entry.folder, CHECKPOINT_FILE));
    const stamps = await readJson<Stamps>(path.join(entry.folder, STAMPS_FILE));
    const current =
      stored !== undefined &&
      stamps !== undefined &&
      stored.format === CHECKPOINT_FORMAT &&
      stamps.surgery === SURGERY_VERSION;
    if (entry.source === undefined) {
      if (!current) return this.prepareAgain(entry, stamps, onProgress);
      await this.requireUnchanged(entry, stored, stamps);
      return { ...stored, id: entry.id, folder: entry.folder, builtIn: false };
    }
    if (current && (await this.sourcesHold(entry, stamps)) && (await this.filesHold(entry, stored, stamps)))
      return { ...stored, folder: entry.folder, builtIn: true };
    onProgress?.({ message: `Preparing the checkpoint "${entry.id}" for its first use.` });
    return this.prepareOnce(entry, [entry.source], onProgress);
  }

  private async prepareOnce(entry: Entry, from: string[], onProgress?: OnProgress): Promise<PreparedCheckpoint> {
    let work = this.preparing.get(entry.folder);
    if (work === undefined) {
      await fs.promises.mkdir(path.dirname(entry.folder), { recursive: true });
      const { id, builtIn, folder } = entry;
      work = prepareCheckpoint(from, folder, { id, builtIn, digests: this.digests, onProgress }).finally(() =>
        this.preparing.delete(folder),
      );
      this.preparing.set(folder, work);
    }
    return work;
  }

  /** A checkpoint that another version of Weft prepared, made anew from what it was imported from. */
  private async prepareAgain(
    entry: Entry,
    stamps: Stamps | undefined,
    onProgress?: OnProgress,
  ): Promise<PreparedCheckpoint> {
    const from = stamps?.from;
    const again = 'add it again ("Weft: Add Checkpoint Folder…", in a shell `weft models add FOLDER`).';
    const why = `The checkpoint "${entry.id}" was prepared by another version of Weft`;
    if (from === undefined || !from.every((file) => fs.existsSync(file)))
      throw new WeftError(
        'checkpoint',
        `${why}, and ${from === undefined ? 'the folder it came from is not known' : `${from[0]} is no longer there`}: ${again}`,
      );
    for (const [file, { sha256 }] of Object.entries(stamps!.sources)) {
      const found = fs.existsSync(file) ? await this.digests.digest(file) : undefined;
      if (found !== sha256)
        throw new WeftError(
          'checkpoint',
          `${why}, and ${file} is not the file any more that it was made from: ${again}`,
        );
    }
    onProgress?.({ message: `${why}: preparing it again from ${from[0]}.` });
    return this.prepareOnce(entry, from, onProgress);
  }

  /** Whether a built-in checkpoint's files are the ones it was prepared from. */
  private async sourcesHold(entry: Entry, stamps: Stamps): Promise<boolean> {
    let renewed = false;
    for (const [file, stamp] of Object.entries(stamps.sources)) {
      if (await stampHolds(file, stamp)) continue;
      if (!fs.existsSync(file) || (await sha256Of(file)) !== stamp.sha256) return false;
      stamps.sources[file] = await stampOf(file, stamp.sha256);
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
      await requireDigest(entry.id, file, relative, sha256);
      stamps.files[relative] = await stampOf(file, sha256);
      renewed = true;
    }
    if (renewed) await this.remember(entry, stamps);
  }

  private async remember(entry: Entry, stamps: Stamps): Promise<void> {
    const file = path.join(entry.folder, STAMPS_FILE);
    const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      await fs.promises.writeFile(temporary, JSON.stringify(stamps, undefined, 1));
      await fs.promises.rename(temporary, file);
    } catch {
      // Only a memory of what was checked: next time it is checked again.
      await fs.promises.rm(temporary, { force: true });
    }
  }

  async add(paths: string[], id?: string, onProgress?: OnProgress): Promise<CheckpointInfo> {
    const sources = paths.map((given) => path.resolve(given));
    const layout = layoutOf(sources);
    const wanted = checkpointId(id ?? layout.manifest.id ?? path.basename(layout.folder));
    const known = (await this.entries()).find((entry) => entry.id === wanted);
    if (known?.builtIn)
      throw new WeftError('checkpoint', `"${wanted}" is the name of a built-in checkpoint. Choose another id.`);
    const target = path.join(this.folder, wanted);
    if (known !== undefined && path.resolve(known.folder) === layout.folder)
      throw new WeftError(
        'checkpoint',
        `${layout.folder} is the library's own folder of "${wanted}": it is imported already.`,
      );
    await fs.promises.mkdir(this.folder, { recursive: true });
    const from = layout.root === undefined ? sources : [layout.folder];
    const prepared = await prepareCheckpoint(from, target, { id: wanted, digests: this.digests, onProgress });
    const entry = { id: wanted, builtIn: false, folder: target };
    return { ...infoOf(prepared), disk: await this.diskOf(entry) };
  }

  async verify(id: string): Promise<{ id: string; files: number; bytes: number }> {
    const entry = await this.find(id);
    const { files } = await this.prepared(entry);
    const stamps = await readJson<Stamps>(path.join(entry.folder, STAMPS_FILE));
    let bytes = 0;
    for (const { path: relative, sha256, size } of files) {
      const file = path.join(entry.folder, relative);
      await requireDigest(entry.id, file, relative, sha256);
      if (stamps !== undefined) stamps.files[relative] = await stampOf(file, sha256);
      bytes += size;
    }
    for (const [file, { sha256 }] of Object.entries(entry.source === undefined ? {} : (stamps?.sources ?? {})))
      await requireDigest(entry.id, file, path.relative(entry.source!, file), sha256);
    if (stamps !== undefined) await this.remember(entry, stamps);
    return { id: entry.id, files: files.length, bytes };
  }

  async remove(id: string): Promise<number> {
    const entry = await this.find(id);
    if (entry.builtIn) throw new WeftError('checkpoint', `"${id}" comes with Weft and can't be removed.`);
    const { freed } = await this.diskOf(entry);
    await fs.promises.rm(entry.folder, { recursive: true, force: true });
    await fs.promises.rm(this.downloaded(entry.id), { recursive: true, force: true });
    return freed;
  }
}

async function requireDigest(id: string, file: string, relative: string, expected: string): Promise<void> {
  let found: string;
  try {
    found = await sha256Of(file);
  } catch {
    throw new WeftError('checkpoint', `${relative} of the checkpoint "${id}" is missing: import the checkpoint again.`);
  }
  if (found !== expected)
    throw new WeftError(
      'checkpoint',
      `${relative} of the checkpoint "${id}" is damaged: its SHA-256 is ${found} instead of ${expected}. Import the checkpoint again.`,
    );
}

function infoOf(checkpoint: Omit<PreparedCheckpoint, 'folder'>): CheckpointInfo {
  const { id, title, licence, sha256, precision, pictureSize, domains, builtIn, files, defaults } = checkpoint;
  return {
    ...(licence === undefined ? {} : { licence }),
    memory: memoryNeed(checkpoint),
    id,
    title,
    sha256,
    size: files.reduce((sum, file) => sum + file.size, 0),
    precision,
    pictureSize,
    sizes: sizeFacts(checkpoint).sizes,
    domains,
    builtIn,
    // As the manifest has them; the engine translates its names into the catalogue's.
    defaults: defaults as CheckpointInfo['defaults'],
  };
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

async function folderSize(folder: string): Promise<number> {
  const entries = await fs.promises.readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await fs.promises.stat(path.join(entry.parentPath, entry.name))).size;
  return bytes;
}

/** The checkpoints of a home folder, and those that come with Weft. */
export function openLibrary(options: LibraryOptions): CheckpointLibrary {
  return new Library(options);
}
