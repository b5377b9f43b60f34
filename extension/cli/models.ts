import * as fs from 'node:fs';
import * as path from 'node:path';
import { isInside } from '../platform/trustedFolders';
import {
  type CheckpointInfo,
  type DownloadedLora,
  type FoundModel,
  type KnownCheckpoint,
  type MemoryTerms,
} from '../protocol/engine';
import { checkpointError, graphError } from '../protocol/errors';
import { plainLine } from '../protocol/foreignText';
import { confirm } from './confirm';
import { type EngineProcess } from './engineProcess';
import { vaeFile } from './vaeFile';
import { withEngine } from './execute';
import { print, tell } from './terminal';

export interface AddFlags {
  id?: string;
  prediction?: 'epsilon' | 'v';
  vae?: string;
}

export interface DownloadFlags {
  acceptLicense?: boolean;
  mirror?: string;
}

/** `weft models list`: a line for each checkpoint of the library. */
export async function listModels(): Promise<void> {
  const { checkpoints, known } = await withEngine(async (engine) => ({
    checkpoints: await engine.request('models.list', {}),
    known: await engine.request('models.known', {}),
  }));
  for (const checkpoint of checkpoints) {
    const { id, title, size, precision, pictureSize, sha256, problem, memory, origin, prediction, found } = checkpoint;
    const predicts = prediction === 'v_prediction' ? ' · v-prediction' : '';
    const needs = memory === undefined ? '' : ` · needs ${bytesText(memory.cpu.total)} of memory`;
    const from = origin?.commit === undefined ? '' : ` · ${origin.revision}@${origin.commit.slice(0, 12)}`;
    const facts =
      problem ??
      `${pictureSize}² · ${precision}${predicts} · ${bytesText(size)}${needs} · ${found === undefined ? sha256.slice(0, 12) : `prepared at its first use, from ${found}`}${from}`;
    print(`${[id, title, facts].map(plainLine).join('\t')}\n`);
  }
  for (const { name, state, doneBytes, bytes } of known) {
    if (state === 'paused' || state === 'downloading')
      tell(
        `${name}: ${state} at ${Math.floor((100 * doneBytes) / bytes)} % of ${bytesText(bytes)}; ` +
          `${state === 'paused' ? `resume with \`weft models download ${name}\`` : 'another Weft is downloading it'}\n`,
      );
  }
  if (checkpoints.every(({ builtIn }) => builtIn))
    tell(
      '`weft models available` lists what can be downloaded; `weft models add PATH` adds a .safetensors file or a folder.\n',
    );
}

/** `weft models available`: a line for each checkpoint that can be downloaded by name. */
export async function availableModels(): Promise<void> {
  const known = await withEngine((engine) => engine.request('models.known', {}));
  for (const { name, title, precision, bytes, exact, licence, source, state } of known) {
    const size = `${exact ? '' : 'about '}${bytesText(bytes)}`;
    print(
      `${[name, title, [precision, size, licence.title, source, ...(state === 'absent' ? [] : [state])].join(' · ')].map(plainLine).join('\t')}\n`,
    );
  }
}

/** `weft models show ID`: what is known of one checkpoint, in the library or to be downloaded. */
export async function showModel(id: string): Promise<void> {
  const { checkpoint, known } = await withEngine(async (engine) => ({
    checkpoint: (await engine.request('models.list', {})).find((each) => each.id === id),
    known: (await engine.request('models.known', {})).find((each) => each.name === id),
  }));
  if (checkpoint === undefined && known === undefined)
    throw checkpointError(
      `There is no checkpoint "${id}", neither in the library nor among those to download. Run \`weft models list\` and \`weft models available\` to see them.`,
    );
  const lines = checkpoint === undefined ? aboutKnown(known!) : aboutCheckpoint(checkpoint);
  print(`${lines.map(plainLine).join('\n')}\n`);
}

