import path from 'node:path';
import * as vscode from 'vscode';
import { plainLine } from '../../protocol/foreignText';
import { formatSeconds } from '../../protocol/numbers';
import { providerName } from '../../protocol/providers';
import { entryLabel, type HistoryEntry } from '../runs/history';
import { type HistoryStore } from '../runs/historyStore';

/** A run, one of the images of a run that wrote several, or the group of the runs of other workspaces. */
export type HistoryItem = HistoryEntry | { entry: HistoryEntry; index: number } | 'elsewhere';

/** The Run History view, newest first, this workspace's before others'; a click opens the result. */
export class HistoryView implements vscode.TreeDataProvider<HistoryItem> {
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changes.event;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly history: HistoryStore) {
    const changed = (): void => this.changes.fire();
    this.subscriptions = [history.onDidChange(changed), vscode.workspace.onDidChangeWorkspaceFolders(changed)];
  }

  getChildren(parent?: HistoryItem): HistoryItem[] {
    const { here, elsewhere } = this.history.byWorkspace();
    if (!parent) return elsewhere.length > 0 ? [...here, 'elsewhere'] : here;
    if (parent === 'elsewhere') return elsewhere;
    if ('entry' in parent || parent.files.length < 2) return [];
    return parent.files.map((_, index) => ({ entry: parent, index }));
  }

  getTreeItem(shown: HistoryItem): vscode.TreeItem {
    if (shown === 'elsewhere') return groupItem();
    return 'entry' in shown ? this.imageItem(shown.entry, shown.index) : this.runItem(shown);
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changes.dispose();
  }

  private runItem(shown: HistoryEntry): vscode.TreeItem {
    const several = shown.files.length > 1;
    const item = new vscode.TreeItem(
      plainLine(entryLabel(shown)),
      several ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    item.id = shown.id;
    item.description = entryDetail(shown);
    item.iconPath = this.history.thumbnail(shown) ?? new vscode.ThemeIcon('file-media');
    item.contextValue = 'run';
    item.tooltip = entryTooltip(shown);
    item.command = { command: 'weft.history.open', title: 'Open Result', arguments: [{ id: shown.id, index: 0 }] };
    item.accessibilityInformation = { label: plainLine(`${entryLabel(shown)}, ${item.description}`) };
    return item;
  }

  private imageItem(entry: HistoryEntry, index: number): vscode.TreeItem {
    const item = new vscode.TreeItem(plainLine(path.basename(entry.files[index] ?? '')));
    item.id = `${entry.id}/${index}`;
    item.description = keptWords(entry, index).replace(/^ · /, '');
    item.iconPath = new vscode.ThemeIcon('file-media');
    item.contextValue = 'image';
    item.command = { command: 'weft.history.open', title: 'Open Result', arguments: [{ id: entry.id, index }] };
    return item;
  }
}

function groupItem(): vscode.TreeItem {
  const item = new vscode.TreeItem('Other workspaces', vscode.TreeItemCollapsibleState.Collapsed);
  item.id = 'elsewhere';
  item.contextValue = 'elsewhere';
  return item;
}

/** What stands behind a run's label; the title where the label is not it. */
export function entryDetail(entry: HistoryEntry): string {
  const when = new Date(entry.when).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
  const title = entry.changes === undefined ? [] : [entry.title];
  return plainLine([...title, formatSeconds(entry.seconds), providerName(entry.provider), when].join(' · '));
}

/** All that is known of a run, in lines. */
export function entryTooltip(entry: HistoryEntry): string {
  return [
    entry.title,
    ...(entry.changes ?? []),
    new Date(entry.when).toLocaleString(),
    `${formatSeconds(entry.seconds)} on ${providerName(entry.provider)}`,
    entry.graphPath,
    ...entry.files.map((file, index) => `${path.basename(file)}${keptWords(entry, index)}`),
  ]
    .map(plainLine)
    .join('\n');
}

const keptWords = (entry: HistoryEntry, index: number): string =>
  entry.copies[index]?.kept === true ? '' : ' · copy removed';
