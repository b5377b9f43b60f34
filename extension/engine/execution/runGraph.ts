import { createHash } from 'node:crypto';
import * as path from 'node:path';
import {
  blockingProblems,
  type GraphDocument,
  parseGraph,
  type Plan,
  PlanError,
  type PlannedNode,
  planGraph,
  type Problem,
  resolveSource,
  specOf,
  type Source,
  writeGraph,
} from '../../graph';
import {
  type CheckpointInfo,
  type EngineEvent,
  type RunOptions,
  type RunReport,
  type RunResult,
} from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { longerSide } from '../../protocol/size';
import { type ContentStore } from '../cache/store';
import { type Demand, noDemand, Trajectory } from '../pipeline/trajectory';
import { executors } from './nodes';
import { type Inspection } from '../inspect/inspection';
import { animate, strip } from '../image/timeline';
import { Inputs } from '../paths';
import { checkpointDefaults } from './checkpointDefaults';
import { type Ingredients, type OutputFile, type RunContext } from './context';
import { createInversion } from './createInversion';
import { planDemands } from './demands';
import { type LoraChoice } from '../checkpoints/types';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { type Metrics } from './metrics';
import { writeOutputs, writeWhole } from './outputs';
import { checkedGraph } from './overrides';
import { peakRssBytes } from './peakRss';
import { inputTrust, placeOutputs, type PlannedOutputs, planOutputs } from './planOutputs';
import { drawFrame, PreviewSink } from './previews';
import { type ImageValue, type InversionValue, type TimelineValue, type Value } from './values';

export interface RunServices {
  version: string;
  store: ContentStore;
  signal: AbortSignal;
  emit(event: EngineEvent): void;
  /** What the library has: for sentences about checkpoints and domains it lacks. */
  checkpoints(): Promise<CheckpointInfo[]>;
  /** What to compute on. */
  provider: string;
  /** Told of each doubt about the graph that forbids nothing: a misspelt parameter, a noun that the checkpoint does not know. */
  warnAbout?(sentence: string): void;
  /** Why a better one is not used, as sentences. */
  leftOut?: string;
  /** The checkpoint with its sessions, kept open between runs; `vae`: absolute path of a VAE to use instead of its own. */
  openCheckpoint(id: string, vae?: string, loras?: LoraChoice[]): Promise<LoadedCheckpoint>;
  ingredients?: Ingredients;
  /** Told of the run's timelines when it begins: they can be looked at while it runs. */
  onPreviews?(previews: PreviewSink): void;
  /** Told of what can be asked about the run's attention, a map that fills as its denoise nodes begin. */
  onInspections?(inspections: Map<string, Inspection>): void;
  /** Where queries are kept for those questions. */
  attention: ContentStore;
}

export interface GraphRun {
  result: RunResult;
  /** Values of all nodes by output port, for whoever looks at a finished run. */
  values: Map<string, Record<string, Value>>;
  previews: PreviewSink;
  /** What pictures say of how they were made. */
  provenance: Record<string, unknown>;
}

/**
 * Runs a graph: validates, plans, executes its nodes in order, writes its outputs at the end.
 * @throws WeftError naming the node or the place in the file
 */
