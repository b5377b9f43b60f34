import * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { type Checkpoints } from '../views/checkpoints';
import { downloadChoice, downloadState, downloadTitle, licenceQuestion } from '../views/checkpointText';
import { type CheckpointItem } from '../views/checkpointsView';
import { type KnownCheckpoint } from '../../protocol/engine';
import { reportError } from '../../protocol/errors';
import { parseGraph } from '../../graph';
import { type Run } from '../runs/runQueue';
import { settings } from '../settings';
import { ensureTrusted } from '../trust';
import { ask, notify, offer, pick, withNotification } from '../window';
import { type Command } from './command';

const TRUST = 'Weft downloads checkpoints only in folders you trust.';

export const knownOf = (value: unknown): KnownCheckpoint | undefined =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'download'
    ? (value as CheckpointItem & { kind: 'download' }).known
    : undefined;

/** What is to be downloaded; `offer` names a manifest that was brought and is not known yet. */
interface Wanted {
  known: KnownCheckpoint;
  offer?: string;
}

/** The known checkpoints with what there is of each; a manifest of one's own can be brought. */
async function choose({ checkpoints }: Services): Promise<Wanted | undefined> {
  const known = await checkpoints.downloadable();
  const items: (vscode.QuickPickItem & { known?: KnownCheckpoint })[] = known.map((each) => ({
    ...downloadChoice(each),
    iconPath: new vscode.ThemeIcon(each.state === 'installed' ? 'check' : 'cloud-download'),
    known: each,
  }));
  const chosen = await pick(
    [
      ...items,
      { label: '', kind: vscode.QuickPickItemKind.Separator },
      {
        label: 'From a Manifest File…',
        detail: 'A .json file that lists the files of a checkpoint; see docs/checkpoints.md.',
      },
    ],
    {
      title: 'Download Checkpoint',
      placeHolder: 'Weft shows the licence first and downloads only after you accept it',
      matchOnDescription: true,
      matchOnDetail: true,
    },
  );
  if (!chosen) return undefined;
  if (chosen.known) return { known: chosen.known };
  const files = await vscode.window.showOpenDialog({
    openLabel: 'Use Manifest',
    title: 'Choose the manifest of a checkpoint',
    filters: { Manifest: ['json'] },
  });
  return files?.[0] && checkpoints.offer(files[0].fsPath);
}

/** Shows the licence until it is accepted or refused; the page of the whole text can be opened in between. */
async function acceptLicence(known: KnownCheckpoint): Promise<boolean> {
  const accept = 'Accept and Download';
  const open = 'Open Licence';
  const question = licenceQuestion(known, settings.download().mirror);
  for (;;) {
    const answer = await ask.plainly(question, accept, open);
    if (answer !== open) return answer === accept;
    await vscode.env.openExternal(vscode.Uri.parse(known.licence.url));
  }
}

async function download(
  { checkpoints, log, walkthrough }: Services,
  { known, offer: manifest }: Wanted,
): Promise<void> {
  const { name, title, licence } = known;
  try {
    const added = await withNotification(
      `Weft: downloading ${title} (cancel to pause)`,
      async (progress) => {
        const listener = checkpoints.onDidProgress((each) => {
          const now = checkpoints.progressOf(name);
          if (each !== name || !now) return;
          const percent = now.total > 0 ? (100 * now.bytes) / now.total : 0;
          progress.report({ message: downloadState(known, now), percent });
        });
        try {
          return await checkpoints.download(name, licence.id, manifest);
        } finally {
          listener.dispose();
        }
      },
      () => checkpoints.pause(name),
    );
    if ('lora' in added) {
      void notify.information(`${added.title} is ready. To use it, enter "${added.id}" as the file of a LoRA node.`);
      return;
    }
    await walkthrough.achieved('checkpoint');
    void notify.information(`${added.title} is ready. To use it, choose "${added.id}" in a checkpoint node.`);
  } catch (error) {
    const { kind, message } = reportError(error);
    if (kind !== 'interrupted' && kind !== 'network') throw error;
    if (kind === 'network') log.error(`Downloading ${name} failed:`, error);
    offer(kind === 'interrupted' ? notify.information : notify.error, message, 'Resume', () => downloadOf(known));
  }
}

const downloadOf = (known: KnownCheckpoint): Thenable<unknown> =>
  vscode.commands.executeCommand('weft.downloadCheckpoint', { kind: 'download', known });

/** After a run that failed because the library lacks a checkpoint that can be downloaded, offers that. @returns whether it did */
export async function offerMissingCheckpoint(checkpoints: Checkpoints, { request }: Run): Promise<boolean> {
  const there = await checkpoints.list();
  const nodes = Object.values(parseGraph(request.graphText).document?.nodes ?? {});
  const lacking = nodes
    .flatMap(({ type, params }) => (type === 'checkpoint' ? [params?.['id']] : []))
    .find((id) => id !== undefined && !there.some((each) => each.id === id));
  const known = lacking === undefined ? undefined : await checkpoints.missing(lacking);
  if (!known) return false;
  const sentence = `The graph needs ${known.title}, which is not in the library.`;
  offer(notify.warning, sentence, downloadTitle(known), () => downloadOf(known));
  return true;
}

/** Of the palette and the view's title: chosen from a list. Of a paused download: goes on. */
export const downloadCheckpointCommand: Command = {
  id: 'weft.downloadCheckpoint',
  async run(services, item) {
    if (!(await ensureTrusted(TRUST))) return;
    const given = knownOf(item);
    const wanted = given ? { known: given } : await choose(services);
    if (!wanted) return;
    const { known } = wanted;
    if (known.state === 'installed') {
      void notify.information(`${known.title} is already in the library as "${known.name}".`);
      return;
    }
    const now = wanted.offer === undefined ? await services.checkpoints.downloadable() : [];
    const { licenceAccepted } = now.find(({ name }) => name === known.name) ?? known;
    if (!licenceAccepted && !(await acceptLicence(known))) return;
    await download(services, wanted);
  },
};

export const pauseDownloadCommand: Command = {
  id: 'weft.checkpoints.pause',
  async run({ checkpoints }, item) {
    const known = knownOf(item);
    if (known) await checkpoints.pause(known.name);
  },
};

export const resumeDownloadCommand: Command = {
  id: 'weft.checkpoints.resume',
  run: (services, item) => downloadCheckpointCommand.run(services, item),
};
