/** What is said of checkpoints and downloads in the view, in pickers and in dialogs. */
import { type CheckpointInfo, type DownloadProgress, type KnownCheckpoint } from '../../protocol/engine';
import { plainLine } from '../../protocol/foreignText';
import { formatSeconds } from '../../protocol/numbers';
import { providerName } from '../../protocol/providers';
import { type imageTime } from '../runs/history';

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

export function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.ceil(seconds))} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

type ImageTime = NonNullable<ReturnType<typeof imageTime>>;

export const imageTimeShort = ({ seconds }: ImageTime): string => `about ${formatSeconds(seconds)} an image`;

export function imageTimeLong({ seconds, provider, images }: ImageTime): string {
  const where = `on ${providerName(provider)}, by Run History`;
  return plainLine(
    images === 1
      ? `The last image took ${formatSeconds(seconds)} ${where}.`
      : `An image takes about ${formatSeconds(seconds)} ${where} (the median of the last ${images}, whatever their steps).`,
  );
}

/** A branch, with the commit that it stood at when it was downloaded. */
const revisionText = ({ revision, commit }: { revision: string; commit?: string }): string =>
  commit === undefined || commit === revision ? revision : `${revision} (commit ${commit.slice(0, 12)})`;

/** Lines that tell everything about a checkpoint, the most wanted first. */
export function checkpointFacts(checkpoint: CheckpointInfo): string[] {
  const {
    title,
    problem,
    pictureSize,
    precision,
    size,
    memory,
    disk,
    domains,
    licence,
    origin,
    sha256,
    builtIn,
    found,
  } = checkpoint;
  const nouns = domains.map(({ noun }) => noun);
  const lines = [
    title,
    problem,
    `${pictureSize} × ${pictureSize} pixels, ${precision}, ${formatBytes(size)}`,
    memory &&
      `Needs about ${formatBytes(memory.cpu.total)} of memory on the processor (${formatBytes(memory.cpu.weights)} for weights)` +
        `${memory.cpu.total > memory.machine ? `, more than this machine's ${formatBytes(memory.machine)}` : ''}, or about ` +
        `${formatBytes(memory.gpu.total)} on a GPU.`,
    checkpoint.prediction === 'v_prediction' && 'Predicts velocity (v-prediction).',
    nouns.length > 0 ? `Knows: ${nouns.join(', ')}` : 'Accepts any noun.',
    licence && `Licence: ${licence}`,
    ...ownWeights(checkpoint).map((file) => `Reads its weights from ${file}, which stays where it is.`),
    origin && `From ${origin.source} at ${revisionText(origin)}`,
    found && `${found} in a model folder. Weft prepares it when you first use it.`,
    builtIn ? 'Comes with Weft.' : disk && removalFacts(disk),
    sha256 && `SHA-256 ${sha256}`,
  ];
  return lines.filter((line): line is string => typeof line === 'string' && line !== '').map(plainLine);
}

function removalFacts({ freed, shared }: { freed: number; shared: number }): string {
  if (shared === 0) return `Removing it frees ${formatBytes(freed)}.`;
  return (
    `Removing it frees ${formatBytes(freed)}. Another ${formatBytes(shared)} are hard links to the folder it was added from; ` +
    'delete that folder to free them, too.'
  );
}

/** What is asked before a checkpoint is removed. */
export function removalQuestion(checkpoint: CheckpointInfo): { message: string; detail: string } {
  const { title, disk, size } = checkpoint;
  const facts = removalFacts(disk ?? { freed: size, shared: 0 });
  const stays = disk !== undefined && disk.shared > 0 ? ['that folder'] : ownWeights(checkpoint);
  return {
    message: `Remove ${title} from Weft's library?`,
    detail: plainLine([facts, ...stays.map((each) => `Weft does not change ${each}.`)].join(' ')),
  };
}

/** Files of the user's own that a checkpoint reads its weights from; a download's belong to Weft, and go with it. */
const ownWeights = ({ weights = [], origin }: CheckpointInfo): string[] => (origin === undefined ? weights : []);

