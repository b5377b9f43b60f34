/**
 * The one way to write a file, and the one way to read a file that somebody else made.
 *
 * Writing goes through a temporary file beside the target and a rename: whoever looks sees the old file or the whole new one, also when
 * the disk is full or the process is killed. Reading takes regular files only and stops at a limit: a pipe would wait for its writer, a
 * device would never end, and a file can be larger than the memory.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type ErrorKind, WeftError } from '../protocol/errors';

export type FileReason =
  'missing' | 'not-a-file' | 'too-large' | 'link-loop' | 'denied' | 'full' | 'name-too-long' | 'other';

/** What is wrong with a file. The message is a sentence that begins with the file; `what` is the same without the file. */
export class FileProblem extends Error {
  constructor(
    readonly file: string,
    readonly reason: FileReason,
    readonly what: string,
  ) {
    super(`${file} ${what}`);
    this.name = 'FileProblem';
  }
}

/** What `work`, at once or later, finds wrong with a file becomes an error of this kind, said of a node. */
export function withFileErrors<T>(kind: ErrorKind, work: () => T, node?: string): T {
  const refuse = (error: unknown): never => {
    throw error instanceof FileProblem ? new WeftError(kind, error.message, node) : error;
  };
  try {
    const result = work();
    return result instanceof Promise ? (result.catch(refuse) as T) : result;
  } catch (error) {
    return refuse(error);
  }
}

export interface WriteOptions {
  /** Survives a power loss: the file and its folder are flushed to the disk before this returns. */
  durable?: boolean;
}

/** A regular file that is open for reading; whoever asked closes it. */
export interface OpenFile {
  fd: number;
  stats: fs.Stats;
}

// Absent on Windows, where opening a named pipe does not wait.
const READ_WITHOUT_WAITING = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
const CHUNK_BYTES = 1 << 20;

/** Opens a regular file without ever waiting for a writer. Throws a {@link FileProblem}. `name` is how errors call the file. */
export function openRegularSync(file: string, name = file): OpenFile {
  let fd: number;
  try {
    fd = fs.openSync(file, READ_WITHOUT_WAITING);
  } catch (error) {
    throw unreadable(name, error);
  }
  try {
    const stats = fs.fstatSync(fd);
    if (!stats.isFile()) throw notAFile(name, stats);
    return { fd, stats };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** The bytes of a regular file of at most `maxBytes`. Throws a {@link FileProblem}. `name` is how errors call the file. */
export async function readRegular(file: string, maxBytes: number, name = file): Promise<Buffer> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(file, READ_WITHOUT_WAITING);
  } catch (error) {
    throw unreadable(name, error);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notAFile(name, stats);
    const bytes = new Filling(name, stats.size, maxBytes);
    while (!bytes.done) bytes.took((await handle.read(bytes.room(), 0, bytes.room().length, null)).bytesRead);
    return bytes.taken();
  } catch (error) {
    throw error instanceof FileProblem ? error : unreadable(name, error);
  } finally {
    await handle.close();
  }
}

/** {@link readRegular}, at once. */
export function readRegularSync(file: string, maxBytes: number, name = file): Buffer {
  const { fd, stats } = openRegularSync(file, name);
  try {
    const bytes = new Filling(name, stats.size, maxBytes);
    while (!bytes.done) bytes.took(fs.readSync(fd, bytes.room(), 0, bytes.room().length, null));
    return bytes.taken();
  } catch (error) {
    throw error instanceof FileProblem ? error : unreadable(name, error);
  } finally {
    fs.closeSync(fd);
  }
}

/** The bytes read so far. The size of a file may change under us (and is 0 below /proc), so the limit holds for what really comes. */
class Filling {
  private buffer: Buffer;
  private length = 0;
  done = false;

  constructor(
    private readonly name: string,
    size: number,
    private readonly maxBytes: number,
  ) {
    if (size > maxBytes) throw tooLarge(name, maxBytes);
    // One byte more than expected: the read that finds the end needs room.
    this.buffer = Buffer.allocUnsafe(size + 1);
  }

