import path from 'node:path';
import * as vscode from 'vscode';
import { plainLine } from '../../protocol/foreignText';
import { providerName } from '../../protocol/providers';
import { type HistoryEntry } from '../runs/history';
import { type HistoryStore } from '../runs/historyStore';
import { formatSeconds } from '../runs/progressText';

/** A run, or one of the images of a run that wrote several. */
export type HistoryItem = HistoryEntry | { entry: HistoryEntry; index: number };

/** The Run History view, newest first; a click opens the result. */
export class HistoryView implements vscode.TreeDataProvider<HistoryItem> {
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(private readonly history: HistoryStore) {
    this.onDidChangeTreeData = history.onDidChange;
  }

  getChildren(parent?: HistoryItem): HistoryItem[] {
    if (!parent) return this.history.list();
    if ('entry' in parent || parent.files.length < 2) return [];
    return parent.files.map((_, index) => ({ entry: parent, index }));
  }

  getTreeItem(shown: HistoryItem): vscode.TreeItem {
    if ('entry' in shown) return this.imageItem(shown.entry, shown.index);
    const several = shown.files.length > 1;
    const item = new vscode.TreeItem(
      plainLine(shown.title),
      several ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    const when = new Date(shown.when);
    item.id = shown.id;
    item.description = `${formatSeconds(shown.seconds)} · ${providerName(shown.provider)} · ${when.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })}`;
    item.iconPath = this.history.thumbnail(shown) ?? new vscode.ThemeIcon('file-media');
    item.contextValue = 'run';
    item.tooltip = [
      shown.title,
      when.toLocaleString(),
      `${formatSeconds(shown.seconds)} on ${providerName(shown.provider)}`,
      shown.graphPath,
      ...shown.files.map((file, index) => `${path.basename(file)}${keptWords(shown, index)}`),
    ]
      .map(plainLine)
      .join('\n');
    item.command = { command: 'weft.history.open', title: 'Open Result', arguments: [{ id: shown.id, index: 0 }] };
    item.accessibilityInformation = {
      label: plainLine(`${shown.title}, ${formatSeconds(shown.seconds)}, ${when.toLocaleString()}`),
    };
    return item;
  }

  private imageItem(entry: HistoryEntry, index: number): vscode.TreeItem {
    const item = new vscode.TreeItem(plainLine(path.basename(entry.files[index] ?? '')));
    item.id = `${entry.id}/${index}`;
    item.description = keptWords(entry, index).replace(/^ · /, '');
    item.iconPath = new vscode.ThemeIcon('file-media');
    item.command = { command: 'weft.history.open', title: 'Open Result', arguments: [{ id: entry.id, index }] };
    return item;
  }
}

const keptWords = (entry: HistoryEntry, index: number): string =>
  entry.copies[index]?.kept === true ? '' : ' · copy removed';
