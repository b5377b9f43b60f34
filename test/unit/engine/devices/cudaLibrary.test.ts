import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CudaLibrary, type CudaLibraryOptions } from '../../../../extension/engine/devices/cudaLibrary';
import { explain, surroundings } from '../../../../extension/engine/devices/explain';
import { WeftError } from '../../../../extension/protocol/errors';
import { FileServer } from '../../../support/fileServer';
import { root } from '../../../support/mini';
import { startProxy } from '../../../support/proxy';

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-cuda-'));
const VERSION = '1.30.0';
const PACKAGE = 'microsoft.ml.onnxruntime.gpu.linux';

/** A zip of stored files, as APPNOTE.TXT describes it. */
function zip(files: Record<string, Buffer>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, data] of Object.entries(files)) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    local.copy(central, 6, 4, 30);
    central.writeUInt32LE(at, 42);
    directory.push(central, Buffer.from(name));
    parts.push(local, Buffer.from(name), data);
    at += 30 + name.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const native = (name: string): string => `runtimes/linux-x64/native/${name}`;
const cudaBytes = Buffer.alloc(300_000, 'cuda');
const whole = zip({
  [native('libonnxruntime_providers_cuda.so')]: cudaBytes,
  [native('libonnxruntime_providers_shared.so')]: Buffer.from('shared'),
  [native('libonnxruntime_providers_tensorrt.so')]: Buffer.from('not wanted'),
});

const ENTRY = `/registration/${PACKAGE}/${VERSION}.json`;
const NUPKG = `/flat/${PACKAGE}/${VERSION}/${PACKAGE}.${VERSION}.nupkg`;
const policy = { tries: 3, retryMs: 5, longestRetryMs: 20, longestServerWaitMs: 2_000 };