/** The part of a download that is there, for the view. */
export function downloadState(known: KnownCheckpoint, progress: Omit<DownloadProgress, 'name'> | undefined): string {
  if (progress?.phase === 'importing') return 'importing';
  const { bytes, total } = progress ?? { bytes: known.doneBytes, total: known.bytes };
  const percent = total > 0 ? Math.min(100, Math.floor((100 * bytes) / total)) : 0;
  const part = `${percent} % of ${formatBytes(total)}`;
  if (progress !== undefined) return `${part}${rateText(progress)}`;
  return known.state === 'downloading' ? `${part} · downloading in another window` : `paused at ${part}`;
}

function rateText({ bytes, total, bytesPerSecond }: Omit<DownloadProgress, 'name'>): string {
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return '';
  return `, ${(bytesPerSecond / 1e6).toFixed(1)} MB/s, ${formatDuration((total - bytes) / bytesPerSecond)} left`;
}

/** What a machine needs for a checkpoint of Stable Diffusion 1.5 (docs/checkpoints.md): 8 GB, of which a system keeps some. */
const ENOUGH_MEMORY = 7.5e9;

/** The download that suits a machine with so much memory: the first in the list, where it can run and is not there yet. */
export function recommendedDownload(known: readonly KnownCheckpoint[], memory: number): KnownCheckpoint | undefined {
  const [first] = known;
  return first?.state === 'absent' && memory >= ENOUGH_MEMORY ? first : undefined;
}

/** Of a checkpoint that can be downloaded, behind its title. */
export function availableDetail(known: KnownCheckpoint, recommended: KnownCheckpoint | undefined): string {
  const { name, precision, bytes, exact, pictureSize } = known;
  const size = `${exact ? '' : 'about '}${formatBytes(bytes)}`;
  const best = name === recommended?.name ? ['recommended'] : [];
  return [...best, size, precision, `${pictureSize}²`].join(' · ');
}

/** The download as a button or quick fix. */
export const downloadTitle = ({ title, bytes }: KnownCheckpoint): string =>
  plainLine(`Download ${title} (${formatBytes(bytes)})…`);

/** Facts of a checkpoint that could be downloaded, for the picker. */
export function downloadChoice(known: KnownCheckpoint): { label: string; description: string; detail: string } {
  const { name, title, description, precision, bytes, exact, licence, state } = known;
  const there =
    state === 'installed' ? ' · in the library' : state === 'paused' ? ` · ${downloadState(known, undefined)}` : '';
  return {
    label: title,
    description: `${name} · ${precision} · ${exact ? '' : 'about '}${formatBytes(bytes)}${there}`,
    detail: `${description} ${licence.title}.`,
  };
}

/**
 * The licence as it is shown before anything is downloaded, with the server that is asked.
 * @param mirror server that a setting names in the place of the manifest's.
 */
export function licenceQuestion(
  known: KnownCheckpoint,
  mirror: string | undefined = known.mirror,
): { message: string; detail: string } {
  const { name, title, bytes, exact, source, replaces, licence, digests, files } = known;
  const from = mirror === undefined ? `From ${source}.` : `From ${source}, downloaded from the mirror ${mirror}.`;
  const other =
    replaces === undefined || replaces === source ? '' : ` Until now the name "${name}" referred to ${replaces}.`;
  const checked =
    digests === files
      ? "Every file is checked against its publisher's SHA-256."
      : 'Files without a known SHA-256 are checked against the digests that the server states. Weft tells you how many files it could not check.';
  return {
    message: `${title} is under the ${licence.title}. Accept it and download ${exact ? '' : 'about '}${formatBytes(bytes)}?`,
    detail: [
      ...licence.summary.map((sentence) => `• ${plainLine(sentence)}`),
      '',
      plainLine(`${from}${other} ${checked}`),
    ].join('\n'),
  };
}
