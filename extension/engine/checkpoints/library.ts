import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type CheckpointInfo } from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { SURGERY_VERSION } from '../onnx/surgery/rewriteUnet';
import { sha256Of, stampHolds, stampOf } from './digests';
import { readManifest } from './layout';
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
  constructor(private readonly options: LibraryOptions) {}

  private get folder(): string {
    return path.join(this.options.home, 'checkpoints');
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
          'Import one with `weft models add FOLDER`.',
      );
    return entry;
  }

  async list(): Promise<CheckpointInfo[]> {
    const entries = await this.entries();
    return Promise.all(entries.map((entry) => this.describe(entry)));
  }

  private async describe(entry: Entry): Promise<CheckpointInfo> {
    const stored = await readJson<StoredCheckpoint>(path.join(entry.folder, CHECKPOINT_FILE));
    if (stored !== undefined && stored.format === CHECKPOINT_FORMAT) return infoOf({ ...stored, ...entry });
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
      if (!current)
        throw new WeftError(
          'checkpoint',
          `The checkpoint "${entry.id}" was imported by another version of Weft: import its folder again with \`weft models add\`.`,
        );
      await this.requireUnchanged(entry, stored, stamps);
      return { ...stored, id: entry.id, folder: entry.folder, builtIn: false };
    }
    if (current && (await this.sourcesHold(entry, stamps)) && (await this.filesHold(entry, stored, stamps)))
      return { ...stored, folder: entry.folder, builtIn: true };
    let work = this.preparing.get(entry.folder);
    if (work === undefined) {
      onProgress?.({ message: `Preparing the checkpoint "${entry.id}" for its first use.` });
      await fs.promises.mkdir(path.dirname(entry.folder), { recursive: true });
      work = prepareCheckpoint(entry.source, entry.folder, { id: entry.id, builtIn: true, onProgress }).finally(() =>
        this.preparing.delete(entry.folder),
      );
      this.preparing.set(entry.folder, work);
    }
    return work;
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

  async add(folder: string, id?: string, onProgress?: OnProgress): Promise<CheckpointInfo> {
    const source = path.resolve(folder);
    if (!fs.existsSync(source)) throw new WeftError('checkpoint', `${source} does not exist.`);
    const wanted = checkpointId(id ?? readManifest(source).id ?? path.basename(source));
    const known = (await this.entries()).find((entry) => entry.id === wanted);
    if (known?.builtIn)
      throw new WeftError('checkpoint', `"${wanted}" is the name of a built-in checkpoint. Choose another id.`);
    const target = path.join(this.folder, wanted);
    if (known !== undefined && path.resolve(known.folder) === source)
      throw new WeftError(
        'checkpoint',
        `${source} is the library's own folder of "${wanted}": it is imported already.`,
      );
    await fs.promises.mkdir(this.folder, { recursive: true });
    return infoOf(await prepareCheckpoint(source, target, { id: wanted, onProgress }));
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

  async remove(id: string): Promise<boolean> {
    const entry = await this.find(id);
    if (entry.builtIn) throw new WeftError('checkpoint', `"${id}" comes with Weft and can't be removed.`);
    await fs.promises.rm(entry.folder, { recursive: true, force: true });
    return true;
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
  const { id, title, sha256, precision, pictureSize, domains, builtIn, files, defaults } = checkpoint;
  return {
    id,
    title,
    sha256,
    size: files.reduce((sum, file) => sum + file.size, 0),
    precision,
    pictureSize,
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