function aboutCheckpoint(checkpoint: CheckpointInfo): string[] {
  const { id, title, problem, licence, origin, precision, pictureSize, size, disk, sha256, memory, domains } =
    checkpoint;
  const terms = ({ weights, working, kept, total }: MemoryTerms): string =>
    `${bytesText(total)} = ${bytesText(weights)} weights + ${bytesText(working)} for the largest step + ${bytesText(kept)} kept between steps`;
  return [
    `${id}: ${title}`,
    ...(problem === undefined ? [] : [`problem      ${problem}`]),
    ...(licence === undefined ? [] : [`licence      ${licence}`]),
    ...(origin === undefined ? [] : [`from         ${origin.source} at ${atText(origin)}`]),
    `pictures     ${pictureSize} × ${pictureSize}`,
    `precision    ${precision}`,
    `predicts     ${checkpoint.prediction === 'v_prediction' ? 'velocity (v-prediction)' : 'noise (epsilon)'}`,
    ...(checkpoint.weights ?? []).map((file) => `weights      ${file}, used where it is`),
    `size         ${bytesText(size)}`,
    ...(disk === undefined
      ? []
      : [
          `on removal   frees ${bytesText(disk.freed)}${disk.shared > 0 ? `; ${bytesText(disk.shared)} are shared with the folder it was added from` : ''}`,
        ]),
    ...(memory === undefined
      ? []
      : [
          `processor    ${terms(memory.cpu)}; this machine has ${bytesText(memory.machine)}`,
          ...(memory.ordinary === undefined
            ? []
            : [
                `form         low memory: weights are read as they lie in the file; held ready, the sum would be ${bytesText(memory.ordinary)} (WEFT_LOW_MEMORY=0)`,
              ]),
          `graphics     ${terms(memory.gpu)}`,
        ]),
    `nouns        ${domains.map(({ noun }) => noun).join(', ') || 'any'}`,
    ...(checkpoint.found === undefined
      ? [`sha256       ${sha256}`]
      : [`file         ${checkpoint.found}, prepared when it is first used`]),
  ];
}

/** A branch, with the commit that it stood at when it was downloaded. */
const atText = ({ revision, commit }: { revision: string; commit?: string }): string =>
  commit === undefined || commit === revision ? revision : `${revision} (commit ${commit})`;

function aboutKnown(known: KnownCheckpoint): string[] {
  return [
    `${known.name}: ${known.title} (not in the library: ${known.state})`,
    known.description,
    `from         ${known.source} at ${atText(known)}`,
    `size         ${known.exact ? '' : 'about '}${bytesText(known.bytes)} in ${known.files} files, ${known.digests} with a known digest`,
    `precision    ${known.precision}`,
    `licence      ${known.licence.title}, ${known.licence.url}`,
    ...known.licence.summary.map((sentence) => `             ${sentence}`),
    ...known.notes.map((note) => `note         ${note}`),
  ];
}

/** `weft models scan [DIR]`: a line for each model in DIR, which is a model folder from now on, or in all of them. */
export async function scanModels(folder: string | undefined, { forget = false }: { forget?: boolean }): Promise<void> {
  if (forget && folder === undefined) throw graphError('--forget needs a folder: `weft models scan --forget DIR`.');
  const named = folder === undefined ? undefined : path.resolve(folder);
  const { folders, models, problems, others } = await withEngine((engine) =>
    engine.request('models.scan', named === undefined ? {} : forget ? { forget: named } : { remember: named }, 0),
  );
  if (forget) {
    tell(`${plainLine(named!)} is no model folder any more. What was prepared from it stays.\n`);
    return;
  }
  const here = models.filter(({ file }) => named === undefined || isInside(named, file));
  for (const { kind, id = '', file, size, precision, problem } of here)
    print(`${[kind, id, problem ?? `${precision} · ${bytesText(size)}`, file].map(plainLine).join('\t')}\n`);
  for (const problem of problems) tell(`${plainLine(problem)}\n`);
  const count = (kind: FoundModel['kind'], one: string): string => {
    const n = here.filter((model) => model.kind === kind).length;
    return `${n} ${one}${n === 1 ? '' : 's'}`;
  };
  const where =
    named ?? (folders.length === 0 ? 'no model folder (`weft models scan DIR` adds one)' : folders.join(', '));
  tell(
    `${count('checkpoint', 'checkpoint')}, ${count('vae', 'VAE')}, ${count('lora', 'LoRA')} in ${plainLine(where)}\n`,
  );
  if (others.pickles > 0)
    tell(
      `${others.pickles} .ckpt and .pt files were left out: Weft reads .safetensors files, which can't run programs.\n`,
    );
  const first = here.find(({ id }) => id !== undefined);
  if (first !== undefined)
    tell(
      `Use a checkpoint by its id, for instance --checkpoint ${first.id}: Weft prepares it when you first use it.\n`,
    );
}

