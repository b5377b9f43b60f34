import path from 'node:path';
import * as vscode from 'vscode';
import { graphChanges } from '../../graph';
import { type CheckpointInfo } from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { computedOneImage, copyName, digestOf, type HistoryEntry, RunHistory } from './history';
import { exists, readUri, writeUri } from '../hostFiles';
import { type Run } from './runQueue';
import { type RunService } from './runService';

const KEY = 'weft.history';
/** Far above any image of ours. */
const MAX_IMAGE_BYTES = 512 * 2 ** 20;

/** The run history where VS Code keeps an extension's data; takes in each run that succeeds. */
export class HistoryStore implements vscode.Disposable {
  /** Where the copies are. */
  readonly folder: vscode.Uri;
  private readonly history: RunHistory;
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changes.event;

  constructor(
    context: vscode.ExtensionContext,
    runs: RunService,
    private readonly log: vscode.LogOutputChannel,
    checkpoints: { readonly known: readonly CheckpointInfo[] | undefined },
  ) {
    this.folder = vscode.Uri.joinPath(context.globalStorageUri, 'history');
    const { fs } = vscode.workspace;
    this.history = new RunHistory(
      {
        read: () => context.globalState.get(KEY),
        write: async (entries) => context.globalState.update(KEY, entries),
      },
      {
        write: async (id, name, data) => writeUri(this.at(id, name), data),
        read: async (id, name) => readUri(this.at(id, name), MAX_IMAGE_BYTES),
        remove: async (id, name) => fs.delete(this.at(id, name), { recursive: true }).then(undefined, () => undefined),
      },
      undefined,
      (before, after) => graphChanges(before, after, checkpoints.known),
    );
    // The next run of the graph may write the same files: it waits until these are copied.
    runs.keep = (run, files) =>
      this.add(run, files).catch((error: unknown) => log.error('A run could not be added to the history:', error));
  }

  list(): HistoryEntry[] {
    return this.history.list();
  }

  /** The runs of graphs in this workspace, and those of others. Without a folder there are no others. */
  byWorkspace(): { here: HistoryEntry[]; elsewhere: HistoryEntry[] } {
    const all = this.list();
    if (!vscode.workspace.workspaceFolders?.length) return { here: all, elsewhere: [] };
    const isHere = ({ graphPath }: HistoryEntry): boolean =>
      vscode.workspace.getWorkspaceFolder(vscode.Uri.file(graphPath)) !== undefined;
    return { here: all.filter(isHere), elsewhere: all.filter((entry) => !isHere(entry)) };
  }

  /** The first image of a run that is still kept; as an icon VS Code takes only a PNG. */
  thumbnail(entry: HistoryEntry, endings: RegExp = /\.png$/i): vscode.Uri | undefined {
    const index = entry.files.findIndex((file, at) => endings.test(file) && entry.copies[at]?.kept === true);
    return index < 0 ? undefined : this.at(entry.id, copyName(entry, index));
  }

  /** The bytes of an image that a run wrote. @throws WeftError when they are neither in its file nor in the history */
  async imageBytes(entry: HistoryEntry, index = 0): Promise<Uint8Array> {
    return readUri(await this.image(entry, index), MAX_IMAGE_BYTES);
  }

  /**
   * One of the images that a run wrote: the file itself while it is still this run's, the history's copy when another run has taken its
   * place or it was deleted. @throws WeftError when there is neither
   */
  async image(entry: HistoryEntry, index = 0): Promise<vscode.Uri> {
    const file = entry.files[index];
    if (file === undefined) throw new WeftError('graph', 'This run wrote no image.');
    const uri = vscode.Uri.file(file);
    const copy = entry.copies[index];
    const bytes = await readUri(uri, MAX_IMAGE_BYTES).catch(() => undefined);
    if (bytes && copy && digestOf(bytes) === copy.sha256) return uri;
    const kept = this.at(entry.id, copyName(entry, index));
    if (copy?.kept === true && (await exists(kept))) return kept;
    throw new WeftError(
      'graph',
      `The history no longer has a copy of this image, and ${path.basename(file)} ${bytes ? 'now belongs to another run' : 'was deleted'}. Restore the graph and run it again.`,
    );
  }

  /** Of a picture that is the history's copy: the folder of the graph that made it, where that graph's paths hold. */
  graphFolderOf(picture: vscode.Uri): vscode.Uri | undefined {
    const [id] = picture.path.startsWith(`${this.folder.path}/`)
      ? picture.path.slice(this.folder.path.length + 1).split('/')
      : [];
    const entry = this.list().find((each) => each.id === id);
    return entry && vscode.Uri.file(path.dirname(entry.graphPath));
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
    this.changes.dispose();
  }

  private at(id: string, name?: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, id, ...(name === undefined ? [] : [name]));
  }

  private async add(run: Run, files: readonly string[]): Promise<void> {
    const { state } = run.record;
    // A run to a node that saves nothing made nothing to come back to.
    if (files.length === 0) return;
    const images: (Uint8Array | undefined)[] = [];
    for (const file of files)
      images.push(
        await readUri(vscode.Uri.file(file), MAX_IMAGE_BYTES).catch((error: unknown) => {
          this.log.warn('The history keeps no copy of an image:', error);
          return undefined;
        }),
      );
    const { forgotten, withoutImages } = await this.history.add(
      {
        id: state.runId,
        title: run.title,
        when: Date.now(),
        seconds: state.seconds ?? 0,
        provider: state.provider ?? '',
        ...(state.draft && { draft: state.draft }),
        ...(computedOneImage(run.request.graphText, state) && { oneImageOf: run.record.checkpoint }),
        graphPath: run.request.graphPath,
        files: [...files],
      },
      run.request.graphText,
      images,
    );
    for (const { title, when } of forgotten)
      this.log.info(`Run History forgot the oldest run: ${title}, ${new Date(when).toLocaleString()}.`);
    for (const { title, when } of withoutImages)
      this.log.info(
        `Run History no longer keeps the images of an old run: ${title}, ${new Date(when).toLocaleString()}.`,
      );
    this.changes.fire();
  }
}
