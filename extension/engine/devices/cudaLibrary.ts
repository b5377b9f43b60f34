/**
 * onnxruntime's CUDA provider for Linux, which is too large for npm: a NuGet package of the same version holds it. It is fetched on
 * demand into a copy of onnxruntime's package below WEFT_HOME, so that the extension's own folder stays as it was signed, and is
 * removed with that folder.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ReadableStream } from 'node:stream/web';
import * as yauzl from 'yauzl';
import { WeftError } from '../../protocol/errors';

export const NUGET_INDEX = 'https://api.nuget.org/v3/index.json';
const PACKAGE = 'microsoft.ml.onnxruntime.gpu.linux';
const LIBRARIES = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
const inPackage = (name: string): string => `runtimes/linux-x64/native/${name}`;
/** The library unpacked is a few times the size of its package, and both are there for a while. */
const ROOM = 5;

export interface CudaLibraryOptions {
  home: string;
  /** Version of onnxruntime. */
  version: string;
  /** Folder of the onnxruntime-node package that comes with Weft. */
  runtimeFolder: string;
  platform?: string;
  arch?: string;
}

export interface CudaPackage {
  url: string;
  bytes: number;
  /** SHA-512, base64, as NuGet's catalogue states it. */
  sha512: string;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

async function get(url: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    const { cause } = error as { cause?: { message?: string } };
    throw new WeftError(
      'internal',
      `${new URL(url).host} can't be reached (${cause?.message ?? String(error)}). Check the network, or name a mirror of NuGet (WEFT_NUGET_INDEX, or the setting weft.nugetIndex).`,
    );
  }
  if (!answer.ok)
    throw new WeftError('internal', `${new URL(url).host} answered ${answer.status} for ${new URL(url).pathname}.`);
  return answer;
}

const json = async (url: string): Promise<Record<string, unknown>> => {
  try {
    return (await (await get(url)).json()) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw new WeftError('internal', `${url} did not answer with JSON: it is no NuGet index (version 3).`);
  }
};

export class CudaLibrary {
  constructor(private readonly options: CudaLibraryOptions) {}

  private get runtimes(): string {
    return path.join(this.options.home, 'runtime');
  }

  /** The copy of onnxruntime that has CUDA: its package.json is what `require` starts from. */
  get folder(): string {
    return path.join(this.runtimes, `onnxruntime-${this.options.version}-cuda`);
  }

  installed(): boolean {
    return fs.existsSync(this.folder);
  }

  private requireLinux(): void {
    const { platform = process.platform, arch = process.arch } = this.options;
    if (platform !== 'linux' || arch !== 'x64')
      throw new WeftError(
        'graph',
        `onnxruntime's CUDA library exists for Linux on x64, not for ${platform} on ${arch}. Use ${platform === 'win32' ? 'dml' : 'webgpu'}.`,
      );
  }

  /** Where the library is, how large, and its digest: two small requests to NuGet's catalogue. */
  async find(index = NUGET_INDEX): Promise<CudaPackage> {
    this.requireLinux();
    const { version } = this.options;
    const { resources } = (await json(index)) as { resources?: { '@id': string; '@type': string }[] };
    const place = (type: string): string => {
      const found = resources?.find((resource) => resource['@type'] === type)?.['@id'];
      if (found === undefined)
        throw new WeftError('internal', `${index} is no NuGet index (version 3): it has no ${type}.`);
      return found.endsWith('/') ? found : `${found}/`;
    };
    const leaf = await json(`${place('RegistrationsBaseUrl')}${PACKAGE}/${version}.json`);
    const entry = typeof leaf['catalogEntry'] === 'string' ? await json(leaf['catalogEntry']) : leaf['catalogEntry'];
    const { packageHash, packageHashAlgorithm, packageSize } = (entry ?? {}) as Record<string, unknown>;
    if (typeof packageHash !== 'string' || packageHashAlgorithm !== 'SHA512' || typeof packageSize !== 'number')
      throw new WeftError('internal', `NuGet's catalogue states no SHA-512 and size for ${PACKAGE} ${version}.`);
    const url = `${place('PackageBaseAddress/3.0.0')}${PACKAGE}/${version}/${PACKAGE}.${version}.nupkg`;
    return { url, bytes: packageSize, sha512: packageHash };
  }

