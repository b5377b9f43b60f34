import * as vscode from 'vscode';
import { type CheckpointInfo } from '../protocol/engine';
import { type Checkpoints } from './checkpoints';

/** The Checkpoints view: what can be computed with, and what is wrong with those that can't. */
export class CheckpointsView implements vscode.TreeDataProvider<CheckpointInfo> {
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(private readonly checkpoints: Checkpoints) {
    this.onDidChangeTreeData = checkpoints.onDidChange;
  }

  getChildren(parent?: CheckpointInfo): Promise<CheckpointInfo[]> {
    return parent ? Promise.resolve([]) : this.checkpoints.list();
  }

  getTreeItem(checkpoint: CheckpointInfo): vscode.TreeItem {
    const item = new vscode.TreeItem(checkpoint.title || checkpoint.id);
    const problem = checkpoint.problem;
    item.id = checkpoint.id;
    item.description = problem ?? `${checkpoint.id} · ${checkpoint.pictureSize}² · ${formatBytes(checkpoint.size)}`;
    item.iconPath = new vscode.ThemeIcon(problem === undefined ? 'package' : 'warning');
    item.contextValue = checkpoint.builtIn ? 'checkpoint.builtIn' : 'checkpoint.added';
    const domains = checkpoint.domains.map(({ noun }) => noun);
    item.tooltip = [
      checkpoint.title,
      problem,
      `${checkpoint.pictureSize} × ${checkpoint.pictureSize} pixels, ${checkpoint.precision}, ${formatBytes(checkpoint.size)}`,
      domains.length > 0 ? `Knows: ${domains.join(', ')}` : 'Any noun will do.',
      `SHA-256 ${checkpoint.sha256}`,
    ]
      .filter((line) => line !== undefined)
      .join('\n');
    return item;
  }
}

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
