/**
 * What a shared library of Linux needs, and what of it the dynamic linker would not find: read from the files, since the linker itself
 * names one missing library at a time. ELF64, little endian (System V gABI, chapter 5; ld.so(8) for where it looks).
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openRegularSync, readRegularSync } from '../../platform/files';

export interface SharedLibrary {
  /** e_machine: 62 for x86-64. */
  machine: number;
  /** DT_NEEDED, in order. */
  needed: string[];
  /** Folders that the library itself names: DT_RUNPATH, else DT_RPATH. */
  runPath: string[];
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const ENTRY_BYTES = 16;
const MOST_PROGRAM_HEADERS = 512;
const MOST_DYNAMIC_BYTES = 1 << 16;
const MOST_STRING_BYTES = 4096;
const MOST_CACHE_BYTES = 64 << 20;
/** Files looked at for one answer: a library's needs have needs of their own. */
const MOST_FILES = 200;

const [PT_LOAD, PT_DYNAMIC] = [1, 2];
const [DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH] = [0n, 1n, 5n, 15n, 29n];

/** The library's needs; undefined of a file that can't be read, is no 64-bit little-endian ELF, or is damaged. */
export function readSharedLibrary(file: string): SharedLibrary | undefined {
  let fd: number | undefined;
  try {
    const opened = openRegularSync(file);
    fd = opened.fd;
    return parse(opened.fd, opened.stats.size);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

function parse(fd: number, size: number): SharedLibrary {
  const bytes = (at: number, length: number): Buffer => {
    if (!Number.isSafeInteger(at) || at < 0 || at + length > size) throw new RangeError('beyond the file');
    const buffer = Buffer.alloc(length);
    if (fs.readSync(fd, buffer, 0, length, at) !== length) throw new RangeError('cut short');
    return buffer;
  };
  const header = bytes(0, HEADER_BYTES);
  if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) throw new RangeError('no ELF64');
  const count = header.readUInt16LE(56);
  if (header.readUInt16LE(54) !== PROGRAM_HEADER_BYTES || count > MOST_PROGRAM_HEADERS)
    throw new RangeError('program headers');
  const segments = Array.from({ length: count }, (_, i) => {
    const entry = bytes(Number(header.readBigUInt64LE(32)) + i * PROGRAM_HEADER_BYTES, PROGRAM_HEADER_BYTES);
    const [offset, address, length] = [8, 16, 32].map((at) => Number(entry.readBigUInt64LE(at)));
    return { type: entry.readUInt32LE(0), offset: offset!, address: address!, length: length! };
  });
  const library: SharedLibrary = { machine: header.readUInt16LE(18), needed: [], runPath: [] };
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return library;
  const table = bytes(dynamic.offset, Math.min(dynamic.length, MOST_DYNAMIC_BYTES));
  const entries: { tag: bigint; value: number }[] = [];
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
    const tag = table.readBigInt64LE(at);
    if (tag === DT_NULL) break;
    entries.push({ tag, value: Number(table.readBigUInt64LE(at + 8)) });
  }
  const address = entries.find(({ tag }) => tag === DT_STRTAB)?.value ?? NaN;
  const home = segments.find((each) => {
    return each.type === PT_LOAD && address >= each.address && address < each.address + each.length;
  });
  const strings = (home?.offset ?? NaN) + address - (home?.address ?? NaN);
  const text = (at: number): string => {
    const room = bytes(strings + at, Math.min(MOST_STRING_BYTES, size - strings - at));
    const end = room.indexOf(0);
    if (end < 0) throw new RangeError('a text without end');
    return room.toString('utf8', 0, end);
  };
  const all = (wanted: bigint): string[] => entries.filter(({ tag }) => tag === wanted).map(({ value }) => text(value));
  library.needed = all(DT_NEEDED);
  const paths = all(DT_RUNPATH);
  library.runPath = (paths.length > 0 ? paths : all(DT_RPATH)).flatMap((list) => list.split(':'));
  return library;
}

