import path from 'node:path';
import * as vscode from 'vscode';
import { type HistoryEntry, RunHistory, THUMBNAIL_FILE } from './history';
import { type Run } from './runQueue';
import { type RunService } from './runService';

const KEY = 'weft.history';

/** The run history where VS Code keeps an extension's data; takes in each run that succeeds. */
export class HistoryStore implements vscode.Disposable {
  private readonly folder: vscode.Uri;
  private readonly history: RunHistory;
  private readonly changes = new vscode.EventEmitter<void>();
  private readonly subscription: vscode.Disposable;
  readonly onDidChange = this.changes.event;

  constructor(context: vscode.ExtensionContext, runs: RunService, log: vscode.LogOutputChannel) {
    this.folder = vscode.Uri.joinPath(context.globalStorageUri, 'history');
    const { fs } = vscode.workspace;
    const at = (id: string, name?: string): vscode.Uri =>
      vscode.Uri.joinPath(this.folder, id, ...(name === undefined ? [] : [name]));
    this.history = new RunHistory(
      {
        read: () => context.globalState.get(KEY),
        write: async (entries) => context.globalState.update(KEY, entries),
      },
      {
        write: async (id, name, data) => fs.writeFile(at(id, name), data),
        read: async (id, name) => fs.readFile(at(id, name)),
        remove: async (id) => fs.delete(at(id), { recursive: true }).then(undefined, () => undefined),
      },
    );
    this.subscription = runs.onDidSucceed(({ run, result }) => {
      this.add(run, result.files).catch((error: unknown) =>
        log.error('A run could not be added to the history:', error),
      );
    });
  }

  list(): HistoryEntry[] {
    return this.history.list();
  }

  thumbnail(entry: HistoryEntry): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, entry.id, THUMBNAIL_FILE);
  }

  graph(entry: HistoryEntry): Promise<string> {
    return this.history.graph(entry.id);
  }

  async remove(entry: HistoryEntry): Promise<void> {
    await this.history.remove(entry.id);
    this.changes.fire();
  }

  async clear(): Promise<void> {
    await this.history.clear();
    this.changes.fire();
  }

  dispose(): void {
    this.subscription.dispose();
    this.changes.dispose();
  }

  private async add(run: Run, files: readonly string[]): Promise<void> {
    const { state } = run.record;
    // A run to a node that saves nothing made nothing to come back to.
    if (files.length === 0) return;
    const picture = files.find((file) => path.extname(file).toLowerCase() === '.png');
    const thumbnail = picture === undefined ? undefined : await vscode.workspace.fs.readFile(vscode.Uri.file(picture));
    await this.history.add(
      {
        id: state.runId,
        title: run.title,
        when: Date.now(),
        seconds: state.seconds ?? 0,
        provider: state.provider ?? '',
        graphPath: run.request.graphPath,
        files: [...files],
      },
      run.request.graphText,
      thumbnail,
    );
    this.changes.fire();
  }
}