export async function runGraph(options: RunOptions, services: RunServices): Promise<GraphRun> {
  const started = performance.now();
  const { store, signal, emit } = services;
  const { runId } = options;
  const { provider } = services;
  const { document, text, warnings: doubts } = prepare(options, await services.checkpoints());
  for (const doubt of doubts) services.warnAbout?.(doubt);

  const opened = new Map<string, Promise<LoadedCheckpoint>>();
  const loaded = new Set<LoadedCheckpoint>();
  const openCheckpoint = (id: string, vae?: string, loras?: LoraChoice[]): Promise<LoadedCheckpoint> => {
    const key = JSON.stringify([id, vae, loras]);
    let opening = opened.get(key);
    if (!opening) {
      opening = services.openCheckpoint(id, vae, loras);
      opened.set(key, opening);
      opening.then(
        (checkpoint) => loaded.add(checkpoint),
        () => {},
      );
    }
    return opening;
  };
  const plan = await planWithDefaults(document, options.target, openCheckpoint);
  const nodes = inWorkingOrder(plan);

  const values = new Map<string, Record<string, Value>>();
  const timings: RunReport['nodes'] = {};
  const fresh = new Set<string>();
  const warnings: RunResult['warnings'] = [];
  const outputs: OutputFile[] = [];
  const inversions = new Map<string, InversionValue>();
  const { previewEvery: every, previewSize: size, previewPaceMs: paceMs } = options;
  const previews = new PreviewSink({ runId, every, size, paceMs }, store, emit);
  services.onPreviews?.(previews);
  const inspections = new Map<string, Inspection>();
  services.onInspections?.(inspections);
  const progressStarts = new Map<string, { at: number; step: number }>();
  let demands: Map<Trajectory, Demand> | undefined;
  const counts = { encoder: 0, decoder: 0 };
  const takeCounts = (): void => {
    for (const checkpoint of loaded) {
      const taken = checkpoint.takeCounts();
      counts.encoder += taken.encoder;
      counts.decoder += taken.decoder;
    }
  };
  let firstCell: RunReport | undefined;
  let planned: PlannedOutputs;

  const context: RunContext = {
    options,
    graphText: text,
    store,
    signal,
    ingredients: services.ingredients ?? {},
    previews,
    inspections,
    attention: options.keepAttention ? services.attention : undefined,
    checkpoint: openCheckpoint,
    leftOut: services.leftOut,
    inversion(node) {
      const found = inversions.get(node);
      if (!found) throw new WeftError('graph', `${node} is not an inversion.`, node);
      return found;
    },
    get demands() {
      demands ??= planDemands(plan, context.inversion, context.ingredients.complete ?? false);
      return demands;
    },
    demandOf: (trajectory) => context.demands.get(trajectory) ?? noDemand(),
    async referencePass(wanted) {
      if (context.ingredients.complete) wanted = context.demands;
      for (const [checkpoint, group] of byCheckpoint(wanted, inversions)) {
        await Trajectory.referencePass(group, {
          unet: () => checkpoint.unet(),
          signal,
          trace: context.ingredients.trajectoryTrace,
        });
      }
    },
    async runCell(cellText, picture) {
      takeCounts();
      const own = new Set(nodes.map(({ id }) => id));
      // The timelines of the last cell are the ones to look at, unless this run has its own.
      const onPreviews = nodes.some(({ type }) => type === 'denoise') ? undefined : services.onPreviews;
      // Told once, not in each cell.
      const leftOut = firstCell === undefined ? services.leftOut : undefined;
      const cell = await runCell(
        options,
        { ...services, leftOut, openCheckpoint, onPreviews },
        cellText,
        picture,
        (event) => {
          // A node that this run has visited itself keeps what it shows.
          if ('node' in event && !own.has(event.node)) emit(event);
        },
      );
      counts.encoder += cell.report.unet.encoder;
      counts.decoder += cell.report.unet.decoder;
      firstCell ??= cell.report;
      return cell;
    },
    emit,
    progress(node, step, total) {
      const now = performance.now();
      const start = progressStarts.get(node) ?? { at: now, step };
      progressStarts.set(node, start);
      const perStep = step > start.step ? (now - start.at) / (step - start.step) : undefined;
      const secondsLeft = perStep === undefined ? undefined : (perStep * (total - step)) / 1000;
      emit({ event: 'node', runId, node, state: 'running', step, total, secondsLeft });
    },
    warn(node, message) {
      // Two inversions of one prompt have the same to say of it.
      if (warnings.some((told) => told.node === node && told.message === message)) return;
      warnings.push({ node, message });
      emit({ event: 'warning', runId, node, message });
    },
    unfit(node, message) {
      emit({ event: 'warning', runId, node, message, unfit: true });
      if (options.refuseUnfit) throw new WeftError('graph', message, node);
      if (!warnings.some((told) => told.node === node)) warnings.push({ node, message });
    },
    outputOf: (node) => planned.saves.get(node)!,
    addOutput: (file) => outputs.push(file),
    provenance: () => ({
      weft: services.version,
      graph: digestOf(text),
      provider,
      checkpoints: [...inversions.values()]
        .map(({ checkpoint }) => `${checkpoint.prepared.id}@${checkpoint.prepared.sha256}`)
        .filter((value, index, all) => all.indexOf(value) === index),
    }),
  };
  emit({ event: 'run.started', runId, nodes: nodes.map(({ id }) => id) });
  for (const { id } of nodes) emit({ event: 'node', runId, node: id, state: 'waiting' });
  for (const id of plan.muted) emit({ event: 'node', runId, node: id, state: 'muted' });

  const failed = (error: unknown, node: string): WeftError => {
    const failure = asFailure(error, node);
    if (failure.kind !== 'interrupted' && failure.node !== undefined)
      emit({ event: 'node', runId, node: failure.node, state: 'failed', message: failure.message });
    return failure;
  };
  try {
    planned = await planOutputs(document, nodes, options);
  } catch (error) {
    throw error instanceof WeftError && error.node !== undefined ? failed(error, error.node) : error;
  }

  let invertsPrepared = false;
  for (const node of nodes) {
    signal.throwIfAborted();
    const begin = performance.now();
    try {
      const execution = { node, inputs: inputsFor(node, values), context };
      if (node.type === 'invert' && !invertsPrepared) {
        invertsPrepared = true;
        for (const other of nodes) {
          if (other.type !== 'invert') continue;
          inversions.set(other.id, await createInversion({ node: other, inputs: inputsFor(other, values), context }));
        }
        // Before the UNet opens: its weights can take their place.
        for (const { checkpoint } of inversions.values()) {
          await checkpoint.idle('textEncoder');
          await checkpoint.idle('vaeEncoder');
        }
      }
      emit({ event: 'node', runId, node: node.id, state: 'running' });
      const { outputs: made, computed } = await executors[node.type](execution);
      values.set(node.id, made);
      const inherited = Object.values(node.inputs).some((sources) => sources.some((source) => fresh.has(source.node)));
      const cached = !(computed === 'inherit' ? inherited : computed);
      if (!cached) fresh.add(node.id);
      const metrics = specOf(node.type)?.measures && metricsOf(made);
      timings[node.id] = { seconds: seconds(performance.now() - begin), cached, ...(metrics && { metrics }) };
      emit({ event: 'node', runId, node: node.id, state: cached ? 'cached' : 'done' });
    } catch (error) {
      throw failed(error, node.id);
    }
  }

  outputs.push(...(await timelineFiles(planned, values, store)));
  signal.throwIfAborted();
  await placeOutputs(nodes, options);
  const { paths: files, named } = await writeOutputs(outputs, options.freeStem);
  await store.flush();

  const checkpoint = [...inversions.values()][0]?.checkpoint ?? (await firstOf(opened));
  takeCounts();
  const providerNodes: RunReport['providerNodes'] = {};
  const lowMemory = (await Promise.all(opened.values())).some((loaded) => loaded.lowMemory);
  for (const loading of opened.values())
    for (const [name, count] of Object.entries(await (await loading).placement()))
      providerNodes[name] = (providerNodes[name] ?? 0) + count;
  const report: RunReport = {
    weft: services.version,
    graph: digestOf(text),
    checkpoint: {
      id: checkpoint?.prepared.id ?? '',
      sha256: checkpoint?.prepared.sha256 ?? '',
      ...(checkpoint?.prepared.vae && { vae: checkpoint.prepared.vae.sha256 }),
    },
    provider,
    providerNodes,
    ...(lowMemory ? { lowMemory } : {}),
    seed: [...inversions.values()][0]?.schedule.seed ?? firstCell?.seed ?? 42,
    unet: counts,
    nodes: timings,
    seconds: seconds(performance.now() - started),
    peakRssBytes: peakRssBytes(),
    outputs: files.map((file) => path.relative(planned.folder, file).split(path.sep).join('/')),
  };
  const result: RunResult = { report, files, warnings };
  if (planned.report !== undefined) {
    result.reportPath = named(planned.report);
    await writeWhole(result.reportPath, `${JSON.stringify(report, null, 2)}\n`, undefined, { durable: true });
  }
  return { result, values, previews, provenance: context.provenance() };
}