/** Where the dynamic linker looks besides the places that a library names. */
export interface LinkerPlaces {
  /** LD_LIBRARY_PATH. */
  libraryPath?: string;
  /** What ldconfig found. */
  cacheFile: string;
  folders: string[];
  /** Names that are loaded already: they need not be found again. */
  loaded: Set<string>;
}

export function linkerPlaces(env: NodeJS.ProcessEnv = process.env): LinkerPlaces {
  return {
    libraryPath: env['LD_LIBRARY_PATH'],
    cacheFile: '/etc/ld.so.cache',
    folders: ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'],
    loaded: loadedHere(),
  };
}

function loadedHere(): Set<string> {
  try {
    const maps = fs.readFileSync('/proc/self/maps', 'utf8');
    return new Set(Array.from(maps.matchAll(/\/([^/\n]+\.so[^/\n]*)$/gm), ([, name]) => name!));
  } catch {
    return new Set();
  }
}

/** What the dynamic linker finds of names on this machine. */
export class Linker {
  private readonly cache: Buffer;

  constructor(private readonly places: LinkerPlaces) {
    let cache: Buffer = Buffer.alloc(0);
    try {
      cache = readRegularSync(places.cacheFile, MOST_CACHE_BYTES);
    } catch {
      // None, as in some containers: the folders remain.
    }
    this.cache = cache;
  }

  /** The names that a library needs, or what it needs needs, and that are not there, sorted. */
  missingOf(file: string): string[] {
    const missing = new Set<string>();
    const seen = new Set<string>();
    const waiting = [file];
    for (const at of waiting) {
      const library = readSharedLibrary(at);
      if (library === undefined || waiting.length > MOST_FILES) continue;
      for (const name of library.needed) {
        if (seen.has(name)) continue;
        seen.add(name);
        if (this.places.loaded.has(name)) continue;
        const found = this.find(name, library.machine, at, library.runPath);
        if (found === undefined) missing.add(name);
        else waiting.push(found);
      }
    }
    return [...missing].sort();
  }

  /** The file that a name is loaded from; one made for another machine does not count, as for the linker itself. */
  find(name: string, machine: number, by?: string, runPath: string[] = []): string | undefined {
    const { libraryPath = '', folders } = this.places;
    const origin = by === undefined ? undefined : path.dirname(by);
    const named = runPath.flatMap((folder) => {
      const here = folder.replace(/\$(ORIGIN|\{ORIGIN\})/g, origin ?? '');
      return /\$/.test(here) ? [] : [here];
    });
    // onnxruntime loads what lies beside a provider before it opens the provider.
    const beside = origin === undefined ? [] : [origin];
    const listed = libraryPath === '' ? [] : libraryPath.split(/[:;]/).map((folder) => folder || '.');
    const fits = (file: string): boolean => readSharedLibrary(file)?.machine === machine;
    const candidates = name.includes('/')
      ? [name]
      : [
          ...[...listed, ...named, ...beside].map((folder) => path.join(folder, name)),
          ...this.cached(name),
          ...folders.map((folder) => path.join(folder, name)),
        ];
    return candidates.find(fits);
  }

  /** Files of a name in ld.so.cache: its texts end with NUL, and a path there ends with the name (glibc, cache.c). */
  private cached(name: string): string[] {
    const found: string[] = [];
    const ending = Buffer.from(`/${name}\0`);
    for (let at = this.cache.indexOf(ending); at >= 0; at = this.cache.indexOf(ending, at + 1)) {
      // Before the first text lie numbers, of which the last may end with another byte.
      const start = this.cache.indexOf('/', this.cache.lastIndexOf(0, at) + 1);
      if (at - start < MOST_STRING_BYTES) found.push(this.cache.toString('utf8', start, at + ending.length - 1));
    }
    return found;
  }
}
