import path from 'node:path';
import * as vscode from 'vscode';
import { plainLine } from '../protocol/foreignText';
import { providerName } from '../protocol/providers';
import { type HistoryEntry } from './history';
import { type HistoryStore } from './historyStore';
import { formatSeconds } from './progressText';

/** The Run History view, newest first; a click opens the result. */
export class HistoryView implements vscode.TreeDataProvider<HistoryEntry> {
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(private readonly history: HistoryStore) {
    this.onDidChangeTreeData = history.onDidChange;
  }

  getChildren(parent?: HistoryEntry): HistoryEntry[] {
    return parent ? [] : this.history.list();
  }

  getTreeItem(entry: HistoryEntry): vscode.TreeItem {
    const item = new vscode.TreeItem(plainLine(entry.title));
    const when = new Date(entry.when);
    item.id = entry.id;
    item.description = `${formatSeconds(entry.seconds)} · ${providerName(entry.provider)} · ${when.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })}`;
    item.iconPath = this.history.thumbnail(entry);
    item.contextValue = 'run';
    item.tooltip = [
      entry.title,
      when.toLocaleString(),
      `${formatSeconds(entry.seconds)} on ${providerName(entry.provider)}`,
      entry.graphPath,
      ...entry.files.map((file) => path.basename(file)),
    ]
      .map(plainLine)
      .join('\n');
    item.command = { command: 'weft.history.open', title: 'Open Result', arguments: [entry] };
    item.accessibilityInformation = {
      label: plainLine(`${entry.title}, ${formatSeconds(entry.seconds)}, ${when.toLocaleString()}`),
    };
    return item;
  }
}
