/** Checkpoints and LoRAs known by name: what is there of each, fetched, paused and resumed; see transfer.ts for one file. */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import {
  type CheckpointInfo,
  type DownloadedLora,
  type DownloadProgress,
  type KnownCheckpoint,
} from '../../../protocol/engine';
import { writeWhole } from '../../../platform/files';
import { bytesBelow } from '../../../platform/filesBelow';
import { readOwnJson } from '../../../platform/ownFile';
import { writeJson } from '../../../platform/writeJson';
import { checkpointError, graphError, WeftError } from '../../../protocol/errors';
import { fileStampSchema, stampHolds, stampOf } from '../digests';
import { type DigestMemory } from '../digestMemory';
import { readLora } from '../../safetensors/lora';
import {
  defaultTimeouts,
  headerOf,
  HttpClient,
  type HttpTimeouts,
  isPlain,
  type ProxySettings,
} from '../../../platform/http/http';
import { takeLock, holderOf } from '../../../platform/fileLock';
import { offlineBecause } from '../../../platform/http/offline';
import {
  type DownloadManifest,
  exactBytes,
  expectedBytes,
  knownDigest,
  type ManifestFile,
  readManifestFile,
  readManifests,
  takenName,
} from './manifest';
import {
  defaultPolicy,
  NotThere,
  partBytes,
  stopped,
  transfer,
  type TransferPolicy,
} from '../../../platform/http/downloadFile';

/** Kept free beyond what a download needs, so that nothing else on the disk suffers. */
const SPARE_BYTES = 256e6;
const PROGRESS_MS = 250;
const PUBLISHER = {
  statedBy: 'its manifest',
  otherwise: 'Fetch the files in a browser and import their folder, use a mirror, or choose another checkpoint.',
};

export interface DownloadRequest {
  name: string;
  /** Id of the licence that the user accepted; needed once for each download. */
  acceptedLicence?: string;
  /** A manifest that {@link Downloads.offer} read; it becomes known when its licence is accepted. */
  offer?: string;
  /** Takes the place of the manifest's server. */
  mirror?: string;
  proxy?: ProxySettings;
  offline?: boolean;
}

export interface DownloadsOptions {
  home: string;
  /** Manifests that come with Weft, and those that the user brought. */
  manifestFolders: [builtIn: string, user: string];
  userAgent: string;
  digests: DigestMemory;
  onProgress(progress: DownloadProgress): void;
  onNote(level: 'info' | 'warn', sentence: string): void;
  /** Rewrites a finished folder into a checkpoint of this id. */
  importFolder(folder: string, id: string): Promise<CheckpointInfo>;
  /** Refuses a graph that could not be rewritten, before its weights are fetched. */
  checkGraph(file: string): void;
  installed(id: string): Promise<boolean>;
  /** Whether a checkpoint of this id comes with Weft. */
  builtIn(id: string): Promise<boolean>;
  env?: NodeJS.ProcessEnv;
  freeBytes?(folder: string): Promise<number>;
  policy?: TransferPolicy;
  timeouts?: HttpTimeouts;
}