/** `weft models add PATH...`: adds a .safetensors file, a folder, or the loose files of one checkpoint; the last line is its id. */
export async function addModel(paths: string[], { id, prediction, vae }: AddFlags): Promise<void> {
  const request = {
    paths: paths.map((each) => path.resolve(each)),
    id,
    ...(prediction && { prediction: prediction === 'v' ? ('v_prediction' as const) : prediction }),
  };
  const info = await withEngine(async (engine) =>
    engine.request(
      'models.add',
      { ...request, ...(vae !== undefined && { vae: await vaeFile(engine, vae) }) },
      // Digesting, and for ONNX copying, gigabytes: it ends when it ends.
      0,
    ),
  );
  tellAdded(info);
}

function tellAdded(info: CheckpointInfo | DownloadedLora): void {
  if ('lora' in info) {
    tell(`${plainLine(info.title)}: ${bytesText(info.size)}, for the path of a lora node\n`);
    print(`${info.id}\n`);
    return;
  }
  const { id, title, pictureSize, precision, size, memory } = info;
  tell(`${plainLine(title)}: ${pictureSize}² pictures, ${precision}, ${bytesText(size)}\n`);
  if (memory !== undefined && memory.cpu.total > memory.machine)
    tell(
      `It needs about ${bytesText(memory.cpu.total)} of memory on the processor; this machine has ${bytesText(memory.machine)}.\n`,
    );
  print(`${id}\n`);
}

/** `weft models download NAME`: fetches, or goes on fetching, and imports; the last line is its id. */
export async function downloadModel(nameOrFile: string, flags: DownloadFlags): Promise<void> {
  const info = await withEngine(async (engine) => {
    const { known: checkpoint, offer } = await wanted(engine, nameOrFile);
    const { name } = checkpoint;
    tell(whatIsFetched(checkpoint, flags));
    const accepted = checkpoint.licenceAccepted || (await acceptLicence(checkpoint, flags));
    if (!accepted) throw graphError('Nothing was downloaded because the licence was not accepted.');
    return engine.pausable(
      () => engine.request('models.pause', { name }),
      () =>
        engine.request(
          'models.download',
          {
            name,
            acceptedLicence: checkpoint.licence.id,
            ...(offer === undefined ? {} : { offer }),
            ...(flags.mirror === undefined ? {} : { mirror: flags.mirror }),
          },
          0,
        ),
    );
  });
  tellAdded(info);
}

/** What a name or the file of a manifest means. */
async function wanted(engine: EngineProcess, nameOrFile: string): Promise<{ known: KnownCheckpoint; offer?: string }> {
  if (nameOrFile.endsWith('.json') && fs.existsSync(nameOrFile))
    return engine.request('models.offer', { file: path.resolve(nameOrFile) });
  const all = await engine.request('models.known', {});
  const known = all.find((each) => each.name === nameOrFile);
  if (known !== undefined) return { known };
  throw checkpointError(
    `There is no checkpoint "${nameOrFile}" to download. Known: ${all.map((each) => each.name).join(', ')}.`,
  );
}

