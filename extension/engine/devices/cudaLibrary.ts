/**
 * onnxruntime's CUDA provider for Linux, which is too large for npm: a NuGet package of the same version holds it. It is fetched on
 * demand into a copy of onnxruntime's package below WEFT_HOME, so that the extension's own folder stays as it was signed, and is
 * removed with that folder.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as yauzl from 'yauzl';
import { isAbandoned, ownMark } from '../../platform/processes';
import { type NugetSource } from '../../protocol/engine';
import { checkpointError, graphError, WeftError } from '../../protocol/errors';
import { defaultTimeouts, HttpClient, type HttpTimeouts, isPlain } from '../../platform/http/http';
import { fetchJson } from '../../platform/http/json';
import { holderOf, takeLock } from '../../platform/fileLock';
import { offlineBecause } from '../../platform/http/offline';
import { defaultPolicy, partBytes, transfer, type TransferPolicy } from '../../platform/http/downloadFile';
import { cudaNeeds, missingSentence } from './explain';
import { makeOwnFolder, sealFolder, whyNotSealed, whyOpenToOthers } from './nativeFolder';

export const NUGET_INDEX = 'https://api.nuget.org/v3/index.json';
const PACKAGE = 'microsoft.ml.onnxruntime.gpu.linux';
const LIBRARIES = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
const BINARIES = path.join('bin', 'napi-v6', 'linux', 'x64');
const inPackage = (name: string): string => `runtimes/linux-x64/native/${name}`;
/** The library unpacked is a few times the size of its package, and both are there for a while. */
const ROOM = 5;

const OTHERWISE =
  'Name another NuGet that has it (the setting weft.nugetIndex, WEFT_NUGET_INDEX or --index), or compute on webgpu.';

export interface CudaLibraryOptions {
  home: string;
  /** Version of onnxruntime. */
  version: string;
  /** Folder of the onnxruntime-node package that comes with Weft. */
  runtimeFolder: string;
  userAgent?: string;
  platform?: string;
  arch?: string;
  env?: NodeJS.ProcessEnv;
  freeBytes?(folder: string): number;
  policy?: TransferPolicy;
  timeouts?: HttpTimeouts;
}

/** What becomes of a fetch, for the person who waits. */
export interface FetchNews {
  onProgress(sentence: string): void;
  onWarning(sentence: string): void;
}

export interface CudaPackage {
  url: URL;
  bytes: number;
  /** As NuGet's catalogue states it, in hexadecimal. */
  sha512: string;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
const network = (message: string): WeftError => new WeftError('network', message);

export class CudaLibrary {
  /** Looked at once: what is loaded is loaded when the engine starts. */
  private checked: { why: string | undefined } | undefined;

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

  /** Why the installed library is not loaded, as sentences; undefined where it may be, or where there is none. */
  refusal(): { sentence: string; next: string } | undefined {
    if (!this.installed()) return undefined;
    this.checked ??= { why: this.whyNotLoaded() };
    const { why } = this.checked;
    return why === undefined
      ? undefined
      : {
          sentence: `onnxruntime's CUDA library in ${this.folder} is not loaded: ${why}.`,
          next: 'If you did not expect that, find out who writes there. Then install it again: `weft devices remove cuda`, `weft devices install cuda`.',
        };
  }

