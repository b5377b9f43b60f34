import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { cudaNeeds, missingSentence } from '../../../../extension/engine/devices/explain';
import {
  Linker,
  linkerPlaces,
  type LinkerPlaces,
  readSharedLibrary,
} from '../../../../extension/engine/devices/sharedLibrary';
import { sharedLibrary } from '../../../support/elf';
import { root } from '../../../support/mini';

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-elf-'));
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** What the provider of onnxruntime 1.30 is linked with. */
const CUDA_13 = ['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10'];
const isLinux = process.platform === 'linux';

describe('the needs of a shared library', () => {
  const file = path.join(work, 'one.so');

  it.runIf(isLinux && process.arch === 'x64')('are what readelf says of a real one', () => {
    const real = path.join(root, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1');
    const { needed, machine } = readSharedLibrary(real)!;
    expect(machine).toBe(62);
    expect(needed).toContain('libc.so.6');
    const { stdout, error } = spawnSync('readelf', ['-d', real], { encoding: 'utf8', env: { LC_ALL: 'C' } });
    if (error === undefined)
      expect(needed).toEqual(Array.from(stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g), ([, name]) => name));
  });

  it('come with the folders that it names', () => {
    fs.writeFileSync(file, sharedLibrary(CUDA_13, { runPath: '$ORIGIN:/opt/cuda/lib64', rPath: '/old' }));
    expect(readSharedLibrary(file)).toEqual({
      machine: 62,
      needed: CUDA_13,
      runPath: ['$ORIGIN', '/opt/cuda/lib64'],
    });
  });

  it('are unknown of what is no library, and of one that was cut short or changed anywhere', () => {
    const whole = sharedLibrary(CUDA_13, { runPath: '$ORIGIN' });
    for (let length = 0; length < whole.length - 1; length++) {
      fs.writeFileSync(file, whole.subarray(0, length));
      expect(readSharedLibrary(file)).toBeUndefined();
    }
    // Whatever a byte says: an answer of bounded size, or none.
    for (let at = 0; at < whole.length; at++)
      for (const value of [0, 0x7f, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged[at] = value;
        fs.writeFileSync(file, damaged);
        const { needed = [] } = readSharedLibrary(file) ?? {};
        expect(needed.join('').length).toBeLessThan(1000);
      }
    for (const other of [work, path.join(work, 'none'), '/dev/zero', import.meta.filename])
      expect(readSharedLibrary(other)).toBeUndefined();
    fs.writeFileSync(file, sharedLibrary([]));
    expect(readSharedLibrary(file)!.needed).toEqual([]);
  });
});

describe('what of it is missing', () => {
  let folder: string;
  let places: LinkerPlaces;
  const put = (at: string, bytes = sharedLibrary([])): string => {
    const file = path.join(folder, at);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
    return file;
  };
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(work, 'machine-'));
    places = {
      cacheFile: path.join(folder, 'ld.so.cache'),
      folders: [path.join(folder, 'usual')],
      loaded: new Set(['libc.so.6']),
    };
  });

  it('is each library that none of the places of the dynamic linker has', () => {
    const provider = put('runtime/provider.so', sharedLibrary([...CUDA_13, 'libbeside.so', 'libc.so.6']));
    const missing = (): string[] => new Linker(places).missingOf(provider);
    put('runtime/libbeside.so');
    expect(missing()).toEqual([...CUDA_13].sort());
    put('usual/libcudart.so.13');
    expect(missing()).toEqual(['libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10']);
    places.libraryPath = `/nowhere:${path.join(folder, 'named')}`;
    put('named/libcurand.so.10');
    expect(missing()).toEqual(['libcublas.so.13', 'libcublasLt.so.13']);
    // As ldconfig writes it: numbers, then texts, of which one may be the end of another.
    const cached = put('cuda/libcublas.so.13');
    fs.writeFileSync(places.cacheFile, `glibc-ld.so.cache1.1\0\x01@${cached}\0/gone/libcublasLt.so.13\0`);
    expect(missing()).toEqual(['libcublasLt.so.13']);
  });

  it('is found where the library itself says, also beside it', () => {
    const needed = ['liba.so.1', 'libb.so.1'];
    const provider = put('runtime/provider.so', sharedLibrary(needed, { runPath: `\${ORIGIN}/../more` }));
    put('more/liba.so.1');
    put('runtime/libb.so.1');
    expect(new Linker(places).missingOf(provider)).toEqual([]);
  });

  it('is also what a library that is there needs itself', () => {
    const provider = put('runtime/provider.so', sharedLibrary(['libcublas.so.13']));
    put('usual/libcublas.so.13', sharedLibrary(['libcublasLt.so.13', 'libcublas.so.13']));
    expect(new Linker(places).missingOf(provider)).toEqual(['libcublasLt.so.13']);
  });

  it('is a library for another machine, or a damaged one, as it is for the linker', () => {
    const provider = put('runtime/provider.so', sharedLibrary(['libcudart.so.13', 'libcurand.so.10']));
    put('usual/libcudart.so.13', sharedLibrary([], { machine: 183 }));
    put('usual/libcurand.so.10', Buffer.from('not a library'));
    expect(new Linker(places).missingOf(provider)).toEqual(['libcudart.so.13', 'libcurand.so.10']);
  });

  it('is told with the version of CUDA and of the driver', () => {
    const provider = put('runtime/provider.so', sharedLibrary(CUDA_13));
    const version = put(
      'version',
      Buffer.from('NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n'),
    );
    const needs = cudaNeeds(provider, places, version);
    expect(needs).toEqual({
      version: 13,
      missing: [...CUDA_13].sort(),
      driverLibrary: false,
      driver: '570.86.15',
    });
    const { sentence, next } = missingSentence(needs)!;
    expect(sentence).toBe(
      "libcublas.so.13, libcublasLt.so.13, libcudart.so.13 and libcurand.so.10, which onnxruntime's CUDA library needs, are not found on this machine.",
    );
    expect(next).toMatch(/CUDA 13 libraries.*LD_LIBRARY_PATH/);
    put('usual/libcuda.so.1');
    for (const name of CUDA_13) put(`usual/${name}`);
    expect(cudaNeeds(provider, places, '/nowhere')).toEqual({ version: 13, missing: [], driverLibrary: true });
    expect(missingSentence(cudaNeeds(provider, places))).toBeUndefined();
  });

  it.runIf(isLinux && fs.existsSync('/etc/ld.so.cache'))('is nothing for the program that runs this test', () => {
    const linker = new Linker({ ...linkerPlaces({}), loaded: new Set() });
    expect(readSharedLibrary(process.execPath)!.needed).toContain('libc.so.6');
    expect(linker.missingOf(process.execPath)).toEqual([]);
  });
});