/** What will be fetched, and from which server: said before anything is asked of it. */
function whatIsFetched(known: KnownCheckpoint, flags: DownloadFlags): string {
  const { title, bytes, exact, source, replaces } = known;
  const mirror = flags.mirror ?? known.mirror;
  const lines = [
    `${title}: ${exact ? '' : 'about '}${bytesText(bytes)} from ${source} at ${atText(known)}`,
    ...(mirror === undefined ? [] : [`downloaded from the mirror ${mirror}`]),
    ...(replaces === undefined || replaces === source
      ? []
      : [`Until now the name "${known.name}" referred to ${replaces}.`]),
  ];
  return lines.map((line) => `${plainLine(line)}\n`).join('');
}

async function acceptLicence(checkpoint: KnownCheckpoint, flags: DownloadFlags): Promise<boolean> {
  const { licence } = checkpoint;
  tell(
    `${plainLine(`Licence: ${licence.title}, ${licence.url}`)}\n${licence.summary.map((sentence) => `  - ${plainLine(sentence)}\n`).join('')}`,
  );
  if (flags.acceptLicense) return true;
  if (!process.stdin.isTTY)
    throw graphError('Nothing was downloaded. Read the licence, then pass --accept-license to accept it.');
  return confirm(`Do you accept the ${licence.title}? (yes/no) `);
}

/** `weft models verify ID`: reads every file and compares its digest. */
export async function verifyModel(id: string): Promise<void> {
  const { files, bytes } = await withEngine((engine) => engine.request('models.verify', { id }, 0));
  print(`${id}: ${files} files, ${bytesText(bytes)}, all match their digests, and onnxruntime opens them\n`);
}

/** `weft models remove ID`: asks first; also of a download that was paused. */
export async function removeModel(id: string, flags: { yes?: boolean }): Promise<void> {
  await withEngine(async (engine) => {
    const checkpoint = (await engine.request('models.list', {})).find((each) => each.id === id);
    const paused = (await engine.request('models.known', {})).find((each) => each.name === id && each.doneBytes > 0);
    if (checkpoint === undefined && paused === undefined) {
      print(`There is no checkpoint or download ${id} to remove.\n`);
      return;
    }
    if (checkpoint?.found !== undefined)
      throw checkpointError(
        `"${id}" is ${checkpoint.found}, in one of your model folders: Weft has nothing of it to remove.`,
      );
    if (checkpoint?.builtIn) throw checkpointError(`"${id}" comes with Weft and can't be removed.`);
    const { freed, shared } = checkpoint?.disk ?? { freed: paused?.doneBytes ?? 0, shared: 0 };
    const kept = checkpoint?.origin === undefined ? (checkpoint?.weights ?? []) : [];
    const what =
      checkpoint !== undefined
        ? `${checkpoint.title} (${id}) from Weft's library`
        : paused?.state === 'installed'
          ? `${paused.title} (${id})`
          : `the partial download of ${id}`;
    const stays =
      shared > 0
        ? ` ${bytesText(shared)} of it are hard links to the folder it was imported from, which stays as it is: they become free when that is deleted too.`
        : kept.map((file) => ` ${plainLine(file)} stays as it is.`).join('');
    tell(`This removes ${plainLine(what)} and frees ${bytesText(freed)}.${stays}\n`);
    if (!flags.yes) {
      if (!process.stdin.isTTY) throw graphError('Nothing was removed. Pass --yes to remove it.');
      if (!(await confirm('Remove it? (yes/no) '))) throw graphError('Nothing was removed.');
    }
    if (checkpoint === undefined) await engine.request('models.discard', { name: id });
    else await engine.request('models.remove', { id });
    print(`${id} was removed: ${bytesText(freed)} freed\n`);
  });
}

export function bytesText(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
