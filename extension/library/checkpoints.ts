import * as vscode from 'vscode';
import { type CheckpointInfo } from '../protocol/engine';
import { type EngineHandle } from '../runs/engineHandle';

/** Importing rewrites gigabytes. */
const ADD_TIMEOUT_MS = 60 * 60 * 1000;

/** The checkpoints on this machine, as the engine lists them; asked once, and again after a change. */
export class Checkpoints implements vscode.Disposable {
  private listed: Promise<CheckpointInfo[]> | undefined;
  private last: CheckpointInfo[] | undefined;
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changes.event;

  constructor(
    private readonly engine: EngineHandle,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** What the last listing gave; undefined before the first. */
  get known(): readonly CheckpointInfo[] | undefined {
    return this.last;
  }

  /** Never rejects: without an engine there are no checkpoints, and the log says why. */
  list(): Promise<CheckpointInfo[]> {
    this.listed ??= this.ask();
    return this.listed;
  }

  refresh(): void {
    this.listed = undefined;
    this.changes.fire();
  }

  async add(folder: string): Promise<CheckpointInfo> {
    const added = await this.engine.request('models.add', { paths: [folder] }, ADD_TIMEOUT_MS);
    this.refresh();
    return added;
  }

  async verify(id: string): Promise<{ files: number; bytes: number }> {
    return this.engine.request('models.verify', { id }, ADD_TIMEOUT_MS);
  }

  async remove(id: string): Promise<boolean> {
    const { removed } = await this.engine.request('models.remove', { id }, 120_000);
    this.refresh();
    return removed;
  }

  dispose(): void {
    this.changes.dispose();
  }

  private async ask(): Promise<CheckpointInfo[]> {
    try {
      const found = await this.engine.request('models.list', {}, 120_000);
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
