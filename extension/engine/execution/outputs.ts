/** The files that a run writes: all of them judged before the first node runs, and written whole when the last one is done. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { MAX_NAME_BYTES, sameFileKey } from '../../graph';
import { withFileErrors, writeWhole as writeFile, type WriteOptions } from '../../platform/files';
import { withFreeNames } from '../../platform/freeNames';
import { graphError, WeftError } from '../../protocol/errors';

/** Writes a file whole or not at all; the error names the node that asked for it. */
export const writeWhole = (
  file: string,
  bytes: Uint8Array | string,
  node?: string,
  options?: WriteOptions,
): Promise<void> => withFileErrors('internal', () => writeFile(file, bytes, options), node);

/** A file that will be written. */
export interface Output {
  /** Absolute, symbolic links on the way allowed for. */
  path: string;
  /** Who writes it, in words: `save`, `the report of the run`. */
  writer: string;
  /** The node it is of. */
  node?: string;
}

/** A file that is read, by its absolute real path, and who reads it. */
export interface Input {
  path: string;
  reader: string;
}

/**
 * Refuses outputs that would fail after all the work, or cost the user a file: two for one file, one that replaces what the run reads (by
 * whatever name or hard link), a name that is too long, a folder that can't be written.
 * @throws WeftError `graph`, or `internal` where the disk refuses
 */
export async function checkOutputs(outputs: readonly Output[], inputs: readonly Input[]): Promise<void> {
  const readers = new Map<string, string>();
  for (const { path: file, reader } of inputs) {
    const id = await identity(file);
    if (id !== undefined && !readers.has(id)) readers.set(id, reader);
  }
  const writers = new Map<string, Output>();
  const folders = new Map<string, Output>();
  const probed = new Set<string>();
  for (const output of outputs) {
    const { path: file, writer, node } = output;
    const refuse = (reason: string): WeftError => graphError(`${writer} can't write ${file}: ${reason}`, node);
    const long = Buffer.byteLength(path.basename(file));
    if (long > MAX_NAME_BYTES)
      throw refuse(`the name has ${long} bytes, and file systems take ${MAX_NAME_BYTES}. Choose a shorter one.`);
    const { ancestor, below } = await standing(file, refuse);
    const reader = below.length === 0 ? readers.get((await identity(ancestor)) ?? '') : undefined;
    if (reader !== undefined)
      throw refuse(`${reader} reads that file, and the original would be lost. Choose another name or folder.`);
    const real =
      below.length > 0
        ? await fs.realpath(ancestor)
        : path.join(await fs.realpath(path.dirname(ancestor)), path.basename(ancestor));
    const key = sameFileKey([...real.split(path.sep), ...below].join('/'));
    const other = writers.get(key);
    if (other)
      throw refuse(
        other.path === file
          ? `${other.writer} writes it, too. Give one of them another name.`
          : `on many machines it is the same file as ${other.path} of ${other.writer}. Give one of them another name.`,
      );
    writers.set(key, output);
    for (let above = parentKey(key); above !== ''; above = parentKey(above)) folders.set(above, output);
    await probe(below.length === 0 ? path.dirname(ancestor) : ancestor, file, writer, node, probed);
  }
  for (const [key, output] of writers) {
    const inside = folders.get(key);
    if (inside)
      throw graphError(
        `${inside.writer} can't write ${inside.path}: ${output.path} is a file that ${output.writer} writes, not a folder. Choose another name.`,
        inside.node,
      );
  }
}

/**
 * Writes files whole. With a `freeStem`, names that begin with it get a number after it until no file of another run has one of them.
 * @returns where they are, and the name that a file beside them has to have
 */
export async function writeOutputs(
  files: readonly { path: string; bytes: Uint8Array; node: string }[],
  freeStem: string | undefined,
): Promise<{ paths: string[]; named: (file: string) => string }> {
  const write = async (named: (file: string) => string): Promise<string[]> => {
    for (const { path: file, bytes, node } of files) await writeWhole(named(file), bytes, node, { durable: true });
    return files.map((file) => named(file.path));
  };
  if (freeStem === undefined) return { paths: await write((file) => file), named: (file) => file };
  return withFreeNames(files, freeStem, async (named) => ({ paths: await write(named), named }));
}

const parentKey = (key: string): string => key.slice(0, Math.max(0, key.lastIndexOf('/')));

/** What tells a file from all others, by whatever name; undefined where there is none. */
async function identity(file: string): Promise<string | undefined> {
  const stats = await fs.stat(file, { bigint: true }).catch(() => undefined);
  return stats && `${stats.dev}:${stats.ino}`;
}

/** The nearest of a file and the folders above it that exists, and the names that do not. */
async function standing(
  file: string,
  refuse: (reason: string) => WeftError,
): Promise<{ ancestor: string; below: string[] }> {
  const below: string[] = [];
  for (let ancestor = file; ; ancestor = path.dirname(ancestor)) {
    let found;
    try {
      found = await fs.lstat(ancestor);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENAMETOOLONG') throw refuse('its path is too long for this disk. Choose a shorter one.');
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || ancestor === path.dirname(ancestor))
        throw refuse(`its folder can't be looked into (${code ?? String(error)}). Choose another folder.`);
      below.unshift(path.basename(ancestor));
      continue;
    }
    const target = found.isSymbolicLink() ? await fs.stat(ancestor).catch(() => undefined) : found;
    if (below.length > 0 && !target?.isDirectory())
      throw refuse(
        target
          ? `${ancestor} is a file, not a folder. Choose another folder.`
          : `${ancestor} is a symbolic link to nothing. Choose another folder.`,
      );
    if (below.length === 0 && target && !target.isFile())
      throw refuse(`it is ${target.isDirectory() ? 'a folder' : 'not a regular file'}. Choose another name.`);
    return { ancestor, below };
  }
}

/** Whether a folder takes files: the only way to know on every system is to make one there. */
async function probe(
  folder: string,
  file: string,
  writer: string,
  node: string | undefined,
  probed: Set<string>,
): Promise<void> {
  const denied = (reason: string): WeftError =>
    new WeftError('internal', `${writer} can't write ${file}: ${reason}. Choose another output folder.`, node);
  // A file that may not be written is not replaced, see writeWhole.
  await fs.access(file, fs.constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw denied('the file that is there may not be written');
  });
  if (probed.has(folder)) return;
  const temporary = path.join(folder, `.weft-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  try {
    await (await fs.open(temporary, 'wx')).close();
    await fs.rm(temporary);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A full disk may be empty again when the work is done, and it says so itself.
    if (code === 'ENOSPC' || code === 'EDQUOT') return;
    const may = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOENT';
    throw denied(may ? `the folder ${folder} may not be written to` : message);
  }
  probed.add(folder);
}