/** Runs a cell of a sweep: a graph of its own up to one picture. Nothing is written. */
export async function runCell(
  options: RunOptions,
  services: RunServices,
  graphText: string,
  picture: Source,
  emit: (event: EngineEvent) => void,
): Promise<{ image: ImageValue; report: RunReport; cached: boolean; provenance: Record<string, unknown> }> {
  const { document } = parseGraph(graphText);
  // A muted evaluate node lets the picture through.
  const source = (document && resolveSource(document, picture)) ?? picture;
  const run = await runGraph(
    {
      ...options,
      graphText,
      set: [],
      target: source.node,
      // The text is nobody's file.
      name: { as: options.name?.as ?? options.graphPath, lines: false },
      reportName: undefined,
      timeline: false,
      keepAttention: false,
    },
    {
      ...services,
      emit: (event) => {
        if (event.event !== 'run.started') emit(event);
      },
      onInspections: undefined,
      // Told once, of the graph that the cells come from.
      warnAbout: undefined,
    },
  );
  const image = run.values.get(source.node)?.[source.port];
  if (image?.kind !== 'image') {
    throw new WeftError('graph', `${source.node} has no image, so the sweep has nothing to show.`, source.node);
  }
  const { report } = run.result;
  const cached = Object.values(report.nodes).every((node) => node.cached);
  return { image, report, cached, provenance: run.provenance };
}

const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const firstOf = async <T>(opened: Map<string, Promise<T>>): Promise<T | undefined> => [...opened.values()][0];