  room(): Buffer {
    if (this.length === this.buffer.length) {
      const larger = Buffer.allocUnsafe(this.length + CHUNK_BYTES);
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    return this.buffer.subarray(this.length);
  }

  took(bytes: number): void {
    this.length += bytes;
    this.done = bytes === 0;
    if (this.length > this.maxBytes) throw tooLarge(this.name, this.maxBytes);
  }

  taken(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` never returns where a parent takes no folders and says that
 * there is no such file (`/proc`).
 */
export function makeFolderSync(folder: string): void {
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
      // Of what is there, some file systems say that they are read-only first.
      if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    }
    const parent = path.dirname(folder);
    if (code !== 'ENOENT' || parent === folder || fs.existsSync(parent)) throw error;
    makeFolderSync(parent);
    fs.mkdirSync(folder);
  }
}

/**
 * Writes a file whole or not at all; folders on the way are made. A file that is there keeps its permissions, and one that may not be
 * written is not replaced. Throws a {@link FileProblem}.
 */
export async function writeWhole(file: string, bytes: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
  const { promises } = fs;
  const temporary = temporaryBeside(file);
  try {
    makeFolderSync(path.dirname(file));
    const mode = modeToKeep(file);
    const handle = await promises.open(temporary, 'wx', mode);
    try {
      await handle.writeFile(bytes);
      if (options.durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await promises.rename(temporary, file);
    if (options.durable) syncFolder(path.dirname(file));
  } catch (error) {
    await promises.rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(file, error);
  }
}

/** {@link writeWhole}, at once. */
export function writeWholeSync(file: string, bytes: Uint8Array | string, options: WriteOptions = {}): void {
  const temporary = temporaryBeside(file);
  try {
    makeFolderSync(path.dirname(file));
    const mode = modeToKeep(file);
    const fd = fs.openSync(temporary, 'wx', mode);
    try {
      fs.writeFileSync(fd, bytes);
      if (options.durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
    if (options.durable) syncFolder(path.dirname(file));
  } catch (error) {
    try {
      fs.rmSync(temporary, { force: true });
    } catch {
      // the sentence about the file itself matters more
    }
    throw unwritable(file, error);
  }
}

/** Flushes a folder's entries (a new name, a rename), or a file, to the disk. Windows knows no such thing for folders, and some file systems refuse. */
export function syncFolder(folder: string): void {
  try {
    // Windows flushes what is open for writing only.
    const fd = fs.openSync(folder, process.platform === 'win32' ? 'r+' : 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // the data itself is flushed
  }
}

/** Flushes all files below a folder, and the folders, to the disk: before the folder is moved to where others look for it. */
export function syncTree(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) syncTree(place);
    else if (entry.isFile()) syncFolder(place);
  }
  syncFolder(folder);
}

/** A short name of its own: a suffix to the target's name would make names of 229 to 255 bytes fail. */
function temporaryBeside(file: string): string {
  return path.join(path.dirname(file), `.weft-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
}

function modeToKeep(file: string): number | undefined {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  if (!stats) return undefined;
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'not a regular file';
    throw new FileProblem(file, 'not-a-file', `was not written: it is ${kind}. Choose another name.`);
  }
  // A rename needs no right to write the file that it replaces, so it has to be asked.
  fs.closeSync(fs.openSync(file, 'r+'));
  return stats.mode & 0o777;
}

function unwritable(file: string, error: unknown): FileProblem {
  if (error instanceof FileProblem) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const because = (reason: FileReason, text: string): FileProblem =>
    new FileProblem(file, reason, `was not written: ${text}.`);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return because('full', 'the disk is full. Free some space and run again; what was computed is kept');
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return because('denied', 'it may not be written. Choose another folder');
    case 'ENAMETOOLONG':
      return because('name-too-long', 'its name is too long for this disk. Choose a shorter name');
    case 'ENOTDIR':
    case 'EEXIST':
      return because('not-a-file', 'a part of its path is a file, not a folder. Choose another folder');
    case 'EISDIR':
      return because('not-a-file', 'it is a folder. Choose another name');
    case 'ELOOP':
      return because('link-loop', 'its path is a symbolic link that points at itself. Choose another folder');
    default:
      return because('other', message);
  }
}

function unreadable(name: string, error: unknown): FileProblem {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FileProblem(name, 'missing', "can't be read: there is no such file.");
    case 'EACCES':
    case 'EPERM':
      return new FileProblem(name, 'denied', "can't be read: you have no permission to read it.");
    case 'ELOOP':
      return new FileProblem(name, 'link-loop', "can't be read: it is a symbolic link that points at itself.");
    case 'ENAMETOOLONG':
      return new FileProblem(name, 'name-too-long', "can't be read: its name is too long for this disk.");
    case 'EISDIR':
      return new FileProblem(name, 'not-a-file', "can't be read: it is a folder, not a file.");
    // A pipe or a device that nobody serves.
    case 'ENXIO':
    case 'ENODEV':
      return new FileProblem(name, 'not-a-file', "can't be read: it is not a regular file.");
    default:
      return new FileProblem(name, 'other', `can't be read: ${message}.`);
  }
}

function notAFile(name: string, stats: fs.Stats): FileProblem {
  const kind = stats.isDirectory()
    ? 'a folder'
    : stats.isFIFO()
      ? 'a named pipe'
      : stats.isCharacterDevice() || stats.isBlockDevice()
        ? 'a device'
        : 'not a regular file';
  return new FileProblem(name, 'not-a-file', `can't be read: it is ${kind}. Give it a file.`);
}

function tooLarge(name: string, maxBytes: number): FileProblem {
  const limit = maxBytes >= 1 << 20 ? `${Math.floor(maxBytes / (1 << 20))} MB` : `${maxBytes} bytes`;
  return new FileProblem(name, 'too-large', `is too large: Weft reads up to ${limit} here.`);
}
