import * as vscode from 'vscode';
import {
  type CheckpointInfo,
  type DownloadedLora,
  type DownloadProgress,
  type EngineEvent,
  type FoundModel,
  type KnownCheckpoint,
} from '../../protocol/engine';
import { reportError } from '../../protocol/errors';
import { type EngineHandle } from '../runs/engineHandle';
import { settings } from '../settings';

/** Importing rewrites gigabytes. */
const ADD_TIMEOUT_MS = 60 * 60 * 1000;
const ANSWER_MS = 120_000;
/** The engine may be ended by a stopped run while it downloads: so often a new one goes on. */
const RESTARTS = 3;

/** The checkpoints on this machine, as the engine lists them; asked once, and again after a change. */
export class Checkpoints implements vscode.Disposable {
  private listed: Promise<CheckpointInfo[]> | undefined;
  private last: CheckpointInfo[] | undefined;
  /** Downloads that this window is at. */
  private readonly downloads = new Map<string, DownloadProgress>();
  private readonly changes = new vscode.EventEmitter<void>();
  private readonly progresses = new vscode.EventEmitter<string>();
  private readonly subscriptions: vscode.Disposable[];
  readonly onDidChange = this.changes.event;
  /** A download of this name went on. */
  readonly onDidProgress = this.progresses.event;

  constructor(
    private readonly engine: EngineHandle,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.subscriptions = [
      engine.onEvent((event) => this.receive(event)),
      vscode.workspace.onDidChangeConfiguration(
        (change) => change.affectsConfiguration('weft.modelFolders') && this.refresh(),
      ),
    ];
  }

  /** What the last listing gave; undefined before the first. */
  get known(): readonly CheckpointInfo[] | undefined {
    return this.last;
  }

  /** Never rejects: without an engine there are no checkpoints, and the log says why. */
  list(): Promise<CheckpointInfo[]> {
    this.listed ??= this.ask();
    return this.listed;
  }

  /** What can be downloaded, and what is there of it. */
  downloadable(): Promise<KnownCheckpoint[]> {
    return this.engine.request('models.known', {}, ANSWER_MS);
  }

  /** A checkpoint of this name that can be downloaded and is not in the library. Never rejects. */
  async missing(name: unknown): Promise<KnownCheckpoint | undefined> {
    const known = await this.downloadable().catch((): KnownCheckpoint[] => []);
    return known.find((each) => each.kind !== 'lora' && each.name === name && each.state !== 'installed');
  }

  /** What lies in the model folders. */
  async found(): Promise<FoundModel[]> {
    const { models, problems } = await this.engine.request('models.scan', {}, ANSWER_MS);
    for (const problem of problems) this.log.warn(problem);
    return models;
  }

  progressOf(name: string): DownloadProgress | undefined {
    return this.downloads.get(name);
  }

  refresh(): void {
    this.listed = undefined;
    this.changes.fire();
  }

  /** Imports a folder, or the files of one checkpoint; `onMessage` hears what it is at. */
  async add(paths: string[], onMessage: (message: string) => void): Promise<CheckpointInfo> {
    const listener = this.engine.onEvent((event) => event.event === 'checkpoint' && onMessage(event.message));
    try {
      return await this.engine.request('models.add', { paths }, ADD_TIMEOUT_MS);
    } finally {
      listener.dispose();
      this.refresh();
    }
  }

  /** Reads a manifest, to be shown: it is known by its name only when its licence was accepted. */
  offer(file: string): Promise<{ known: KnownCheckpoint; offer: string }> {
    return this.engine.request('models.offer', { file }, ANSWER_MS);
  }

  /** Fetches and imports, to the end or until it is paused. */
  async download(
    name: string,
    acceptedLicence: string | undefined,
    offer?: string,
  ): Promise<CheckpointInfo | DownloadedLora> {
    this.downloads.set(name, { name, phase: 'downloading', bytes: 0, total: 0 });
    this.changes.fire();
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const wanted = { name, acceptedLicence, offer, ...settings.download() };
          return await this.engine.request('models.download', wanted, 0);
        } catch (error) {
          if (reportError(error).kind !== 'internal' || attempt >= RESTARTS) throw error;
          this.log.warn(`The engine ended while it downloaded ${name}. A new one continues the download.`);
        }
      }
    } finally {
      this.downloads.delete(name);
      this.refresh();
    }
  }

  async pause(name: string): Promise<void> {
    await this.engine.request('models.pause', { name }, ANSWER_MS);
  }

  /** Removes what was downloaded of one that is paused; returns its bytes. */
  async discard(name: string): Promise<number> {
    const { bytes } = await this.engine.request('models.discard', { name }, ANSWER_MS);
    this.refresh();
    return bytes;
  }

  async verify(id: string): Promise<{ files: number; bytes: number }> {
    return this.engine.request('models.verify', { id }, ADD_TIMEOUT_MS);
  }

  /** Returns the bytes that are free now. */
  async remove(id: string): Promise<number> {
    const { freed } = await this.engine.request('models.remove', { id }, ANSWER_MS);
    this.refresh();
    return freed;
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changes.dispose();
    this.progresses.dispose();
  }

  private receive(event: EngineEvent): void {
    if (event.event === 'checkpoint' && this.last?.some(({ id, found }) => id === event.id && found !== undefined))
      this.refresh();
    if (event.event !== 'download' || !this.downloads.has(event.name)) return;
    this.downloads.set(event.name, event);
    this.progresses.fire(event.name);
  }

  private async ask(): Promise<CheckpointInfo[]> {
    try {
      const found = await this.engine.request('models.list', { folders: settings.modelFolders() }, ANSWER_MS);
      const first = this.last === undefined;
      this.last = found;
      // Graphs were checked without knowing the checkpoints.
      if (first) this.changes.fire();
      return found;
    } catch (error) {
      this.log.error('Checkpoints could not be listed:', error);
      // The next one who wants to know asks again.
      this.listed = undefined;
      return this.last ? [...this.last] : [];
    }
  }
}
