import * as vscode from 'vscode';
import path from 'node:path';
import { openGraphText } from '../editor/openGraphText';
import { WeftError } from '../protocol/errors';
import { type HistoryEntry } from '../runs/history';
import { ask } from '../runs/window';
import { type Command } from './command';

const isEntry = (value: unknown): value is HistoryEntry =>
  typeof value === 'object' && value !== null && 'files' in value && Array.isArray(value.files) && 'graphPath' in value;

function resultOf(entry: HistoryEntry): vscode.Uri {
  const [file] = entry.files;
  if (file === undefined) throw new WeftError('internal', 'That run wrote no picture.');
  return vscode.Uri.file(file);
}

async function requireFile(file: vscode.Uri): Promise<vscode.Uri> {
  await vscode.workspace.fs.stat(file).then(undefined, () => {
    throw new WeftError(
      'internal',
      `${path.basename(file.fsPath)} is no longer there. Restore the graph and run it to make it again.`,
    );
  });
  return file;
}

export const historyCommands: readonly Command[] = [
  {
    id: 'weft.history.open',
    async run(_services, entry) {
      if (isEntry(entry)) await vscode.commands.executeCommand('vscode.open', await requireFile(resultOf(entry)));
    },
  },
  {
    id: 'weft.history.restore',
    async run({ history }, entry) {
      if (!isEntry(entry)) return;
      const stem = path.basename(entry.graphPath).replace(/\.weft\.json$/, '');
      await openGraphText(
        await history.graph(entry),
        vscode.Uri.file(path.dirname(entry.graphPath)),
        `${stem}-restored`,
      );
    },
  },
  {
    id: 'weft.history.reveal',
    async run(_services, entry) {
      if (!isEntry(entry)) return;
      const file = await requireFile(resultOf(entry));
      const inside = vscode.workspace.getWorkspaceFolder(file) !== undefined;
      await vscode.commands.executeCommand(inside ? 'revealInExplorer' : 'revealFileInOS', file);
    },
  },
  {
    id: 'weft.history.delete',
    async run({ history }, entry) {
      if (isEntry(entry)) await history.remove(entry);
    },
  },
  {
    id: 'weft.history.clear',
    async run({ history }) {
      const clear = 'Clear History';
      const answer = await ask.warning(
        { message: 'Forget all past runs? The pictures they wrote stay where they are.' },
        clear,
      );
      if (answer === clear) await history.clear();
    },
  },
];
