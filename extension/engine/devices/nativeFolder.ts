/**
 * A folder below WEFT_HOME from which native code is loaded: it becomes part of the engine's process, so it must be what Weft put there,
 * and nobody else may be able to change it between the look and the loading. WEFT_HOME may be shared.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { openRegularSync, writeWholeSync } from '../../platform/files';
import { readOwnJson } from '../../platform/ownFile';
import { type FileStamp, fileStampSchema, sameStamp } from '../checkpoints/digests';

const RECORD = 'weft-files.json';
const recordSchema = z.object({ version: z.literal(1), files: z.record(z.string(), fileStampSchema) });
const OTHERS_MAY_WRITE = 0o002;
const GROUP_MAY_WRITE = 0o020;
const STICKY = 0o1000;

/** Takes the right to write from everybody else and records what each file is; called when the folder is made. */
export function sealFolder(folder: string): void {
  const files: Record<string, FileStamp> = {};
  for (const { file, relative, stats } of entriesOf(folder)) {
    if (process.platform !== 'win32' && !stats.isSymbolicLink()) fs.chmodSync(file, stats.mode & 0o755);
    if (stats.isDirectory()) continue;
    const sha256 = digest(file);
    const { size, mtimeMs, ino, ctimeMs } = fs.statSync(file);
    files[relative] = { size, mtimeMs, ino, ctimeMs, sha256 };
  }
  writeWholeSync(path.join(folder, RECORD), JSON.stringify({ version: 1, files }, undefined, 1));
  if (process.platform !== 'win32') for (const file of [folder, path.join(folder, RECORD)]) keepOthersOut(file);
}

const keepOthersOut = (file: string): void => fs.chmodSync(file, fs.statSync(file).mode & 0o755);

/** Makes a folder that others may not write into, where it is not there yet. */
export function makeOwnFolder(folder: string): void {
  if (fs.mkdirSync(folder, { recursive: true, mode: 0o755 }) !== undefined && process.platform !== 'win32')
    keepOthersOut(folder);
}

/**
 * Why nothing is loaded from a folder, as the end of a sentence; undefined where it is as it was sealed. A file is read again only when the
 * file system says that it was touched (see FileStamp).
 */
export function whyNotSealed(home: string, folder: string): string | undefined {
  const open = whyOpenToOthers(home, folder);
  if (open !== undefined) return open;
  const record = readOwnJson(path.join(folder, RECORD), recordSchema, () => undefined);
  if (record === undefined) return `${RECORD} in it is missing or damaged, or an older version of Weft put it there`;
  const missing = new Set(Object.keys(record.files));
  for (const { file, relative, stats } of entriesOf(folder)) {
    const wrong = whyOthersMayChange(file, stats);
    if (wrong !== undefined) return wrong;
    if (stats.isDirectory() || relative === RECORD) continue;
    const stamp = record.files[relative];
    if (stamp === undefined) return `${file} was not put there by Weft`;
    missing.delete(relative);
    if (!stats.isFile()) return `${file} is no regular file`;
    if (!sameStamp(stats, stamp) && digest(file) !== stamp.sha256) return `${file} was changed since it was installed`;
  }
  const [first] = missing;
  return first === undefined ? undefined : `${path.join(folder, first)} is missing`;
}

/** The same of the folders alone, from `home` down. */
export function whyOpenToOthers(home: string, folder: string): string | undefined {
  const below = path.relative(home, folder).split(path.sep);
  const places = below.map((_, i) => path.join(home, ...below.slice(0, i + 1)));
  for (const place of [home, ...places]) {
    // WEFT_HOME itself may be a link that its owner made; below it nothing is.
    const stats = (place === home ? fs.statSync : fs.lstatSync)(place, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isDirectory()) return `${place} is no folder`;
    const wrong = whyOthersMayChange(place, stats);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function whyOthersMayChange(file: string, { uid, gid, mode }: fs.Stats): string | undefined {
  const own = process.getuid?.();
  if (own === undefined) return undefined;
  if (uid !== own && uid !== 0) return `${file} belongs to another user (${uid})`;
  // In a folder like /tmp nobody can move what belongs to others.
  if ((mode & fs.constants.S_IFMT) === fs.constants.S_IFDIR && mode & STICKY) return undefined;
  const open = mode & OTHERS_MAY_WRITE || (mode & GROUP_MAY_WRITE && !isOwnGroup(gid));
  return open && !isLink(mode) ? `other users may write to ${file} (chmod go-w would end that)` : undefined;
}

const isLink = (mode: number): boolean => (mode & fs.constants.S_IFMT) === fs.constants.S_IFLNK;

/** Whether a group is the one that many systems make for each user: what the group may do, this user alone may do. */
function isOwnGroup(gid: number): boolean {
  if (process.getgid?.() !== gid) return false;
  try {
    const lines = (file: string): string[][] =>
      fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.split(':'));
    const group = lines('/etc/group').find((fields) => Number(fields[2]) === gid && fields.length >= 4);
    if (group === undefined) return false;
    const members = group[3]!.split(',').filter((name) => name !== '');
    const users = lines('/etc/passwd').flatMap(([name, , , primary]) =>
      primary !== undefined && Number(primary) === gid ? [name!] : [],
    );
    const { username } = os.userInfo();
    return [...members, ...users].every((name) => name === username);
  } catch {
    return false;
  }
}

function* entriesOf(folder: string): Generator<{ file: string; relative: string; stats: fs.Stats }> {
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = path.join(folder, name);
    yield { file, relative: name.split(path.sep).join('/'), stats: fs.lstatSync(file) };
  }
}

function digest(file: string): string {
  const hash = createHash('sha256');
  const { fd } = openRegularSync(file);
  try {
    const buffer = Buffer.alloc(4 << 20);
    for (let bytes = -1; bytes !== 0;) {
      bytes = fs.readSync(fd, buffer, 0, buffer.length, null);
      hash.update(buffer.subarray(0, bytes));
    }
    return hash.digest('hex');
  } finally {
    fs.closeSync(fd);
  }
}
