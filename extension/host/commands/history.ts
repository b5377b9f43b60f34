import * as vscode from 'vscode';
import path from 'node:path';
import { parseGraph } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { STUDIO_VIEW } from '../editor/graphFiles';
import { openGraphText } from '../editor/openGraphText';
import { type Services } from '../editor/services';
import { type OpenStudio } from '../editor/studioSessions';
import { entryLabel, type HistoryEntry, nodeOfFile } from '../runs/history';
import { type HistoryStore } from '../runs/historyStore';
import { exists, revealFile } from '../hostFiles';
import { ask } from '../window';
import { type Command } from './command';

/** The run that is meant, as the history knows it: what comes with a command may be anything. */
function entryOf(history: HistoryStore, value: unknown): HistoryEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  // One of several images of a run.
  if ('entry' in value) return entryOf(history, value.entry);
  const id = 'id' in value ? value.id : undefined;
  return history.list().find((entry) => entry.id === id);
}

const indexOf = (value: unknown): number =>
  typeof value === 'object' && value !== null && 'index' in value && typeof value.index === 'number' ? value.index : 0;

/** Shows a past result as what the node that made it is compared with, in the studio of its graph or in the one that is open. */
async function compare(services: Services, entry: HistoryEntry, index: number): Promise<void> {
  const { history } = services;
  const [image, text] = [await history.imageBytes(entry, index), await history.graph(entry)];
  const studio = await studioOf(services, vscode.Uri.file(entry.graphPath));
  const ran = parseGraph(text).document;
  const now = parseGraph(studio.document.getText()).document;
  const made = ran && nodeOfFile(ran, entry, index);
  const node = [made, 'denoise', ...Object.keys(now?.nodes ?? {})].find(
    (id) => id !== undefined && now?.nodes[id]?.type === (ran?.nodes[made ?? '']?.type ?? 'denoise'),
  );
  const name = path.posix.basename(studio.document.uri.path);
  if (node === undefined)
    throw new WeftError('graph', `${name} has no node that makes such an image. Choose Restore Graph instead.`);
  const title = entry.draft && entry.changes ? `${entryLabel(entry)} (draft)` : entryLabel(entry);
  studio.postWhenReady({ type: 'compare', node, title, image, ...(entry.draft && { draft: entry.draft }) });
}

async function studioOf({ sessions }: Services, graph: vscode.Uri): Promise<OpenStudio> {
  if (await exists(graph)) await vscode.commands.executeCommand('vscode.openWith', graph, STUDIO_VIEW);
  const [open] = sessions.of(graph);
  const studio = open ?? sessions.active;
  if (!studio)
    throw new WeftError(
      'graph',
      `${path.basename(graph.path)} is not there to compare with. Open a graph in the studio, or choose Restore Graph.`,
    );
  if (!open) studio.panel.reveal();
  return studio;
}

export const historyCommands: readonly Command[] = [
  {
    id: 'weft.history.open',
    async run({ history }, item) {
      const entry = entryOf(history, item);
      if (entry) await vscode.commands.executeCommand('vscode.open', await history.image(entry, indexOf(item)));
    },
  },
  {
    id: 'weft.history.grid',
    run({ historyGrid }) {
      historyGrid.show();
    },
  },
  {
    id: 'weft.history.compare',
    async run(services, item) {
      const entry = entryOf(services.history, item);
      if (entry) await compare(services, entry, indexOf(item));
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
