import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  catalogue,
  conditionsOf,
  CURRENT_VERSION,
  type GraphDocument,
  measureWords,
  planGraph,
  type PlannedNode,
  PlanError,
  promptOf,
  transferOf,
  writeGraph,
} from '../graph';
import { graphError, WeftError } from '../protocol/errors';
import { withEngine } from './execute';
import { realFile } from './files';
import { fileOfRun, type InspectedRun, readRun } from './inspectedRun';
import { print, tell } from './terminal';

export interface EvaluateFlags {
  structure?: string;
  appearance?: string;
  domain?: string;
  checkpoint?: string;
  truth?: string;
  parts?: string;
  node?: string;
  folder?: string;
  allowOutside?: boolean;
  json?: boolean;
  provider?: string;
  cache: boolean;
}

/** What a result is measured against: files by absolute path. */
interface Comparison {
  structure: string;
  appearance: string;
  structureMask?: string;
  appearanceMask?: string;
  domain?: string;
  text?: string;
  checkpoint: string;
}

type Row = { picture: string; structure: string; appearance: string; metrics: Record<string, number> };

/** What reads back is soon there; what has to be computed tells how far it is. */
const QUIET_MS = 4000;

/** `weft eval PICTURE…`: measures results, each against the pictures that its graph or the flags name, and prints a table. */
export async function evaluate(pictures: string[], flags: EvaluateFlags): Promise<void> {
  if (flags.parts && !flags.truth)
    throw graphError('--parts needs --truth, the ground truth that the parts belong to.');
  const wanted = pictures.map((picture) => ({ picture, comparison: comparisonOf(picture, flags) }));
  const rows: Row[] = [];
  await withEngine(
    async (engine) => {
      for (const { picture, comparison } of wanted) {
        const folder = process.cwd();
        // The user named them, or the picture's graph does and they may be read.
        const picked = filesOf(picture, comparison, flags);
        const { report, warnings } = await engine.run({
          runId: randomUUID(),
          graphText: writeGraph(evaluationGraph(picture, comparison, flags, folder)),
          graphPath: path.join(folder, 'eval.weft.json'),
          name: { as: picture, lines: false, options: optionsOf(picture, flags) },
          picked,
          outDir: folder,
          provider: flags.provider,
          useCache: flags.cache,
        });
        for (const { message } of warnings) tell(`${picture}: ${message}\n`);
        rows.push({
          picture,
          structure: path.relative(folder, comparison.structure),
          appearance: path.relative(folder, comparison.appearance),
          metrics: report.nodes['evaluate']?.metrics ?? {},
        });
      }
    },
    { quietMs: QUIET_MS, cache: flags.cache },
  );
  print(flags.json ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
}

/** The flags' word, and where they are silent that of the graph that the picture carries. */
function comparisonOf(picture: string, flags: EvaluateFlags): Comparison {
  const { structure, appearance, domain, checkpoint } = flags;
  if (structure && appearance) {
    return {
      structure: realFile(structure),
      appearance: realFile(appearance),
      domain,
      checkpoint: checkpoint ?? 'mini',
    };
  }
  const made = comparisonOfGraph(picture, flags);
  return {
    ...made,
    ...(structure ? { structure: realFile(structure), structureMask: undefined } : {}),
    ...(appearance ? { appearance: realFile(appearance), appearanceMask: undefined } : {}),
    ...(domain ? { domain, text: undefined } : {}),
    ...(checkpoint ? { checkpoint } : {}),
  };
}

function comparisonOfGraph(picture: string, flags: EvaluateFlags): Comparison {
  const run = runOf(picture, flags);
  const { document } = run;
  try {
    const plan = planGraph(document);
    const denoise = denoiseOf(plan.nodes, picture, flags.node);
    const source = denoise.inputs['transfer']?.[0];
    if (!source)
      throw new PlanError(`${denoise.id} has no transfer: connect an attention-swap node to it.`, denoise.id);
    const { swap, adain } = transferOf(plan, source);
    const inversion = (port: string): PlannedNode => {
      const found = plan.byId.get(swap.inputs[port]?.[0]?.node ?? '');
      if (!found) throw new PlanError(`${swap.id}.${port} is not connected.`, swap.id);
      return found;
    };
    const fileOf = (node: PlannedNode | undefined, type: string): string | undefined =>
      node?.type === type ? fileOfRun(run, String(node.params['path']), flags) : undefined;
    const pictureOf = (node: PlannedNode): string => {
      const file = fileOf(plan.byId.get(node.inputs['image']?.[0]?.node ?? ''), 'image');
      if (!file) throw new PlanError(`${node.id} does not invert an image file.`, node.id);
      return file;
    };
    const maskOf = (port: string): string | undefined =>
      fileOf(plan.byId.get(adain?.inputs[port]?.[0]?.node ?? ''), 'mask-image');
    const structure = inversion('structure');
    const { domain } = conditionsOf(structure, plan.byId, 'prompt');
    return {
      structure: pictureOf(structure),
      appearance: pictureOf(inversion('appearance')),
      structureMask: maskOf('structureMask'),
      appearanceMask: maskOf('appearanceMask'),
      domain: typeof domain === 'string' ? domain : undefined,
      text: promptOf(structure, plan),
      checkpoint: structure.checkpoint ?? 'mini',
    };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    throw graphError(
      `${picture} can't be measured by its graph: ${error.message} Pass the images with --structure and --appearance.`,
      error.node,
    );
  }
}

function runOf(picture: string, flags: EvaluateFlags): InspectedRun {
  try {
    return readRun(picture, flags);
  } catch (error) {
    if (!(error instanceof WeftError) || !fs.existsSync(picture)) throw error;
    throw new WeftError(error.kind, `${error.message} Or pass the images with --structure and --appearance.`);
  }
}

function denoiseOf(nodes: PlannedNode[], picture: string, wanted: string | undefined): PlannedNode {
  const found = nodes.filter(({ type, id }) => type === 'denoise' && (wanted === undefined || id === wanted));
  if (found.length === 1) return found[0]!;
  const ids = nodes.flatMap(({ type, id }) => (type === 'denoise' ? [id] : []));
  throw graphError(
    ids.length === 0
      ? `The graph of ${picture} has no denoise node. Pass the images with --structure and --appearance.`
      : `The graph of ${picture} has ${ids.length === 1 ? 'one denoise node' : 'several denoise nodes'}: choose ${ids.length === 1 ? '' : 'one of '}${ids.join(', ')} with --node.`,
  );
}

/** Where each parameter of the evaluation's graph comes from: an option, or the picture and its graph. */
function optionsOf(picture: string, flags: EvaluateFlags): Record<string, string> {
  const options = {
    'structure.path': flags.structure && '--structure',
    'appearance.path': flags.appearance && '--appearance',
    'truth.path': flags.truth && '--truth',
    'evaluate.parts': flags.parts && '--parts',
    'model.id': flags.checkpoint && '--checkpoint',
    'prompt.domain': flags.domain && '--domain',
    'result.path': picture,
  };
  return Object.fromEntries(
    Object.entries(options).map(([param, option]) => [param, option || `The graph in ${picture}`]),
  );
}

/** Sources on one side, the evaluate node on the other. */
function evaluationGraph(picture: string, comparison: Comparison, flags: EvaluateFlags, folder: string): GraphDocument {
  const { structure, appearance, structureMask, appearanceMask, checkpoint, domain, text } = comparison;
  const relative = (file: string): string => path.relative(folder, realFile(file)).split(path.sep).join('/');
  const nodes: GraphDocument['nodes'] = {
    model: { type: 'checkpoint', params: { id: checkpoint } },
    evaluate: { type: 'evaluate', inputs: { checkpoint: 'model.checkpoint' } },
  };
  const inputs = nodes['evaluate']!.inputs!;
  const add = (port: string, id: string, type: 'image' | 'mask-image', file: string | undefined): void => {
    if (file === undefined) return;
    nodes[id] = { type, params: { path: relative(file) } };
    inputs[port] = `${id}.${type === 'image' ? 'image' : 'mask'}`;
  };
  add('image', 'result', 'image', picture);
  add('structure', 'structure', 'image', structure);
  add('appearance', 'appearance', 'image', appearance);
  add('truth', 'truth', 'image', flags.truth);
  add('structureMask', 'mask-structure', 'mask-image', structureMask);
  add('appearanceMask', 'mask-appearance', 'mask-image', appearanceMask);
  if (flags.parts) nodes['evaluate']!.params = { parts: relative(flags.parts) };
  if (domain !== undefined || text !== undefined) {
    nodes['prompt'] = { type: 'prompt', params: { ...(domain && { domain }), ...(text && { text }) } };
    inputs['prompt'] = 'prompt.prompt';
  }
  return { weft: CURRENT_VERSION, nodes };
}

function filesOf(picture: string, comparison: Comparison, flags: EvaluateFlags): string[] {
  const { structure, appearance, structureMask, appearanceMask } = comparison;
  return [picture, structure, appearance, structureMask, appearanceMask, flags.truth, flags.parts].flatMap((file) =>
    file === undefined ? [] : realFile(file),
  );
}

/** One line a picture; an arrow says which way is better. */
function table(rows: Row[]): string {
  const measures = (catalogue.evaluate.measures ?? []).filter(({ name }) =>
    rows.some(({ metrics }) => name in metrics),
  );
  const head = measures.map(({ label, better }) => `${label} ${better === 'higher' ? '↑' : '↓'}`);
  const body = rows.map(({ metrics }) =>
    measures.map(({ name }) => (metrics[name] === undefined ? '–' : measureWords(name, metrics[name]))),
  );
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((cells) => cells[column]!.length)));
  const first = Math.max(...rows.map(({ picture }) => picture.length));
  const line = (name: string, cells: string[]): string =>
    `${[name.padEnd(first), ...cells.map((cell, column) => cell.padStart(widths[column]!))].join('  ').trimEnd()}\n`;
  return line('', head) + rows.map(({ picture }, index) => line(picture, body[index]!)).join('');
}