describe("onnxruntime's CUDA library", () => {
  let server: FileServer;
  let index: string;
  let home: string;
  let cuda: CudaLibrary;
  let told: string[];
  let warned: string[];
  const news = {
    onProgress: (sentence: string) => void told.push(sentence),
    onWarning: (sentence: string) => void warned.push(sentence),
  };
  const library = (more: Partial<CudaLibraryOptions> = {}): CudaLibrary =>
    new CudaLibrary({
      home,
      version: VERSION,
      runtimeFolder: path.join(root, 'node_modules', 'onnxruntime-node'),
      platform: 'linux',
      arch: 'x64',
      env: {},
      policy,
      timeouts: { headersMs: 5_000, idleMs: 5_000 },
      ...more,
    });
  /** A NuGet with one package, whose addresses are at `base`. */
  const stock = (base: string): void => {
    const json = (path: string, value: unknown): void =>
      void server.files.set(path, Buffer.from(JSON.stringify(value)));
    json('/index.json', {
      resources: [
        { '@id': `${base}/flat/`, '@type': 'PackageBaseAddress/3.0.0' },
        { '@id': `${base}/registration/`, '@type': 'RegistrationsBaseUrl' },
      ],
    });
    json(ENTRY, { catalogEntry: `${base}/entry.json` });
    json('/entry.json', {
      packageHash: createHash('sha512').update(whole).digest('base64'),
      packageHashAlgorithm: 'SHA512',
      packageSize: whole.length,
    });
    server.files.set(NUPKG, whole);
  };
  const fails = async (running: Promise<unknown>): Promise<WeftError> => {
    const error: unknown = await running.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WeftError);
    expect(cuda.installed()).toBe(false);
    return error as WeftError;
  };

  beforeAll(async () => {
    server = await FileServer.start();
    index = `${server.url}/index.json`;
  });
  afterAll(async () => {
    await server.stop();
    fs.rmSync(work, { recursive: true, force: true });
  });
  beforeEach(() => {
    server.reset();
    stock(server.url);
    [told, warned] = [[], []];
    home = fs.mkdtempSync(path.join(work, 'home-'));
    cuda = library();
  });
  const binaries = (): string => path.join(cuda.folder, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64');
  const runtimes = (): string[] => fs.readdirSync(path.dirname(cuda.folder));

  it('tells its size first, is unpacked beside a copy of onnxruntime that loads, and can be removed', async () => {
    const found = await cuda.find({ index });
    expect(found.bytes).toBe(whole.length);
    expect(cuda.installed()).toBe(false);
    await cuda.install({ index }, news);
    expect(told.join()).toContain('100 %');
    expect(warned).toEqual([]);
    expect(fs.readFileSync(path.join(binaries(), 'libonnxruntime_providers_cuda.so')).equals(cudaBytes)).toBe(true);
    expect(fs.readdirSync(binaries())).toContain('onnxruntime_binding.node');
    expect(fs.readdirSync(binaries()).join()).not.toContain('tensorrt');
    expect(fs.existsSync(path.join(cuda.folder, 'node_modules/onnxruntime-common/package.json'))).toBe(true);
    expect(runtimes()).toHaveLength(1);
    expect([cuda.remove(), cuda.installed(), cuda.remove()]).toEqual([true, false, false]);
  });

  it('goes on where a dropped connection stopped, and where another process did', async () => {
    server.mischief = ({ url }, count) => (url === NUPKG && count === 1 ? { cutAfter: 100_000 } : undefined);
    fs.mkdirSync(path.dirname(cuda.folder), { recursive: true });
    fs.writeFileSync(
      path.join(path.dirname(cuda.folder), `${PACKAGE}.${VERSION}.nupkg.part`),
      whole.subarray(0, 50_000),
    );
    await cuda.install({ index }, news);
    expect(server.for('.nupkg').map(({ range }) => range)).toEqual(['bytes=50000-', 'bytes=150000-']);
    expect(warned[0]).toMatch(/broke off|ended .* at byte/);
    expect(cuda.installed()).toBe(true);
  });

  it('is paused at once; what came is kept, and thrown away by removing', async () => {
    server.mischief = ({ url }) => (url === NUPKG ? { rate: 100_000 } : undefined);
    const controller = new AbortController();
    const running = cuda.install({ index }, news, controller.signal);
    const failed = fails(running);
    const sizes = (): number[] =>
      runtimes().map((name) => fs.statSync(path.join(path.dirname(cuda.folder), name)).size);
    await expect.poll(() => Math.max(0, ...sizes())).toBeGreaterThan(10_000);
    controller.abort(new WeftError('interrupted', 'Paused.'));
    expect((await failed).message).toBe('Paused.');
    expect(runtimes()).toEqual([`${PACKAGE}.${VERSION}.nupkg.part`]);
    cuda.remove();
    expect(runtimes()).toEqual([]);
  });

  it('refuses what does not have the digest of the catalogue, and keeps nothing of it', async () => {
    const other = Buffer.from(whole);
    other[1000] = 0;
    server.files.set(NUPKG, other);
    const { kind, message } = await fails(cuda.install({ index }, news));
    expect(kind).toBe('checkpoint');
    expect(message).toMatch(
      /CUDA library came with the SHA-512 [0-9a-f]{128}, but NuGet's catalogue says [0-9a-f]{128}.*not kept/,
    );
    expect(runtimes()).toEqual([]);
  });

  it('refuses more bytes than the catalogue says', async () => {
    server.files.set(NUPKG, Buffer.concat([whole, whole]));
    expect((await fails(cuda.install({ index }, news))).message).toMatch(
      /has \d+ bytes .* where NuGet's catalogue says \d+.*weft\.nugetIndex/,
    );
  });

  it('goes through a proxy where one is set', async () => {
    const proxy = await startProxy();
    const base = `http://nuget.example:${server.port}`;
    stock(base);
    try {
      await cuda.install({ index: `${base}/index.json`, proxy: { url: proxy.url, noProxy: '' } }, news);
    } finally {
      proxy.stop();
    }
    expect(new Set(proxy.hosts)).toEqual(new Set([`nuget.example:${server.port}`]));
    expect(warned[0]).toMatch(/nuget\.example:\d+ is reached without encryption/);
    expect(cuda.installed()).toBe(true);
  });

  it('asks nobody when told to stay offline', async () => {
    expect((await fails(cuda.find({ index, offline: true }))).message).toMatch(/offline \(the setting weft\.offline\)/);
    const told = library({ env: { WEFT_OFFLINE: '1' } });
    expect((await fails(told.install({ index }, news))).message).toMatch(/offline \(WEFT_OFFLINE\).*webgpu/);
    expect(server.asked).toEqual([]);
  });

  it('says how much space it wants before it fetches', async () => {
    const small = library({ freeBytes: () => whole.length });
    const { kind, message } = await fails(small.install({ index }, news));
    expect([kind, server.for('.nupkg')]).toEqual(['checkpoint', []]);
    expect(message).toMatch(/needs 2 MB free.*WEFT_HOME at another disk/);
  });

  it('is fetched by one process at a time', async () => {
    server.mischief = ({ url }) => (url === NUPKG ? { rate: 400_000 } : undefined);
    const first = cuda.install({ index }, news);
    await expect.poll(() => server.for('.nupkg').length).toBe(1);
    await expect(library().install({ index }, news)).rejects.toThrow(/Another Weft .* is fetching/);
    await first;
    expect(runtimes()).toHaveLength(1);
  });

  it('asks again where a catalogue has a failure of its own', async () => {
    server.mischief = ({ url }, count) => (url === '/entry.json' && count < 3 ? { status: 503 } : undefined);
    expect((await cuda.find({ index })).bytes).toBe(whole.length);
  });

  it('says what is wrong with an index, and what to do', async () => {
    const message = async (address: string): Promise<string> => (await fails(cuda.find({ index: address }))).message;
    expect(await message('http://127.0.0.1:1/index.json')).toMatch(
      /^127\.0\.0\.1:1 refuses connections.*HTTPS_PROXY.*http\.proxy.*weft\.nugetIndex/,
    );
    expect(await message('nuget')).toMatch(/"nuget" is not an address\. Write it like https/);
    expect(await message(`${server.url}/elsewhere.json`)).toMatch(/answers 404 for .*weft\.nugetIndex/);
    server.files.set('/page', Buffer.from('<html>login</html>'));
    expect(await message(`${server.url}/page`)).toMatch(/does not answer with JSON: it is no NuGet index/);
    server.files.set('/other.json', Buffer.from('{"resources": []}'));
    expect(await message(`${server.url}/other.json`)).toMatch(/has no RegistrationsBaseUrl/);
    server.files.set('/entry.json', Buffer.from('{"packageHash": "abc", "packageHashAlgorithm": "SHA512"}'));
    expect(await message(index)).toMatch(/states no SHA-512 and size/);
    stock('file:///etc');
    expect(await message(index)).toMatch(/which Weft does not follow/);
  });

  describe('once it is installed', () => {
    const posix = process.platform !== 'win32';
    beforeEach(() => cuda.install({ index }, news));
    /** Why another engine would not load it. */
    const refusal = (): string | undefined => {
      const { sentence, next } = library().refusal() ?? {};
      if (sentence !== undefined) {
        expect(sentence).toContain(`onnxruntime's CUDA library in ${cuda.folder} is not loaded: `);
        expect(next).toContain('weft devices install cuda');
      }
      return sentence;
    };
    const provider = (): string => path.join(binaries(), 'libonnxruntime_providers_cuda.so');

    it('is loaded, also after it was copied with other times', () => {
      expect(refusal()).toBeUndefined();
      const copy = `${cuda.folder}-copy`;
      fs.cpSync(cuda.folder, copy, { recursive: true });
      fs.rmSync(cuda.folder, { recursive: true });
      fs.renameSync(copy, cuda.folder);
      expect(refusal()).toBeUndefined();
    });

    it('is not loaded when a file of it was changed, taken away or added, and is after it was installed again', async () => {
      fs.appendFileSync(provider(), 'x');
      expect(refusal()).toContain(`${provider()} was changed since it was installed`);
      await cuda.install({ index }, news);
      expect(refusal()).toBeUndefined();
      const script = path.join(cuda.folder, 'node_modules/onnxruntime-node/dist/index.js');
      const text = fs.readFileSync(script);
      fs.rmSync(script);
      expect(refusal()).toContain(`${script} is missing`);
      fs.writeFileSync(script, text);
      expect(refusal()).toBeUndefined();
      const more = path.join(binaries(), 'libcudart.so.13');
      fs.writeFileSync(more, 'planted');
      expect(refusal()).toContain(`${more} was not put there by Weft`);
      fs.rmSync(more);
      fs.symlinkSync(provider(), more);
      expect(refusal()).toContain(`${more} was not put there by Weft`);
    });

    it('is not loaded without a record of what it was, as older versions left it', () => {
      const record = path.join(cuda.folder, 'weft-files.json');
      for (const text of ['null', '{', '{"version":1,"files":{"a":1}}']) {
        fs.writeFileSync(record, text);
        expect(refusal()).toContain('weft-files.json in it is missing or damaged');
      }
      fs.rmSync(record);
      expect(refusal()).toContain('an older version of Weft put it there');
    });

    it.runIf(posix)(
      'is not loaded from where others may write: the library, its folder, and those above up to WEFT_HOME',
      () => {
        for (const place of [provider(), binaries(), cuda.folder, path.dirname(cuda.folder), home]) {
          const { mode } = fs.statSync(place);
          fs.chmodSync(place, 0o777);
          expect(refusal()).toContain(`other users may write to ${place} (chmod go-w`);
          fs.chmodSync(place, mode);
          expect(refusal()).toBeUndefined();
        }
        // A folder like /tmp, in which nobody can move what belongs to others.
        fs.chmodSync(home, 0o1777);
        expect(refusal()).toBeUndefined();
      },
    );

    it.runIf(posix)('is not loaded when another user owns it', () => {
      const getuid = vi.spyOn(process, 'getuid').mockReturnValue(fs.statSync(home).uid + 1);
      try {
        // What root owns is nobody's to change.
        if (fs.statSync(home).uid === 0) expect(refusal()).toBeUndefined();
        else expect(refusal()).toContain(`${home} belongs to another user`);
      } finally {
        getuid.mockRestore();
      }
      if (process.getuid!() !== 0) return;
      fs.chownSync(provider(), 12345, 0);
      expect(refusal()).toContain(`${provider()} belongs to another user (12345)`);
    });

    it.runIf(posix)('is named by Show Devices, and the processor computes', async () => {
      fs.appendFileSync(provider(), 'x');
      const trial = { answer: { error: 'Failed to load shared library' }, stderr: '' };
      const around = { ...surroundings(library()), nvidia: true };
      const verdict = explain({ provider: 'cuda', title: 'CUDA' }, trial, around);
      expect(verdict).toMatchObject({ available: false });
      expect(verdict.sentence).toContain('was changed since it was installed');
    });
  });

  it.runIf(process.platform !== 'win32')('is not even fetched into a folder that others may write into', async () => {
    fs.chmodSync(home, 0o777);
    const { kind, message } = await fails(cuda.install({ index }, news));
    expect(kind).toBe('graph');
    expect(message).toMatch(
      /was not downloaded: .* other users may write to .*point WEFT_HOME at a folder of your own/,
    );
    expect(server.asked).toEqual([]);
  });

  it('says that Windows has another way', async () => {
    const windows = library({ runtimeFolder: '', platform: 'win32' });
    await expect(windows.find({ index })).rejects.toThrow(/Linux on x64.*Use dml/);
  });
});
