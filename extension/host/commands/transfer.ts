import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { rememberPick } from '../editor/graphContext';
import { isPictureUri, pathInGraph } from '../editor/graphFiles';
import { openGraphText } from '../editor/openGraphText';
import { type Services } from '../editor/services';
import { standardGraph, writeGraph } from '../../graph';
import { freeName, joinedName, portableName } from '../../platform/fileNames';
import { type CheckpointInfo } from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { formatSeconds } from '../../protocol/numbers';
import { providerName } from '../../protocol/providers';
import { offerGitignore, outputFolderOf } from '../runs/outputFolder';
import { describeProgress, fractionDone } from '../runs/progressText';
import { type Run } from '../runs/runQueue';
import { tryAnyway } from '../runs/unfitImages';
import { Throttle } from '../throttle';
import { ensureTrusted } from '../trust';
import { input, notify, pick, withNotification } from '../window';
import { selectedUris } from './arguments';
import { type Command } from './command';
import { pickPicture, whichIsStructure } from './pickPicture';
import { guessDomain } from './guessDomain';

/** Results of transfers that are not done yet. */
const underWay = new Set<string>();

/** From two pictures to the result, without a graph in sight. */
export const transferCommand: Command = {
  id: 'weft.transfer',
  async run(services, ...args) {
    if (!(await ensureTrusted())) return;
    const selected = selectedUris(args).filter(isPictureUri);
    const pair =
      selected.length >= 2 ? await whichIsStructure(selected.slice(0, 2)) : await pickPair(services, selected[0]);
    if (!pair) return;
    const checkpoint = await pickCheckpoint(services);
    if (!checkpoint) return;
    const domain = await pickDomain(checkpoint, pair);
    if (domain === undefined) return;
    await transfer(services, { ...pair, domain, checkpoint: checkpoint.id });
  },
};

interface Pair {
  structure: vscode.Uri;
  appearance: vscode.Uri;
}

async function pickPair(services: Services, first: vscode.Uri | undefined): Promise<Pair | undefined> {
  const structure =
    first ?? (await pickPicture(services, 'Structure', 'The image that keeps its shapes and poses (1 of 2)'));
  if (!structure) return undefined;
  const appearance = await pickPicture(services, 'Appearance', 'The image that gives colours and textures (2 of 2)', {
    except: structure,
  });
  return appearance && { structure, appearance };
}

async function pickCheckpoint({ checkpoints }: Services): Promise<CheckpointInfo | undefined> {
  const usable = (await checkpoints.list()).filter(({ problem }) => problem === undefined);
  if (usable.length === 0) {
    const add = 'Add Checkpoint Folder';
    const answer = await notify.warning('No checkpoint is ready to use. Add one first.', add, 'Show Output');
    if (answer !== undefined)
      await vscode.commands.executeCommand(answer === add ? 'weft.addCheckpoint' : 'weft.showOutput');
    return undefined;
  }
  if (usable.length === 1) return usable[0];
  const items = usable.map((checkpoint) => ({
    label: checkpoint.title,
    description: `${checkpoint.id} · ${checkpoint.pictureSize}²`,
    checkpoint,
  }));
  const chosen = await pick(items, {
    title: 'Weft: Checkpoint',
    placeHolder: 'Choose the checkpoint that generates the result',
  });
  return chosen?.checkpoint;
}

async function pickDomain(checkpoint: CheckpointInfo, { structure, appearance }: Pair): Promise<string | undefined> {
  const names = [structure, appearance].map((uri) => path.posix.basename(uri.path, path.posix.extname(uri.path)));
  const guess = guessDomain(checkpoint.domains, names);
  const title = 'Weft: Domain';
  if (checkpoint.domains.length === 0) {
    const noun = await input({
      title,
      prompt: 'A noun for what both images show',
      placeHolder: 'animal',
      value: guess,
    });
    return noun?.trim() || undefined;
  }
  const items = checkpoint.domains
    .map(({ noun, kinds }) => ({ label: noun, description: kinds.join(', ') }))
    .sort((a, b) => Number(b.label === guess) - Number(a.label === guess));
  const chosen = await pick(items, {
    title,
    placeHolder: 'What do both images show?',
    matchOnDescription: true,
  });
  return chosen?.label;
}

/** @param anyway also images that the checkpoint does not know */
async function transfer(
  services: Services,
  choice: Pair & { domain: string; checkpoint: string },
  anyway = false,
): Promise<void> {
  const { structure, appearance, domain, checkpoint } = choice;
  const stem = joinedName(
    [structure, appearance].map((uri) => portableName(path.posix.basename(uri.path, path.posix.extname(uri.path)))),
  );
  const folder = vscode.workspace.getWorkspaceFolder(structure)?.uri ?? vscode.Uri.joinPath(structure, '..');
  const graph = vscode.Uri.joinPath(folder, `${stem}.weft.json`);
  const named = [structure, appearance].map((uri) => pathInGraph(graph, uri));
  const [structurePath, appearancePath] = named;
  if (structurePath === undefined || appearancePath === undefined) {
    throw new WeftError('graph', 'Both images must be on the same drive as the workspace. Copy them there.');
  }
  for (const picture of [structure, appearance]) await rememberPick(graph, picture, services.picked);
  const outDir = outputFolderOf(graph);
  // Another run's result of the same pair stays, also one that is still being made.
  const taken = (name: string): boolean => {
    const file = path.join(outDir, name);
    return underWay.has(file) || fs.existsSync(file);
  };
  const output = freeName(stem, '.png', taken);
  const text = writeGraph(
    standardGraph({ structure: structurePath, appearance: appearancePath, domain, checkpoint, output }),
  );
  // A name of its own: the graph is no document that an editor shows.
  const run = services.runs.start({
    graph: graph.with({ fragment: `transfer-${Date.now()}` }),
    text,
    title: stem,
    outDir,
    refuseUnfit: !anyway,
  });
  const target = path.join(outDir, output);
  underWay.add(target);
  void run.done.then(() => underWay.delete(target));
  const result = await shown(services, run, stem);
  const { state } = run.record;
  if (!result) {
    if (state.state === 'cancelled') return;
    if (run.record.unfit) return (await tryAnyway(run)) ? transfer(services, choice, true) : undefined;
    throw new WeftError('internal', state.message ?? 'The run failed.');
  }
  await services.walkthrough.achieved('transfer');
  const [file] = result.files;
  if (file !== undefined) await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file));
  void offerGitignore(outDir, services.context.workspaceState);
  const open = 'Open Graph';
  const sentences = result.warnings.map(({ message }) => message).join(' ');
  const answer = await notify.information(
    `${file === undefined ? stem : path.basename(file)} is done in ${formatSeconds(result.report.seconds)} on ${providerName(result.report.provider)}. ${sentences}`.trim(),
    open,
  );
  if (answer === open) await openGraphText(text, folder, stem);
}

function shown({ runs }: Services, run: Run, title: string): Thenable<Awaited<Run['done']>> {
  return withNotification(
    `Weft: ${title}`,
    async (progress) => {
      const { state } = run.record;
      const updates = new Throttle(
        () => progress.report({ message: describeProgress(state), percent: 100 * fractionDone(state) }),
        200,
      );
      const subscription = runs.onDidChange((change) => {
        if (change.run === run && change.event?.event === 'node') updates.request();
      });
      try {
        return await run.done;
      } finally {
        subscription.dispose();
        updates.dispose();
      }
    },
    () => runs.stopRun(run),
  );
}
