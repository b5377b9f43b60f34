import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CudaLibrary } from '../../../../extension/engine/devices/cudaLibrary';
import { root } from '../../../support/mini';

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

const library = (name: string): string => `runtimes/linux-x64/native/${name}`;
const cudaBytes = Buffer.alloc(300_000, 'cuda');
const whole = zip({
  [library('libonnxruntime_providers_cuda.so')]: cudaBytes,
  [library('libonnxruntime_providers_shared.so')]: Buffer.from('shared'),
  [library('libonnxruntime_providers_tensorrt.so')]: Buffer.from('not wanted'),
});

describe("onnxruntime's CUDA library", () => {
  /** What the server sends, and after how many bytes it drops the connection. */
  let body = whole;
  let drops: number[] = [];
  let ranges: (string | undefined)[] = [];
  let stated = whole;
  let server: http.Server;
  let index: string;
  let home: string;
  let cuda: CudaLibrary;

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const json = (value: unknown): void => void response.end(JSON.stringify(value));
      if (request.url === '/index.json')
        return json({
          resources: [
            { '@id': `${base}/flat/`, '@type': 'PackageBaseAddress/3.0.0' },
            { '@id': `${base}/registration/`, '@type': 'RegistrationsBaseUrl' },
          ],
        });
      if (request.url === `/registration/${PACKAGE}/${VERSION}.json`)
        return json({ catalogEntry: `${base}/entry.json` });
      if (request.url === '/entry.json')
        return json({
          packageHash: createHash('sha512').update(stated).digest('base64'),
          packageHashAlgorithm: 'SHA512',
          packageSize: stated.length,
        });
      if (request.url !== `/flat/${PACKAGE}/${VERSION}/${PACKAGE}.${VERSION}.nupkg`) {
        response.statusCode = 404;
        return void response.end();
      }
      ranges.push(request.headers.range);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const drop = drops.shift();
      if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` });
      if (drop === undefined) return void response.end(body.subarray(from));
      response.write(body.subarray(from, from + drop), () => setTimeout(() => response.destroy(), 50));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.json`;
  });
  afterAll(() => {
    server.close();
    fs.rmSync(work, { recursive: true, force: true });
  });
  beforeEach(() => {
    [body, stated, drops, ranges] = [whole, whole, [], []];
    home = fs.mkdtempSync(path.join(work, 'home-'));
    cuda = new CudaLibrary({
      home,
      version: VERSION,
      runtimeFolder: path.join(root, 'node_modules', 'onnxruntime-node'),
      platform: 'linux',
      arch: 'x64',
    });
  });
  const binaries = (): string => path.join(cuda.folder, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64');

  it('tells its size first, is unpacked beside a copy of onnxruntime that loads, and can be removed', async () => {
    const found = await cuda.find(index);
    expect(found.bytes).toBe(whole.length);
    expect(cuda.installed()).toBe(false);
    const told: string[] = [];
    await cuda.install(found, (message) => told.push(message));
    expect(told.join()).toContain('100 %');
    expect(fs.readFileSync(path.join(binaries(), 'libonnxruntime_providers_cuda.so')).equals(cudaBytes)).toBe(true);
    expect(fs.readdirSync(binaries())).toContain('onnxruntime_binding.node');
    expect(fs.readdirSync(binaries()).join()).not.toContain('tensorrt');
    expect(fs.existsSync(path.join(cuda.folder, 'node_modules/onnxruntime-common/package.json'))).toBe(true);
    expect(fs.readdirSync(path.dirname(cuda.folder))).toHaveLength(1);
    expect([cuda.remove(), cuda.installed(), cuda.remove()]).toEqual([true, false, false]);
  });

  it('goes on where a dropped connection stopped', async () => {
    drops = [100_000, 50_000];
    await cuda.install(await cuda.find(index), () => {});
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
    expect(cuda.installed()).toBe(true);
  });

  it('refuses what does not have the digest of the catalogue, and keeps nothing of it', async () => {
    body = Buffer.from(whole);
    body[1000] = 0;
    await expect(cuda.install(await cuda.find(index), () => {})).rejects.toThrow(/not the one.*SHA-512/);
    expect([cuda.installed(), fs.readdirSync(path.dirname(cuda.folder))]).toEqual([false, []]);
  });

  it('refuses more bytes than the catalogue says', async () => {
    body = Buffer.concat([whole, whole]);
    await expect(cuda.install(await cuda.find(index), () => {})).rejects.toThrow(/sends more/);
  });

  it('says who can not be reached, and that Windows has another way', async () => {
    await expect(cuda.find('http://127.0.0.1:1/index.json')).rejects.toThrow(/127\.0\.0\.1:1 can't be reached.*mirror/);
    const windows = new CudaLibrary({ home, version: VERSION, runtimeFolder: '', platform: 'win32', arch: 'x64' });
    await expect(windows.find(index)).rejects.toThrow(/Linux on x64.*Use dml/);
  });
});