/** The graph as it will run: parsed, overridden, validated, in canonical text. */
function prepare(
  options: RunOptions,
  checkpoints: CheckpointInfo[],
): { document: GraphDocument; text: string; warnings: string[] } {
  const inputs = new Inputs(inputTrust(options));
  const { text, problems, tell } = checkedGraph(options, {
    fileExists: (relative) => !inputs.isMissing(relative),
    isPicked: (relative, access) =>
      access === 'read' ? inputs.isPicked(relative) : options.picked.includes(path.resolve(options.outDir, relative)),
    checkpoints,
  });
  const { document } = parseGraph(text);
  const errors = document ? blocking(problems, document, options.target) : problems;
  const missing = errors.every(({ code }) => code === 'unknown-checkpoint');
  if (!document || errors.length > 0) {
    const sentences = errors.map(tell).join('\n');
    throw new WeftError(document && missing ? 'checkpoint' : 'graph', sentences, errors[0]?.node);
  }
  const warnings = problems.filter(({ severity }) => severity === 'warning').map(tell);
  return { document, text: writeGraph(document), warnings };
}

/** Errors that forbid this run: with a target, only those of what it needs. */
function blocking(problems: Problem[], document: GraphDocument, target: string | undefined): Problem[] {
  let plan: Plan | undefined;
  try {
    plan = target === undefined ? undefined : planGraph(document, { target });
  } catch {
    // What can't be planned is among the problems already.
  }
  return blockingProblems(problems, plan);
}

/** Plans twice: once to learn which checkpoints take part, then with their own parameter defaults. */
async function planWithDefaults(
  document: GraphDocument,
  target: string | undefined,
  open: (id: string) => Promise<LoadedCheckpoint>,
): Promise<Plan> {
  try {
    const ids = planGraph(document, { target }).nodes.flatMap((node) => (node.checkpoint ? [node.checkpoint] : []));
    const defaults = new Map<string, ReturnType<typeof checkpointDefaults>>();
    for (const id of new Set(ids)) {
      const { prepared } = await open(id);
      defaults.set(id, checkpointDefaults(prepared.defaults, prepared.domains, prepared.promptTemplate));
    }
    return planGraph(document, { target, defaults: (type, checkpoint) => defaults.get(checkpoint ?? '')?.[type] });
  } catch (error) {
    if (error instanceof PlanError) throw new WeftError('graph', error.message, error.node);
    throw error;
  }
}

/** Plan order, but what inversions need first, then all inversions: their reference passes can then run side by side. */
function inWorkingOrder(plan: Plan): PlannedNode[] {
  const rank = ({ type }: PlannedNode): number => {
    if (type === 'invert') return 1;
    return ['image', 'prompt', 'schedule', 'checkpoint', 'freeu', 'lora', 'mask-image'].includes(type) ? 0 : 2;
  };
  return [...plan.nodes].sort((a, b) => rank(a) - rank(b));
}

function metricsOf(made: Record<string, Value>): Metrics | undefined {
  for (const value of Object.values(made)) if (value.kind === 'image' && value.metrics) return value.metrics;
  return undefined;
}

function inputsFor(node: PlannedNode, values: Map<string, Record<string, Value>>): Record<string, Value[]> {
  return Object.fromEntries(
    Object.entries(node.inputs).map(([port, sources]) => [
      port,
      // A node may leave an output out (a mask that was not found): the port is then as if nothing were wired.
      sources.flatMap((source) => values.get(source.node)?.[source.port] ?? []),
    ]),
  );
}

function byCheckpoint(
  demands: Map<Trajectory, Demand>,
  inversions: Map<string, InversionValue>,
): Map<LoadedCheckpoint, Map<Trajectory, Demand>> {
  const owners = new Map([...inversions.values()].map(({ trajectory, checkpoint }) => [trajectory, checkpoint]));
  const groups = new Map<LoadedCheckpoint, Map<Trajectory, Demand>>();
  for (const [trajectory, demand] of demands) {
    const owner = owners.get(trajectory)!;
    const group = groups.get(owner) ?? new Map<Trajectory, Demand>();
    groups.set(owner, group.set(trajectory, demand));
  }
  return groups;
}

function asFailure(error: unknown, node: string): WeftError {
  if (error instanceof WeftError) return error.kind === 'interrupted' ? error : error.at(node);
  if (error instanceof DOMException && error.name === 'AbortError') return new WeftError('interrupted', 'Stopped.');
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new WeftError('internal', message, node);
}

/** Each denoise node's timeline as an animated picture and as a strip, where they are wanted. */
async function timelineFiles(
  { timelines }: PlannedOutputs,
  values: Map<string, Record<string, Value>>,
  store: ContentStore,
): Promise<OutputFile[]> {
  const files: OutputFile[] = [];
  for (const [node, places] of timelines) {
    const timeline = values.get(node)?.['timeline'] as TimelineValue | undefined;
    if (!timeline || timeline.frames.length === 0) continue;
    const size = longerSide(timeline.checkpoint.size);
    const frames = [];
    for (const frame of timeline.frames) frames.push(await drawFrame(timeline.checkpoint, frame, 'x0', size, store));
    files.push({ node, path: places.animation, bytes: await animate(frames, 'webp') });
    files.push({ node, path: places.strip, bytes: await strip(frames) });
  }
  return files;
}