  private whyNotLoaded(): string | undefined {
    try {
      return whyNotSealed(this.options.home, this.folder);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Before hundreds of megabytes are fetched into a folder that nothing would be loaded from. */
  private requireOwnFolders(): void {
    const { home } = this.options;
    makeOwnFolder(this.runtimes);
    const why = whyOpenToOthers(home, this.runtimes);
    if (why !== undefined)
      throw graphError(
        `onnxruntime's CUDA library was not downloaded: native code is not loaded from a folder that others may change, and ${why}. ` +
          'Change that, or point WEFT_HOME at a folder of your own.',
      );
  }

  /** The provider that onnxruntime opens. */
  get provider(): string {
    return path.join(this.folder, 'node_modules', 'onnxruntime-node', BINARIES, LIBRARIES[0]!);
  }

  private requireLinux(): void {
    const { platform = process.platform, arch = process.arch } = this.options;
    if (platform !== 'linux' || arch !== 'x64')
      throw graphError(
        `onnxruntime's CUDA library exists for Linux on x64, not for ${platform} on ${arch}. Use ${platform === 'win32' ? 'dml' : 'webgpu'}.`,
      );
  }

  /**
   * Where the library is, how large, and its digest: two or three small requests to NuGet's catalogue.
   * @throws WeftError `graph` for a platform without one, `network` when the catalogue can't be had or lacks it.
   */
  async find(source: NugetSource = {}, signal = new AbortController().signal): Promise<CudaPackage> {
    this.requireLinux();
    const index = this.indexOf(source);
    this.requireOnline(source, index);
    return this.withClient(source, (client) => this.findIn(client, index, signal));
  }

  private async findIn(client: HttpClient, index: URL, signal: AbortSignal): Promise<CudaPackage> {
    const { version, policy } = this.options;
    const json = (url: URL, otherwiseIt: string): Promise<Record<string, unknown>> =>
      fetchJson(client, { url, otherwiseIt, otherwise: OTHERWISE, signal }, policy);
    const none = 'no NuGet index (version 3)';
    const { resources } = (await json(index, none)) as { resources?: { '@id'?: unknown; '@type'?: unknown }[] };
    const place = (type: string): string => {
      const found = Array.isArray(resources) ? resources.find((each) => each['@type'] === type)?.['@id'] : undefined;
      if (typeof found !== 'string') throw network(`${index.href} is ${none}: it has no ${type}. ${OTHERWISE}`);
      return found.endsWith('/') ? found : `${found}/`;
    };
    const at = (text: string): URL => linked(text, index);
    const leaf = await json(at(`${place('RegistrationsBaseUrl')}${PACKAGE}/${version}.json`), 'no entry of a package');
    const { catalogEntry } = leaf;
    const entry =
      typeof catalogEntry === 'string' ? await json(at(catalogEntry), 'no entry of a package') : catalogEntry;
    const { packageHash, packageHashAlgorithm, packageSize } = (entry ?? {}) as Record<string, unknown>;
    const sha512 = typeof packageHash === 'string' ? Buffer.from(packageHash, 'base64').toString('hex') : '';
    if (sha512.length !== 128 || packageHashAlgorithm !== 'SHA512' || !Number.isSafeInteger(packageSize))
      throw network(
        `The catalogue of ${index.host} states no SHA-512 and size for ${PACKAGE} ${version}. ${OTHERWISE}`,
      );
    const url = at(`${place('PackageBaseAddress/3.0.0')}${PACKAGE}/${version}/${PACKAGE}.${version}.nupkg`);
    return { url, bytes: packageSize as number, sha512 };
  }

  private get env(): NodeJS.ProcessEnv {
    return this.options.env ?? process.env;
  }

  private indexOf({ index }: NugetSource): URL {
    const text = index ?? (this.env['WEFT_NUGET_INDEX']?.trim() || NUGET_INDEX);
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw graphError(`The NuGet index "${text}" is not an address. Write it like ${NUGET_INDEX}.`);
    return url;
  }

  private requireOnline({ offline }: NugetSource, index: URL): void {
    const reason = offlineBecause(offline, this.env);
    if (reason !== undefined)
      throw network(
        `Weft is told to stay offline (${reason}), so nothing was asked of ${index.host}. Change that to fetch onnxruntime's CUDA library, or compute on webgpu.`,
      );
  }

  private async withClient<T>({ proxy }: NugetSource, work: (client: HttpClient) => Promise<T>): Promise<T> {
    const { timeouts = defaultTimeouts, userAgent = 'weft' } = this.options;
    const client = new HttpClient(proxy ?? {}, timeouts, userAgent);
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  /**
   * Finds, fetches, checks and unpacks the library. What an interruption leaves is gone on from.
   * @throws WeftError as {@link find}; `checkpoint` for a full disk or other bytes than the catalogue's; `interrupted` by the signal.
   */
  async install(
    source: NugetSource,
    news: FetchNews,
    signal = new AbortController().signal,
  ): Promise<{ bytes: number }> {
    this.requireLinux();
    this.requireOwnFolders();
    const found = await this.find(source, signal);
    const index = this.indexOf(source);
    if (isPlain(index))
      news.onWarning(
        `${index.host} is reached without encryption: anyone on the way can change the library and the digest it is held against.`,
      );
    const lockFile = path.join(this.runtimes, '.cuda.lock');
    const lock = takeLock(lockFile);
    if (lock === undefined)
      throw graphError(
        `Another Weft on this machine is fetching onnxruntime's CUDA library (process ${holderOf(lockFile)?.pid}). Wait until it is done, or stop it there.`,
      );
    try {
      await this.fetch(found, source, news, signal);
    } finally {
      lock.release();
    }
    return { bytes: found.bytes };
  }

  private async fetch(found: CudaPackage, source: NugetSource, news: FetchNews, signal: AbortSignal): Promise<void> {
    const file = path.join(this.runtimes, `${PACKAGE}.${this.options.version}.nupkg`);
    this.requireSpace(found, file);
    let told = -1;
    await this.withClient(source, (client) =>
      transfer(
        client,
        {
          url: found.url,
          target: file,
          name: "onnxruntime's CUDA library",
          bytes: found.bytes,
          sha512: found.sha512,
          publisher: { statedBy: "NuGet's catalogue", otherwise: OTHERWISE },
          most: found.bytes,
          state: {},
          signal,
          onBytes: (bytes) => {
            const percent = Math.floor((100 * bytes) / found.bytes);
            if (percent >= told && percent < told + 5 && bytes < found.bytes) return;
            told = percent;
            news.onProgress(`Fetched ${megabytes(bytes)} of ${megabytes(found.bytes)} (${percent} %).`);
          },
          onNote: (sentence) => news.onWarning(sentence),
          onState: () => {},
        },
        this.options.policy ?? defaultPolicy,
      ),
    );
    news.onProgress('Unpacking.');
    const work = path.join(this.runtimes, `.${ownMark()}.${randomBytes(4).toString('hex')}.tmp`);
    try {
      await this.stage(work, file);
      sealFolder(work);
      this.checked = undefined;
      fs.rmSync(this.folder, { recursive: true, force: true });
      fs.renameSync(work, this.folder);
    } finally {
      fs.rmSync(work, { recursive: true, force: true });
      fs.rmSync(file, { force: true });
    }
    this.removeOthers();
    const lacking = missingSentence(cudaNeeds(this.provider));
    if (lacking) news.onWarning(`${lacking.sentence} ${lacking.next}`);
  }

  private requireSpace({ bytes }: CudaPackage, file: string): void {
    const free = (this.options.freeBytes ?? freeBytes)(this.runtimes);
    const needed = ROOM * bytes - partBytes(file);
    if (free < needed)
      throw checkpointError(
        `onnxruntime's CUDA library needs ${megabytes(needed)} free for a while on the disk of ${this.options.home}, but ${megabytes(free)} are. ` +
          'Free some space, or point WEFT_HOME at another disk.',
      );
  }

  /** onnxruntime looks for its providers beside itself: both go into one folder. */
  private async stage(work: string, file: string): Promise<void> {
    const { runtimeFolder } = this.options;
    const target = path.join(work, 'node_modules', 'onnxruntime-node');
    for (const part of ['package.json', 'dist', BINARIES])
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
      throw checkpointError(
        `The package of onnxruntime's CUDA library can't be opened: ${(error as Error).message}. ${OTHERWISE}`,
      );
    }
    try {
      for await (const entry of zip.eachEntry()) {
        const name = LIBRARIES.find((library) => entry.fileName === inPackage(library));
        if (name === undefined) continue;
        await pipeline(await zip.openReadStreamPromise(entry), fs.createWriteStream(path.join(target, BINARIES, name)));
        missing.delete(name);
      }
    } finally {
      zip.close();
    }
    if (missing.size > 0)
      throw checkpointError(
        `The package of onnxruntime's CUDA library lacks ${[...missing].map(inPackage).join(', ')}. ${OTHERWISE}`,
      );
  }

  /** Removes the library; true if there was one. */
  remove(): boolean {
    const there = this.installed();
    this.checked = undefined;
    fs.rmSync(this.folder, { recursive: true, force: true });
    this.removeOthers();
    return there;
  }

  /** Copies for other versions of onnxruntime, and what a paused download left, are of no use any more. */
  private removeOthers(): void {
    let names: string[] = [];
    try {
      names = fs.readdirSync(this.runtimes);
    } catch {
      // there is none
    }
    for (const name of names) {
      const place = path.join(this.runtimes, name);
      const mark = /^\.([\w-]+)\.[0-9a-f]{8}\.tmp$/.exec(name)?.[1];
      const old = /^onnxruntime-.*-cuda$|\.nupkg\.part$/.test(name) && name !== path.basename(this.folder);
      if (old || (mark !== undefined && isAbandoned(mark, place))) fs.rmSync(place, { recursive: true, force: true });
    }
  }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = fs.statfsSync(folder);
  return bavail * bsize;
}

/** An address that a NuGet index names; of one reached by https all are, since the digest comes from there. */
function linked(text: string, index: URL): URL {
  const url = URL.canParse(text, index.href) ? new URL(text, index) : undefined;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && index.protocol === 'http:');
  if (url === undefined || !safe)
    throw network(
      `${index.href} names ${JSON.stringify(text.slice(0, 200))}, which Weft does not follow. ${OTHERWISE}`,
    );
  return url;
}
