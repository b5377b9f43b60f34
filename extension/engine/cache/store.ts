import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync, type Stats, statSync, writevSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { bytesBelow, filesBelow } from '../../platform/filesBelow';
import { isLeftover } from '../../platform/leftovers';
import { decodeTensors, encodeTensors, seemsWhole, type Tensors } from './tensorFile';

/** A cache key: the SHA-256 of what a product depends on, and of nothing else. */
export type Key = string;

/** The key of a product: its kind, the version of the algorithm that makes it, and everything it is computed from. */
export function keyOf(kind: string, version: number, parts: unknown): Key {
  return createHash('sha256')
    .update(JSON.stringify([kind, version, parts], sortedKeys))
    .digest('hex');
}

const sortedKeys = (_name: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** Files up to this size are read and written at once: it takes less time than to hand them to another thread. */
const SMALL_BYTES = 1 << 18;
/** Names files that are being written, as {@link writeWhole} does: processes of several machines may share the folder. */
const writer = `.weft-${process.pid}-${randomBytes(4).toString('hex')}`;
let written = 0;
/** What no run has read or made for so many runs leaves memory. */
const RECENT_RUNS = 8;
/** A newer use of a file is noted in its mtime at most this often. */
const TOUCH_AFTER_MS = 60_000;

/**
 * Tensors by content key, in memory within a budget and on disk within another. The folder is shared by all processes of the user:
 * files are written beside their place and renamed, so a reader sees a whole file or none; two writers of one key write the same bytes.
 * A file is verified each time it is read; one that is damaged, or another key's, is removed and counts as absent.
 */
export class ContentStore {
  private readonly memory = new Map<Key, { tensors: Tensors; bytes: number; onDisk: boolean; run: number }>();
  private memoryBytes = 0;
  private runs = 0;
  /** Since the folder was last looked through; nobody has yet. */
  private writtenBytes = Infinity;
  private readonly madeFolders = new Set<string>();
  private readonly writing = new Map<Key, Promise<void>>();
  private saidDamaged = false;
  /** Set once a write failed (disk full, read-only folder): the run goes on without keeping its products. */
  private writeProblem: string | undefined;

  /**
   * Without a folder nothing is kept beyond this object. With `spills` neither: the folder takes only what memory does not hold, and
   * {@link dispose} removes it: a run without cache.
   */
  constructor(
    private readonly folder: string | undefined,
    private readonly limits: { diskBytes: number; memoryBytes: number; spills?: boolean },
    private readonly warn: (message: string) => void = () => {},
  ) {}

  /** The tensors of a key, or undefined. They are shared: callers must not write to them. */
  async get(key: Key): Promise<Tensors | undefined> {
    const held = this.memory.get(key);
    if (held) {
      held.run = this.runs;
      this.memory.delete(key);
      this.memory.set(key, held);
      return held.tensors;
    }
    if (!this.folder) return undefined;
    const file = this.fileOf(key);
    let tensors: Tensors | undefined;
    let stats: Stats | undefined;
    try {
      stats = statSync(file, { throwIfNoEntry: false });
      if (!stats) return undefined;
      // A pipe in its place would wait for a writer.
      if (stats.isFile())
        tensors = decodeTensors(key, stats.size <= SMALL_BYTES ? readFileSync(file) : await fs.readFile(file));
    } catch {
      return undefined;
    }
    if (!tensors) {
      await this.removeDamaged(file);
      return undefined;
    }
    this.remember(key, tensors, true);
    void this.touch(file, stats);
    return tensors;
  }

  private async removeDamaged(file: string): Promise<void> {
    await fs.rm(file, { recursive: true, force: true }).catch(() => {});
    if (this.saidDamaged) return;
    this.saidDamaged = true;
    this.warn(
      `A file of the cache folder ${this.folder} is damaged or of an older version of Weft: what it held is computed again.`,
    );
  }

  /** Whether {@link get} will give a key's tensors: it reads and verifies them. */
  async has(key: Key): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  /** Whether a key's file looks whole, without reading it: for what is large and can be computed again should it prove damaged. */
  seems(key: Key): boolean {
    return this.memory.has(key) || (this.folder !== undefined && seemsWhole(this.fileOf(key), key));
  }

  /** Keeps tensors under a key. Returns at once; {@link flush} waits for the disk. */
  put(key: Key, tensors: Tensors): void {
    this.remember(key, tensors, false);
    if (!this.limits.spills) this.save(key, tensors);
  }

  private save(key: Key, tensors: Tensors): void {
    if (!this.folder || this.writeProblem || this.writing.has(key)) return;
    const write = this.write(key, tensors)
      .then(() => {
        const held = this.memory.get(key);
        if (held) held.onDisk = true;
        this.evict();
      })
      .catch((error: unknown) => {
        if (this.writeProblem) return;
        this.writeProblem = error instanceof Error ? error.message : String(error);
        this.warn(
          `The cache folder ${this.folder} can't be written (${this.writeProblem}), so later runs compute these results again.`,
        );
      })
      .finally(() => this.writing.delete(key));
    this.writing.set(key, write);
  }

  /** Waits until everything put is on disk (or has failed to get there). */
  async flush(): Promise<void> {
    await Promise.all(this.writing.values());
  }

  /**
   * Removes the least recently used files until the folder is within its limit. Looking through it costs more than a small run, so
   * between two looks a twentieth of the limit may be written.
   */
  async trim(): Promise<void> {
    if (!this.folder || this.writtenBytes <= this.limits.diskBytes / 20) return;
    this.writtenBytes = 0;
    const files = await filesBelow(this.folder);
    for (const { file } of files) if (isLeftover(file)) await fs.rm(file, { force: true });
    let total = files.reduce((sum, { stats }) => sum + stats.size, 0);
    if (total <= this.limits.diskBytes) return;
    files.sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs);
    for (const { file, stats } of files) {
      // Trim below the limit, so that the next run does not start with a scan that removes one file.
      if (total <= this.limits.diskBytes * 0.9) break;
      await fs.rm(file, { force: true });
      total -= stats.size;
    }
  }

  /** Forgets everything, in memory and on disk; returns the bytes freed on disk. */
  async clear(): Promise<number> {
    await this.flush();
    this.dropMemory();
    if (!this.folder) return 0;
    const bytes = await bytesBelow(this.folder);
    await fs.rm(this.folder, { recursive: true, force: true });
    return bytes;
  }

  /** Removes what a run without cache had to put on disk. */
  async dispose(): Promise<void> {
    await this.flush();
    this.dropMemory();
    if (this.folder && this.limits.spills) await fs.rm(this.folder, { recursive: true, force: true });
  }

  /** Bytes in memory. */
  get heldBytes(): number {
    return this.memoryBytes;
  }

  /** The budget of {@link heldBytes}. */
  get mostBytes(): number {
    return this.limits.memoryBytes;
  }

  /** Bytes and number of the files on disk, and what they may take. */
  async onDisk(): Promise<{ bytes: number; files: number; mostBytes: number }> {
    const files = this.folder ? await filesBelow(this.folder) : [];
    const bytes = files.reduce((sum, { stats }) => sum + stats.size, 0);
    return { bytes, files: files.length, mostBytes: this.limits.diskBytes };
  }

  /**
   * A run is over: what none of the last {@link RECENT_RUNS} has used leaves memory, if it is on disk. The budget is for what large
   * checkpoints work with; without this, a long session of a small one would fill it with what nobody asks for again.
   */
  endRun(): void {
    this.runs++;
    for (const [key, entry] of this.memory) {
      if (entry.run > this.runs - RECENT_RUNS) break;
      if (!entry.onDisk) continue;
      this.memory.delete(key);
      this.memoryBytes -= entry.bytes;
    }
  }

  /** Gives the memory back; the disk keeps everything. */
  dropMemory(): void {
    this.memory.clear();
    this.memoryBytes = 0;
  }

  private fileOf(key: Key): string {
    return path.join(this.folder!, key.slice(0, 2), `${key}.safetensors`);
  }

  private remember(key: Key, tensors: Tensors, onDisk: boolean): void {
    const bytes = Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
    const before = this.memory.get(key);
    if (before) this.memoryBytes -= before.bytes;
    this.memory.delete(key);
    this.memory.set(key, { tensors, bytes, onDisk, run: this.runs });
    this.memoryBytes += bytes;
    this.evict();
  }

  /** Drops the least recently used until memory is within its budget; what is not on disk (yet) has nowhere else to be. */
  private evict(): void {
    // What is being written will go when it is there.
    let leaving = 0;
    for (const [key, entry] of this.memory) {
      if (this.memoryBytes - leaving <= this.limits.memoryBytes) break;
      if (entry.onDisk) {
        this.memory.delete(key);
        this.memoryBytes -= entry.bytes;
      } else if (this.limits.spills) {
        this.save(key, entry.tensors);
        leaving += entry.bytes;
      }
    }
  }

  private async write(key: Key, tensors: Tensors): Promise<void> {
    const file = this.fileOf(key);
    const folder = path.dirname(file);
    // In the folder above, where one look finds what a killed process left.
    const temporary = path.join(this.folder!, `${writer}${(++written).toString(16)}.tmp`);
    const pieces = encodeTensors(key, tensors);
    const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (!this.madeFolders.has(folder)) await fs.mkdir(folder, { recursive: true });
    this.madeFolders.add(folder);
    this.writtenBytes += bytes;
    const place = async (): Promise<void> => {
      await writeNew(temporary, pieces, bytes);
      if (bytes <= SMALL_BYTES) renameSync(temporary, file);
      else await fs.rename(temporary, file);
    };
    try {
      await place().catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        // The cache was cleared, here or by another process.
        await fs.rm(temporary, { force: true });
        await fs.mkdir(folder, { recursive: true });
        await place();
      });
    } catch (error) {
      await fs.rm(temporary, { force: true });
      throw error;
    }
  }

  private async touch(file: string, { mtimeMs }: Stats): Promise<void> {
    try {
      const now = Date.now();
      if (now - mtimeMs > TOUCH_AFTER_MS) await fs.utimes(file, now / 1000, now / 1000);
    } catch {
      // Another process may have trimmed it: nothing to note.
    }
  }
}

/** Writes a file that is not there yet. */
async function writeNew(file: string, pieces: Uint8Array[], bytes: number): Promise<void> {
  if (bytes <= SMALL_BYTES) {
    const descriptor = openSync(file, 'wx');
    try {
      if (writevSync(descriptor, pieces) !== bytes) throw new Error('the disk took only a part');
    } finally {
      closeSync(descriptor);
    }
    return;
  }
  const handle = await fs.open(file, 'wx');
  try {
    await handle.writev(pieces);
  } finally {
    await handle.close();
  }
}
