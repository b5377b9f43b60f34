import * as vscode from 'vscode';
import path from 'node:path';
import { openGraphText } from '../editor/openGraphText';
import { type HistoryEntry } from '../runs/history';
import { type HistoryStore } from '../runs/historyStore';
import { revealFile } from '../hostFiles';
import { ask } from '../window';
import { type Command } from './command';

/** The run that is meant, as the history knows it: what comes with a command may be anything. */
function entryOf(history: HistoryStore, value: unknown): HistoryEntry | undefined {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  return history.list().find((entry) => entry.id === id);
}

const indexOf = (value: unknown): number =>
  typeof value === 'object' && value !== null && 'index' in value && typeof value.index === 'number' ? value.index : 0;

export const historyCommands: readonly Command[] = [
  {
    id: 'weft.history.open',
    async run({ history }, item) {
      const entry = entryOf(history, item);
      if (entry) await vscode.commands.executeCommand('vscode.open', await history.image(entry, indexOf(item)));
    },
  },
  {
    id: 'weft.history.restore',
    async run({ history }, item) {
      const entry = entryOf(history, item);
      if (!entry) return;
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
    async run({ history }, item) {
      const entry = entryOf(history, item);
      if (!entry) return;
      await revealFile(await history.image(entry));
    },
  },
  {
    id: 'weft.history.delete',
    async run({ history }, item) {
      const entry = entryOf(history, item);
      if (entry) await history.remove(entry);
    },
  },
  {
    id: 'weft.history.clear',
    async run({ history }) {
      const clear = 'Clear Run History';
      const answer = await ask.warning(
        {
          message: 'Clear the history of all runs and its copies of their images? The files that the runs wrote stay.',
        },
        clear,
      );
      if (answer === clear) await history.clear();
    },
  },
];
