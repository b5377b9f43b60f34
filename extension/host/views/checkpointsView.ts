import os from 'node:os';
import * as vscode from 'vscode';
import { type CheckpointInfo, type FoundModel, type KnownCheckpoint } from '../../protocol/engine';
import { plainLine } from '../../protocol/foreignText';
import { imageTime } from '../runs/history';
import { type HistoryStore } from '../runs/historyStore';
import { notify } from '../window';
import { type Checkpoints } from './checkpoints';
import {
  availableDetail,
  checkpointFacts,
  downloadState,
  formatBytes,
  imageTimeLong,
  imageTimeShort,
  recommendedDownload,
} from './checkpointText';
import { uriList } from './droppedPaths';

/**
 * A line of the view: a checkpoint, a download that could begin, is under way or paused, a VAE or LoRA in a model folder, or the group of
 * what can be downloaded.
 */
export type CheckpointItem =
  | { kind: 'checkpoint'; checkpoint: CheckpointInfo }
  | { kind: 'download'; known: KnownCheckpoint }
  | { kind: 'found'; model: FoundModel }
  | { kind: 'available'; downloads: KnownCheckpoint[] };

const MIME = 'text/uri-list';

/** The Checkpoints view: what can be computed with, what is on its way, and what is wrong with those that can't be used. */
export class CheckpointsView
  implements
    vscode.TreeDataProvider<CheckpointItem>,
    vscode.TreeDragAndDropController<CheckpointItem>,
    vscode.Disposable
{
  readonly dropMimeTypes = [MIME, 'files'];
  readonly dragMimeTypes = [];
  private readonly changes = new vscode.EventEmitter<CheckpointItem | undefined>();
  private readonly view: vscode.TreeView<CheckpointItem>;
  private readonly subscriptions: vscode.Disposable[];
  private recommended: KnownCheckpoint | undefined;
  private shown = new Map<string, CheckpointItem>();
  private listed: readonly CheckpointItem[] = [];
  readonly onDidChangeTreeData = this.changes.event;

  constructor(
    private readonly checkpoints: Checkpoints,
    private readonly history: HistoryStore,
  ) {
    this.subscriptions = [
      // A run may have told how long an image takes.
      history.onDidChange(() => {
        for (const item of this.listed) if (item.kind === 'checkpoint') this.changes.fire(item);
      }),
      checkpoints.onDidChange(() => this.changes.fire(undefined)),
      checkpoints.onDidProgress((name) => {
        const item = this.shown.get(name);
        if (item) this.changes.fire(item);
      }),
    ];
    this.view = vscode.window.createTreeView('weft.checkpoints', {
      treeDataProvider: this,
      dragAndDropController: this,
    });
  }

  async getChildren(parent?: CheckpointItem): Promise<CheckpointItem[]> {
    if (parent?.kind === 'available') return parent.downloads.map((known) => ({ kind: 'download', known }));
    if (parent) return [];
    const [checkpoints, known, found] = await Promise.all([
      this.checkpoints.list(),
      // The listing has told what is wrong when the engine can't answer.
      this.checkpoints.downloadable().catch((): KnownCheckpoint[] => []),
      this.checkpoints.found().catch((): FoundModel[] => []),
    ]);
    const begun = ({ name, state }: KnownCheckpoint): boolean =>
      state === 'paused' || state === 'downloading' || this.checkpoints.progressOf(name) !== undefined;
    const downloads = known.filter(begun);
    const available = known.filter((each) => each.state === 'absent' && !begun(each));
    this.recommended = recommendedDownload(known, os.totalmem());
    const items: CheckpointItem[] = [
      ...checkpoints.map((checkpoint): CheckpointItem => ({ kind: 'checkpoint', checkpoint })),
      ...downloads.map((each): CheckpointItem => ({ kind: 'download', known: each })),
      ...found.filter(({ kind }) => kind !== 'checkpoint').map((model): CheckpointItem => ({ kind: 'found', model })),
      ...(available.length > 0 ? [{ kind: 'available', downloads: available } as const] : []),
    ];
    this.listed = items;
    this.shown = new Map(
      items.flatMap((item): [string, CheckpointItem][] => (item.kind === 'download' ? [[item.known.name, item]] : [])),
    );
    return items;
  }

  getTreeItem(item: CheckpointItem): vscode.TreeItem {
    switch (item.kind) {
      case 'checkpoint':
        return this.checkpointItem(item.checkpoint);
      case 'download':
        return this.downloadItem(item.known);
      case 'found':
        return this.foundItem(item.model);
      case 'available':
        return this.availableGroup(item.downloads);
    }
  }

  private availableGroup(downloads: readonly KnownCheckpoint[]): vscode.TreeItem {
    const item = new vscode.TreeItem('Available downloads', vscode.TreeItemCollapsibleState.Collapsed);
    item.id = 'available';
    item.description = String(downloads.length);
    item.contextValue = 'available';
    return item;
  }

  /** A VAE or a LoRA. */
  private foundItem({ kind, file, title, size }: FoundModel): vscode.TreeItem {
    const item = new vscode.TreeItem(plainLine(title));
    item.id = `found:${file}`;
    item.description = `${kind === 'vae' ? 'VAE' : 'LoRA'} · ${formatBytes(size)}`;
    item.iconPath = new vscode.ThemeIcon('file-binary');
    item.contextValue = `found.${kind}`;
    item.tooltip = plainLine(file);
    item.accessibilityInformation = { label: plainLine(`${title}, ${item.description}`) };
    return item;
  }

  private checkpointItem(checkpoint: CheckpointInfo): vscode.TreeItem {
    const item = new vscode.TreeItem(plainLine(checkpoint.title || checkpoint.id));
    const { id, problem, pictureSize, precision, size, memory, builtIn, found } = checkpoint;
    const tight = memory !== undefined && memory.cpu.total > memory.machine;
    item.id = id;
    const time = imageTime(this.history.list(), id);
    const facts = [id, ...(time ? [imageTimeShort(time)] : []), `${pictureSize}²`, precision, formatBytes(size)];
    item.description = plainLine(problem ?? facts.join(' · '));
    const plain = found === undefined ? 'package' : 'file-symlink-file';
    item.iconPath = new vscode.ThemeIcon(problem === undefined && !tight ? plain : 'warning');
    item.contextValue = builtIn ? 'checkpoint.builtIn' : found === undefined ? 'checkpoint.added' : 'checkpoint.found';
    item.tooltip = [...checkpointFacts(checkpoint), ...(time ? [imageTimeLong(time)] : [])].join('\n');
    item.accessibilityInformation = { label: plainLine(`${checkpoint.title}, ${item.description}`) };
    return item;
  }

  private downloadItem(known: KnownCheckpoint): vscode.TreeItem {
    const progress = this.checkpoints.progressOf(known.name);
    const absent = known.state === 'absent' && progress === undefined;
    const item = new vscode.TreeItem(plainLine(known.title));
    item.id = `download:${known.name}`;
    item.description = absent ? availableDetail(known, this.recommended) : downloadState(known, progress);
    const running = progress !== undefined;
    item.iconPath = new vscode.ThemeIcon(running ? 'sync~spin' : 'cloud-download');
    item.contextValue = running
      ? 'download.running'
      : known.state === 'downloading'
        ? 'download.elsewhere'
        : absent
          ? 'download.available'
          : 'download.paused';
    item.tooltip = [
      known.title,
      item.description,
      ...(absent ? [known.description] : []),
      `From ${known.source}`,
      `Licence: ${known.licence.title}`,
    ]
      .map(plainLine)
      .join('\n');
    item.accessibilityInformation = { label: plainLine(`${known.title}, ${item.description}`) };
    return item;
  }

  /** A folder, or the files of one checkpoint, dragged from the Explorer or the system's file manager. */
  async handleDrop(_target: CheckpointItem | undefined, data: vscode.DataTransfer): Promise<void> {
    const uris = uriList((await data.get(MIME)?.asString()) ?? '').map((text) => vscode.Uri.parse(text, true));
    const found = uris.length > 0 ? uris : [...data].flatMap(([, item]) => item.asFile()?.uri ?? []);
    if (found.length === 0) {
      void notify.information(
        'The dropped item has no path on this machine (browsers pass only its contents). Use Add Checkpoint Folder… instead.',
      );
      return;
    }
    await vscode.commands.executeCommand('weft.addCheckpoint', found[0], found);
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.view.dispose();
    this.changes.dispose();
  }
}