const fileStateSchema = z.object({
  total: z.number().optional(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  stated: z.string().optional(),
  /** Of a finished file. */
  stamp: fileStampSchema.optional(),
  /** Against what its digest was held. */
  checked: z.enum(['manifest', 'server', 'nothing']).optional(),
  /** An optional file that the server does not have. */
  absent: z.boolean().optional(),
});
const stateSchema = z.object({
  version: z.literal(1),
  licence: z.object({ id: z.string(), at: z.string() }),
  /** Commit that a branch stood at when the download began: all files come from it. */
  commit: z.string().optional(),
  /** Revision and repository it is of, and the manifest's server; another one starts anew. */
  of: z.string(),
  /** Absent in downloads that an older version of Weft began. */
  server: z.string().optional(),
  files: z.record(z.string(), fileStateSchema),
});
type State = z.infer<typeof stateSchema>;

type Downloaded = CheckpointInfo | DownloadedLora;

interface Running {
  offer: string | undefined;
  controller: AbortController;
  done: Promise<Downloaded>;
}

export class Downloads {
  private readonly running = new Map<string, Running>();
  /** Manifests that were read from files and whose licences nobody has accepted yet, by what they say. */
  private readonly offers = new Map<string, DownloadManifest>();

  constructor(private readonly options: DownloadsOptions) {}

  private get env(): NodeJS.ProcessEnv {
    return this.options.env ?? process.env;
  }

  private manifests(): Map<string, DownloadManifest> {
    return readManifests(this.options.manifestFolders, (sentence) => this.options.onNote('warn', sentence));
  }

  /**
   * Reads a manifest that somebody brought, to be shown before anything comes of it.
   * @throws WeftError `graph` if it is none, or has the name of something that comes with Weft.
   */
  async offer(file: string): Promise<{ known: KnownCheckpoint; offer: string }> {
    const manifest = readManifestFile(file);
    const { name } = manifest;
    const [builtIn] = this.options.manifestFolders;
    if (readManifests([builtIn], () => undefined).has(name) || (await this.options.builtIn(name)))
      throw graphError(`${path.basename(file)} can't be used: ${takenName(name)}`);
    const offer = offerOf(manifest);
    this.offers.set(offer, manifest);
    const before = this.manifests().get(name);
    const known = await this.describe(manifest);
    if (before !== undefined && offerOf(before) === offer) return { known, offer };
    // What was accepted was another manifest.
    const replaces = before === undefined ? {} : { replaces: `${before.server}/${before.repository}` };
    return { known: { ...known, ...replaces, licenceAccepted: false }, offer };
  }

  /** The manifest of a request, and whether it is one that is not known by its name yet. */
  private wanted({ name, offer }: DownloadRequest): { manifest: DownloadManifest; isNew: boolean } {
    const known = offer === undefined ? this.manifest(name) : this.manifests().get(name);
    if (offer === undefined || (known !== undefined && offerOf(known) === offer))
      return { manifest: known!, isNew: false };
    const manifest = this.offers.get(offer);
    if (manifest?.name !== name)
      throw graphError(`The manifest of "${name}" is no longer available. Choose its file again.`);
    return { manifest, isNew: true };
  }

  private manifest(name: string): DownloadManifest {
    const manifests = this.manifests();
    const manifest = manifests.get(name);
    if (manifest === undefined)
      throw checkpointError(
        `No checkpoint to download is called "${name}". Known: ${[...manifests.keys()].join(', ') || 'none'}.`,
      );
    return manifest;
  }

  folder(name: string): string {
    return path.join(this.options.home, 'downloads', name);
  }

  /** Everything that can be downloaded, with what is there of it: the recommended first, exports to ONNX and LoRAs last. */
  async known(): Promise<KnownCheckpoint[]> {
    const rank = ({ kind, recommended, files }: DownloadManifest): number =>
      recommended ? 0 : kind === 'lora' ? 3 : files.some(isInPlace) ? 1 : 2;
    const manifests = [...this.manifests().values()].sort((a, b) => rank(a) - rank(b));
    return Promise.all(manifests.map((manifest) => this.describe(manifest)));
  }

  /** The LoRAs that are here whole. */
  loras(): DownloadedLora[] {
    return [...this.manifests().values()].flatMap((manifest) => this.loraOf(manifest) ?? []);
  }

  private loraOf(manifest: DownloadManifest): DownloadedLora | undefined {
    const { kind, name, title, files } = manifest;
    if (kind !== 'lora') return undefined;
    const [file] = files as [ManifestFile];
    const lora = this.target(name, file);
    const size = this.readState(manifest)?.files[file.path]?.stamp?.size;
    return size !== undefined && fs.existsSync(lora) ? { id: name, title, lora, size } : undefined;
  }

  private async isInstalled(manifest: DownloadManifest): Promise<boolean> {
    return manifest.kind === 'lora' ? this.loraOf(manifest) !== undefined : this.options.installed(manifest.name);
  }

  private async describe(manifest: DownloadManifest): Promise<KnownCheckpoint> {
    const { kind, name, title, description, licence, precision, exporter, repository, revision, pictureSize, notes } =
      manifest;
    const state = this.readState(manifest);
    const done = manifest.files.reduce((sum, file) => sum + this.bytesOf(manifest, file), 0);
    const installed = await this.isInstalled(manifest);
    const busy = this.running.has(name) || holderOf(this.lockFile(name)) !== undefined;
    return {
      ...(kind && { kind }),
      name,
      title,
      description,
      licence,
      precision,
      exporter,
      source: `${manifest.server}/${repository}`,
      ...mirrorOf(this.env),
      revision,
      ...(state?.commit === undefined ? {} : { commit: state.commit }),
      pictureSize,
      notes,
      bytes: manifest.files.reduce((sum, file) => sum + (state?.files[file.path]?.total ?? expectedBytes(file)), 0),
      exact: manifest.files.every((file) => exactBytes(file) !== undefined),
      digests: manifest.files.filter((file) => knownDigest(file) !== undefined).length,
      files: manifest.files.length,
      doneBytes: done,
      licenceAccepted: state?.licence.id === licence.id,
      state: installed ? 'installed' : busy ? 'downloading' : state !== undefined ? 'paused' : 'absent',
    };
  }

  /**
   * Fetches what is missing of a checkpoint and imports it. A second call for one that is at work waits for the first.
   * @throws WeftError `graph` without an accepted licence, `network`, `checkpoint`, or `interrupted` when paused.
   */
  start(request: DownloadRequest): Promise<Downloaded> {
    const { name } = request;
    const running = this.running.get(name);
    if (running !== undefined) {
      if (request.offer === undefined || request.offer === running.offer) return running.done;
      return Promise.reject(busyElsewhere(name, process.pid));
    }
    const controller = new AbortController();
    const done = this.run(request, controller.signal).finally(() => this.running.delete(name));
    this.running.set(name, { offer: request.offer, controller, done });
    return done;
  }

  /** Stops a download; what came stays. Resolves when it has stopped. */
  async pause(name: string): Promise<boolean> {
    const running = this.running.get(name);
    if (running === undefined) return false;
    const percent = Math.floor(
      (100 * (await this.known()).find((k) => k.name === name)!.doneBytes) / this.totalOf(name),
    );
    running.controller.abort(
      new WeftError('interrupted', `The download of ${name} is paused at ${percent} %. Download it again to continue.`),
    );
    await running.done.catch(() => undefined);
    return true;
  }

  private totalOf(name: string): number {
    return Math.max(
      1,
      this.manifest(name).files.reduce((sum, file) => sum + expectedBytes(file), 0),
    );
  }

  async pauseAll(): Promise<void> {
    await Promise.all([...this.running.keys()].map((name) => this.pause(name)));
  }

  /** Removes what was downloaded; returns the bytes of it. */
  async discard(name: string): Promise<number> {
    await this.pause(name);
    const holder = holderOf(this.lockFile(name));
    if (holder !== undefined) throw busyElsewhere(name, holder.pid);
    const folder = this.folder(name);
    const bytes = await bytesBelow(folder);
    await fs.promises.rm(folder, { recursive: true, force: true });
    return bytes;
  }

  private lockFile(name: string): string {
    return path.join(this.options.home, 'downloads', `.${name}.lock`);
  }

  private stateFile(name: string): string {
    return path.join(this.folder(name), 'download.json');
  }

  private target(name: string, file: ManifestFile): string {
    return path.join(this.folder(name), 'files', ...file.path.split('/'));
  }

  private bytesOf(manifest: DownloadManifest, file: ManifestFile): number {
    const target = this.target(manifest.name, file);
    try {
      return fs.statSync(target).size;
    } catch {
      return partBytes(target);
    }
  }

  private readState(manifest: DownloadManifest): State | undefined {
    const state = this.readAnyState(manifest.name);
    return state !== undefined && isOf(state, manifest) ? state : undefined;
  }

  private readAnyState(name: string): State | undefined {
    return readOwnJson(this.stateFile(name), stateSchema, (sentence) => this.options.onNote('warn', sentence));
  }

  private writeState(name: string, state: State): void {
    writeJson(this.stateFile(name), state);
  }

  private async run(request: DownloadRequest, signal: AbortSignal): Promise<Downloaded> {
    const { manifest, isNew } = this.wanted(request);
    const { kind, name, licence } = manifest;
    if (await this.isInstalled(manifest))
      throw graphError(
        `The ${kind === 'lora' ? 'LoRA' : 'checkpoint'} "${name}" is already in the library. To download it again, remove it first.`,
      );
    let state = this.readState(manifest);
    const accepted = (state?.licence.id === licence.id && !isNew) || request.acceptedLicence === licence.id;
    if (!accepted)
      throw graphError(
        `${manifest.title} is under the ${licence.title}: read it at ${licence.url} and accept it first ` +
          '(on the command line: --accept-license).',
      );
    const server = serverOf(manifest, request.mirror, this.env);
    const [, user] = this.options.manifestFolders;
    if (isNew) writeJson(path.join(user, `${name}.json`), manifest);
    this.requireOnline(request, manifest, state);
    if (isPlain(server))
      this.options.onNote(
        'warn',
        `${server.host} is reached without encryption: anyone on the way can see and change what no known digest vouches for.`,
      );
    const lock = takeLock(this.lockFile(name));
    if (lock === undefined) throw busyElsewhere(name, holderOf(this.lockFile(name))?.pid);
    const client = new HttpClient(
      request.proxy ?? {},
      this.options.timeouts ?? defaultTimeouts,
      this.options.userAgent,
    );
    try {
      // Of an older manifest: its pieces are of other files. Where nothing says what they are, digests decide.
      if (state === undefined && this.readAnyState(name) !== undefined)
        await fs.promises.rm(this.folder(name), { recursive: true, force: true });
      await removeTemporaries(this.folder(name));
      state ??= {
        version: 1,
        of: identityOf(manifest),
        server: manifest.server,
        licence: { id: licence.id, at: new Date().toISOString() },
        files: {},
      };
      this.writeState(name, state);
      await this.requireSpace(manifest, state);
      await this.fetchAll(manifest, state, server, client, signal);
      return await this.finish(manifest, state);
    } finally {
      await client.close();
      lock.release();
    }
  }

  private requireOnline(request: DownloadRequest, manifest: DownloadManifest, state: State | undefined): void {
    const reason = offlineBecause(request.offline, this.env);
    if (reason === undefined) return;
    // Everything there already: only the import is left.
    const there = (file: ManifestFile): boolean =>
      state?.files[file.path]?.absent === true || fs.existsSync(this.target(manifest.name, file));
    if (manifest.files.every(there)) return;
    throw new WeftError(
      'network',
      `Nothing was downloaded because Weft is offline (${reason}). ` +
        `Change that, or fetch ${manifest.server}/${manifest.repository} on another machine and import the folder.`,
    );
  }

  private async requireSpace(manifest: DownloadManifest, state: State): Promise<void> {
    const folder = path.join(this.options.home, 'downloads');
    let missing = 0;
    let inline = 0;
    for (const file of manifest.files) {
      const bytes = state.files[file.path]?.total ?? expectedBytes(file);
      missing += Math.max(0, bytes - this.bytesOf(manifest, file));
      // Weights inside a graph that has to be rewritten are written once more; those beside it are linked.
      if (file.path.endsWith('.onnx')) inline += bytes;
    }
    const links = await canLink(folder);
    const bytesOf = (files: ManifestFile[]): number => files.reduce((sum, file) => sum + expectedBytes(file), 0);
    const whole = bytesOf(manifest.files);
    const importing = links ? inline : bytesOf(manifest.files.filter((file) => !isInPlace(file)));
    const needed = missing + importing + Math.min(SPARE_BYTES, whole / 10);
    const free = await (this.options.freeBytes ?? freeBytes)(folder);
    if (free >= needed) return;
    throw checkpointError(
      `${manifest.title} needs ${gigabytes(needed)} free on the disk of ${this.options.home} (${gigabytes(missing)} to download, ` +
        `up to ${gigabytes(importing)} to rewrite it${links ? '' : ', as this disk has no hard links'}), but ${gigabytes(free)} are free. ` +
        'Free some space, or point WEFT_HOME at another disk.',
    );
  }

  private async fetchAll(
    manifest: DownloadManifest,
    state: State,
    server: URL,
    client: HttpClient,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = manifest;
    const report = this.progress(manifest, state);
    // Small files first: a graph that can't be used is refused before its weights are fetched.
    const files = [...manifest.files].sort((a, b) => expectedBytes(a) - expectedBytes(b));
    const graph = files.find((file) => file.path === 'unet/model.onnx');
    for (const file of files) {
      if (signal.aborted) throw stopped(signal);
      const target = this.target(name, file);
      const own = (state.files[file.path] ??= {});
      if (own.absent) continue;
      if (own.stamp !== undefined && (await stampHolds(target, own.stamp))) continue;
      const changed = !fs.existsSync(target) ? undefined : await this.options.digests.digest(target);
      const wanted = knownDigest(file) ?? own.stated ?? own.stamp?.sha256;
      if (changed !== undefined && changed === wanted) {
        own.stamp = await stampOf(target, changed);
        continue;
      }
      await fs.promises.rm(target, { force: true });
      delete own.stamp;
      const revision = state.commit ?? manifest.revision;
      const url = new URL(
        `${manifest.repository}/resolve/${revision}/${file.path.split('/').map(encodeURIComponent).join('/')}`,
        server,
      );
      const fetching = transfer(
        client,
        {
          url,
          target,
          name: file.path,
          bytes: exactBytes(file),
          sha256: knownDigest(file),
          publisher: PUBLISHER,
          most: 2 * expectedBytes(file) + 1e6,
          state: own,
          signal,
          onBytes: (bytes) => report(file, bytes),
          onNote: (sentence) => this.options.onNote('warn', sentence),
          onState: () => this.writeState(name, state),
          onFirst: (headers) => {
            // A branch may move while it is downloaded: the rest comes from the commit that the first file came from.
            const commit = headerOf(headers, 'x-repo-commit');
            if (state.commit === undefined && commit !== undefined && /^[0-9a-f]{40}$/.test(commit))
              state.commit = commit;
          },
        },
        this.options.policy ?? defaultPolicy,
      );
      let sha256: string;
      try {
        sha256 = await fetching;
      } catch (error) {
        if (!file.optional || !(error instanceof NotThere)) throw error;
        own.absent = true;
        this.writeState(name, state);
        continue;
      }
      own.stamp = await stampOf(target, sha256);
      own.checked = knownDigest(file) !== undefined ? 'manifest' : own.stated !== undefined ? 'server' : 'nothing';
      await this.options.digests.remember(target, sha256);
      this.writeState(name, state);
      if (file === graph && expectedBytes(file) < 50e6) this.checkGraph(manifest, target);
    }
  }

  private checkGraph(manifest: DownloadManifest, file: string): void {
    try {
      this.options.checkGraph(file);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      throw checkpointError(`${manifest.title} can't be used, so its weights were not downloaded. ${error.message}`);
    }
  }

  /** Reports at most a few times a second. */
  private progress(manifest: DownloadManifest, state: State): (file: ManifestFile, bytes: number) => void {
    const bytes = new Map(manifest.files.map((file) => [file.path, this.bytesOf(manifest, file)]));
    const total = () =>
      manifest.files.reduce((sum, file) => sum + (state.files[file.path]?.total ?? expectedBytes(file)), 0);
    let last = 0;
    const recent: [at: number, bytes: number][] = [];
    return (file, now) => {
      bytes.set(file.path, now);
      const at = Date.now();
      const whole = total();
      const sum = [...bytes.values()].reduce((a, b) => a + b, 0);
      if (at - last < PROGRESS_MS && sum < whole) return;
      last = at;
      recent.push([at, sum]);
      while (recent.length > 2 && at - recent[0]![0] > 10_000) recent.shift();
      const [from, before] = recent[0]!;
      this.options.onProgress({
        name: manifest.name,
        phase: 'downloading',
        file: file.path,
        bytes: sum,
        total: whole,
        ...(at > from && sum > before ? { bytesPerSecond: (1000 * (sum - before)) / (at - from) } : {}),
      });
    };
  }

  private async finish(manifest: DownloadManifest, state: State): Promise<Downloaded> {
    const { name, files } = manifest;
    const unchecked = files.filter((file) => state.files[file.path]?.checked === 'nothing').length;
    const byServer = files.filter((file) => state.files[file.path]?.checked === 'server').length;
    if (byServer > 0)
      this.options.onNote(
        'info',
        `${byServer} of ${files.length} files were held against the digests that the server states.`,
      );
    if (unchecked > 0)
      this.options.onNote(
        'info',
        `${unchecked} of ${files.length} files could not be checked against a digest of the publisher's: none is known. ` +
          'Their digests are remembered from now on: Verify Checkpoint (`weft models verify`) holds the files against them.',
      );
    if (manifest.kind === 'lora') {
      const lora = this.loraOf(manifest)!;
      try {
        readLora(lora.lora);
      } catch (error) {
        await fs.promises.rm(lora.lora, { force: true });
        throw error;
      }
      return lora;
    }
    const total = files.reduce((sum, file) => sum + this.bytesOf(manifest, file), 0);
    this.options.onProgress({ name, phase: 'importing', bytes: total, total });
    const folder = path.join(this.folder(name), 'files');
    const about = {
      id: name,
      title: manifest.title,
      licence: manifest.licence.title,
      origin: {
        source: `${manifest.server}/${manifest.repository}`,
        revision: manifest.revision,
        ...(state.commit === undefined ? {} : { commit: state.commit }),
      },
      pictureSize: manifest.pictureSize,
      domains: manifest.domains,
      defaults: manifest.defaults,
      files: Object.fromEntries(
        files.flatMap(({ path: relative }) => {
          const { stamp } = state.files[relative] ?? {};
          return stamp === undefined ? [] : [[relative, stamp.sha256]];
        }),
      ),
    };
    await writeWhole(path.join(folder, 'weft.json'), `${JSON.stringify(about, undefined, 2)}\n`);
    return this.options.importFolder(folder, name);
  }
}

/** What a state on disk belongs to: files of another repository or revision are other files. */
const identityOf = ({ repository, revision }: DownloadManifest): string => `${repository}@${revision}`;
const isOf = ({ of, server }: State, manifest: DownloadManifest): boolean =>
  of === identityOf(manifest) && (server === undefined || server === manifest.server);

/** Weights that are read where they are: neither linked nor copied when they are imported. */
const isInPlace = ({ path: file }: ManifestFile): boolean => file.endsWith('.safetensors');

/** Names what a manifest says, to the letter. */
const offerOf = (manifest: DownloadManifest): string =>
  createHash('sha256').update(JSON.stringify(manifest)).digest('hex');

function busyElsewhere(name: string, pid: number | undefined): WeftError {
  return graphError(
    `${name} is being downloaded by another Weft on this machine${pid ? ` (process ${pid})` : ''}. Wait until it is done, or pause it there.`,
  );
}

const MIRRORS = ['WEFT_MIRROR', 'HF_ENDPOINT'];
const isNamed = (value: string | undefined): boolean => value !== undefined && value.trim() !== '';

function mirrorOf(env: NodeJS.ProcessEnv): { mirror?: string } {
  const mirror = MIRRORS.map((name) => env[name]).find(isNamed);
  return mirror === undefined ? {} : { mirror: mirror.trim() };
}

/** Where files are fetched from: the mirror that was named, else that of the environment, else the manifest's own server. */
function serverOf(manifest: DownloadManifest, mirror: string | undefined, env: NodeJS.ProcessEnv): URL {
  const [text, from] = [[mirror, 'the mirror'], ...MIRRORS.map((name) => [env[name], name])].find(([value]) =>
    isNamed(value),
  ) ?? [manifest.server, 'the manifest'];
  let url: URL;
  try {
    url = new URL(text!.trim().replace(/\/*$/, '/'));
  } catch {
    throw graphError(`${from} "${text}" is not an address. Write it like https://huggingface.co.`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw graphError(`${from} "${text}" does not start with https://. Write it like https://huggingface.co.`);
  return url;
}

async function freeBytes(folder: string): Promise<number> {
  await fs.promises.mkdir(folder, { recursive: true });
  const { bavail, bsize } = await fs.promises.statfs(folder);
  return bavail * bsize;
}

async function canLink(folder: string): Promise<boolean> {
  await fs.promises.mkdir(folder, { recursive: true });
  const probe = path.join(folder, `.link-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await fs.promises.writeFile(probe, '');
    await fs.promises.link(probe, `${probe}-2`);
    return true;
  } catch {
    return false;
  } finally {
    await fs.promises.rm(probe, { force: true });
    await fs.promises.rm(`${probe}-2`, { force: true });
  }
}

/** What a killed download was writing; nobody else writes there, as the lock is held. */
async function removeTemporaries(folder: string): Promise<void> {
  for (const place of [folder, path.join(folder, 'files')])
    for (const name of await fs.promises.readdir(place).catch(() => []))
      if (/^\.weft-\d.*\.tmp$/.test(name)) await fs.promises.rm(path.join(place, name), { force: true });
}

const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