  /** Fetches, checks and unpacks the library. An interrupted download goes on where it stopped. */
  async install(found: CudaPackage, onProgress: (message: string) => void, signal?: AbortSignal): Promise<void> {
    this.requireLinux();
    fs.mkdirSync(this.runtimes, { recursive: true });
    const { bavail, bsize } = fs.statfsSync(this.runtimes);
    if (bavail * bsize < ROOM * found.bytes)
      throw new WeftError(
        'internal',
        `The CUDA library needs ${megabytes(ROOM * found.bytes)} of disk for a while; ${this.runtimes} has ${megabytes(bavail * bsize)}.`,
      );
    const file = path.join(this.runtimes, `${PACKAGE}.${this.options.version}.nupkg.part`);
    await download(found, file, onProgress, signal);
    const digest = createHash('sha512');
    for await (const chunk of fs.createReadStream(file, { highWaterMark: 4 << 20 })) digest.update(chunk as Buffer);
    const sha512 = digest.digest('base64');
    if (sha512 !== found.sha512) {
      fs.rmSync(file, { force: true });
      throw new WeftError(
        'internal',
        `The CUDA library that arrived is not the one NuGet's catalogue describes (SHA-512 ${sha512} instead of ${found.sha512}); it was deleted. Fetch it again.`,
      );
    }
    onProgress('Unpacking.');
    const work = path.join(this.runtimes, `.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
    try {
      await this.stage(work, file);
      fs.rmSync(this.folder, { recursive: true, force: true });
      fs.renameSync(work, this.folder);
    } finally {
      fs.rmSync(work, { recursive: true, force: true });
    }
    fs.rmSync(file, { force: true });
    this.removeOthers();
  }

  /** onnxruntime looks for its providers beside itself: both go into one folder. */
  private async stage(work: string, file: string): Promise<void> {
    const { runtimeFolder } = this.options;
    const target = path.join(work, 'node_modules', 'onnxruntime-node');
    const binaries = path.join('bin', 'napi-v6', 'linux', 'x64');
    for (const part of ['package.json', 'dist', binaries])
      fs.cpSync(path.join(runtimeFolder, part), path.join(target, part), { recursive: true });
    fs.cpSync(
      path.join(runtimeFolder, '..', 'onnxruntime-common'),
      path.join(work, 'node_modules', 'onnxruntime-common'),
      {
        recursive: true,
      },
    );
    fs.writeFileSync(path.join(work, 'package.json'), '{"private": true}\n');
    const missing = new Set(LIBRARIES);
    let zip: yauzl.ZipFile;
    try {
      zip = await yauzl.openPromise(file, { autoClose: false });
    } catch (error) {
      throw new WeftError('internal', `The CUDA library's package can't be opened: ${(error as Error).message}.`);
    }
    try {
      for await (const entry of zip.eachEntry()) {
        const name = LIBRARIES.find((library) => entry.fileName === inPackage(library));
        if (name === undefined) continue;
        await pipeline(await zip.openReadStreamPromise(entry), fs.createWriteStream(path.join(target, binaries, name)));
        missing.delete(name);
      }
    } finally {
      zip.close();
    }
    if (missing.size > 0)
      throw new WeftError('internal', `The package of NuGet lacks ${[...missing].map(inPackage).join(', ')}.`);
  }

  /** Removes the library; true if there was one. */
  remove(): boolean {
    const there = this.installed();
    fs.rmSync(this.folder, { recursive: true, force: true });
    this.removeOthers();
    return there;
  }

  /** Copies for other versions of onnxruntime are of no use any more. */
  private removeOthers(): void {
    let names: string[] = [];
    try {
      names = fs.readdirSync(this.runtimes);
    } catch {
      // there is none
    }
    for (const name of names)
      if (/^onnxruntime-.*-cuda$/.test(name) && name !== path.basename(this.folder))
        fs.rmSync(path.join(this.runtimes, name), { recursive: true, force: true });
  }
}

const ATTEMPTS = 5;

async function download(
  { url, bytes }: CudaPackage,
  file: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const have = (): number => (fs.existsSync(file) ? fs.statSync(file).size : 0);
  let told = -1;
  for (let attempt = 1; have() !== bytes; attempt++) {
    if (have() > bytes) fs.rmSync(file);
    const from = have();
    try {
      const answer = await get(url, from > 0 ? { range: `bytes=${from}-` } : {}, signal);
      // A server that ignores the range sends everything anew.
      const resumed = answer.status === 206 && (answer.headers.get('content-range') ?? '').startsWith(`bytes ${from}-`);
      const out = fs.createWriteStream(file, { flags: resumed ? 'a' : 'w' });
      let at = resumed ? from : 0;
      await pipeline(
        Readable.fromWeb(answer.body as ReadableStream<Uint8Array>),
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            at += chunk.length;
            if (at > bytes)
              throw new WeftError(
                'internal',
                `${new URL(url).host} sends more than the ${bytes} bytes of the catalogue.`,
              );
            const percent = Math.floor((100 * at) / bytes);
            if (percent >= told + 5) {
              told = percent;
              onProgress(`Fetched ${megabytes(at)} of ${megabytes(bytes)} (${percent} %).`);
            }
            yield chunk;
          }
        },
        out,
        { signal },
      );
      if (have() < bytes) throw new Error('the connection ended early');
    } catch (error) {
      if (signal?.aborted || (error instanceof WeftError && /sends more/.test(error.message))) {
        if (error instanceof WeftError) fs.rmSync(file, { force: true });
        throw error;
      }
      if (attempt >= ATTEMPTS) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new WeftError(
          'internal',
          `The CUDA library could not be fetched: ${reason} What has arrived is kept; try again.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 300 * attempt));
    }
  }
}
