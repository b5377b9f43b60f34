import { createHash } from 'node:crypto';
import { type Plan, type PlannedNode, type Source } from '../../graph';
import { type EngineEvent, type RunOptions, type RunReport, type RunResult } from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { type ContentStore } from '../cache/store';
import { type NamedLora } from '../checkpoints/requests';
import { type LoraChoice } from '../checkpoints/types';
import { type Inspection } from '../inspect/inspection';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { type Demand, noDemand, Trajectory } from '../pipeline/trajectory';
import {
  type CellRun,
  type Executors,
  type Injected,
  type OutputFile,
  type PlaceOf,
  type RunContext,
  type RunServices,
} from './context';
import { mergeDemand } from './demands';
import { type PlannedOutputs } from './planOutputs';
import { PreviewSink, Timelines } from './previews';
import { type InversionValue, type Value } from './values';

/** One run of a graph: what it has come to so far, and what its executors may use of it. */
export class Run implements RunContext {
  readonly store: ContentStore;
  readonly signal: AbortSignal;
  readonly injected: Injected;
  readonly previews: PreviewSink;
  readonly timelines: Timelines;
  readonly inspections = new Map<string, Inspection>();
  readonly attention?: ContentStore;
  readonly leftOut?: string;
  readonly emit: (event: EngineEvent) => void;
  readonly executors: Executors;
  /** Values of each node by output port. */
  readonly values = new Map<string, Record<string, Value>>();
  readonly inversions = new Map<string, InversionValue>();
  readonly nodes: RunReport['nodes'] = {};
  readonly warnings: RunResult['warnings'] = [];
  readonly outputs: OutputFile[] = [];
  readonly counts: RunReport['unet'] = { encoder: 0, decoder: 0 };
  /** The report of the first cell of a sweep. */
  firstCell?: RunReport;
  planned: PlannedOutputs = { folder: '', saves: new Map(), timelines: new Map() };
  private planDemands?: Map<Trajectory, Demand>;
  private readonly progressStarts = new Map<string, { at: number; step: number }>();

  constructor(
    readonly options: RunOptions,
    readonly services: RunServices,
    readonly graphText: string,
    readonly plan: Plan,
    readonly checkpoints: OpenCheckpoints,
    private readonly cell: (run: Run, graphText: string, picture: Source, placeOf: PlaceOf) => Promise<CellRun>,
  ) {
    const { runId, previewEvery: every, previewSize: size, previewPaceMs: paceMs } = options;
    this.store = services.store;
    this.signal = services.signal;
    this.emit = services.emit;
    this.executors = services.executors;
    this.injected = services.injected ?? {};
    this.leftOut = services.leftOut;
    this.attention = options.keepAttention ? services.attention : undefined;
    const { timelines = new Timelines(), placeOf = () => undefined } = services.cell ?? {};
    this.timelines = timelines;
    this.previews = new PreviewSink({ runId, every, size, paceMs }, timelines, placeOf, this.store, this.emit);
  }

  loras(): Promise<NamedLora[]> {
    return this.services.loras();
  }

  checkpoint(id: string, vae?: string, loras?: LoraChoice[]): Promise<LoadedCheckpoint> {
    return this.checkpoints.open(id, vae, loras);
  }

  addInversion(inversion: InversionValue): void {
    this.inversions.set(inversion.node, inversion);
    this.planDemands = undefined;
  }

  get demands(): Map<Trajectory, Demand> {
    if (!this.planDemands) {
      this.planDemands = new Map();
      for (const node of this.plan.nodes)
        mergeDemand(this.planDemands, this.executors[node.type].demands?.(node, this) ?? new Map());
    }
    return this.planDemands;
  }

  demandOf(trajectory: Trajectory): Demand {
    return this.demands.get(trajectory) ?? noDemand();
  }

  async referencePass(wanted: Map<Trajectory, Demand>): Promise<void> {
    const demands = this.injected.complete ? this.demands : wanted;
    const owners = new Map([...this.inversions.values()].map(({ trajectory, checkpoint }) => [trajectory, checkpoint]));
    const groups = new Map<LoadedCheckpoint, Map<Trajectory, Demand>>();
    for (const [trajectory, demand] of demands) {
      const owner = owners.get(trajectory)!;
      groups.set(owner, (groups.get(owner) ?? new Map<Trajectory, Demand>()).set(trajectory, demand));
    }
    const { signal } = this;
    const trace = this.injected.trajectoryTrace;
    for (const [checkpoint, group] of groups)
      await Trajectory.referencePass(group, { unet: () => checkpoint.unet(), signal, trace });
  }

  runCell(graphText: string, picture: Source, placeOf: PlaceOf): Promise<CellRun> {
    return this.cell(this, graphText, picture, placeOf);
  }

  progress(node: string, step: number, total: number): void {
    const now = performance.now();
    const start = this.progressStarts.get(node) ?? { at: now, step };
    this.progressStarts.set(node, start);
    const perStep = step > start.step ? (now - start.at) / (step - start.step) : undefined;
    const secondsLeft = perStep === undefined ? undefined : (perStep * (total - step)) / 1000;
    this.emit({ event: 'node', runId: this.options.runId, node, state: 'running', step, total, secondsLeft });
  }

  warn(node: string, message: string): void {
    // Two inversions of one prompt have the same to say of it.
    if (this.warnings.some((told) => told.node === node && told.message === message)) return;
    this.warnings.push({ node, message });
    this.emit({ event: 'warning', runId: this.options.runId, node, message });
  }

  unfit(node: string, message: string): void {
    if (!this.options.refuseUnfit) return this.warn(node, message);
    this.emit({ event: 'warning', runId: this.options.runId, node, message, unfit: true });
    throw new WeftError('graph', message, node);
  }

  outputOf(node: string): string {
    return this.planned.saves.get(node)!;
  }

  addOutput(file: OutputFile): void {
    this.outputs.push(file);
  }

  provenance(): Record<string, unknown> {
    const checkpoints = [...this.inversions.values()].map(
      ({ checkpoint: { prepared } }) => `${prepared.id}@${prepared.sha256}`,
    );
    const { version: weft, provider } = this.services;
    return { weft, graph: this.graphDigest, provider, checkpoints: [...new Set(checkpoints)] };
  }

  get graphDigest(): string {
    return createHash('sha256').update(this.graphText).digest('hex');
  }

  /** Takes over what the checkpoints have counted since the last time. */
  takeCounts(): void {
    for (const checkpoint of this.checkpoints.loaded) this.addCounts(checkpoint.takeCounts());
  }

  addCounts({ encoder, decoder, masked }: RunReport['unet']): void {
    this.counts.encoder += encoder;
    this.counts.decoder += decoder;
    if (masked) this.counts.masked = (this.counts.masked ?? 0) + masked;
  }

  inputsOf(node: PlannedNode): Record<string, Value[]> {
    return Object.fromEntries(
      Object.entries(node.inputs).map(([port, sources]) => [
        port,
        // A node may leave an output out (a mask that was not found): the port is then as if nothing were wired.
        sources.flatMap((source) => this.values.get(source.node)?.[source.port] ?? []),
      ]),
    );
  }
}

/** Seconds with three digits, as reports have them. */
export const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;

/** The checkpoints of a run, each opened once. */
export class OpenCheckpoints {
  readonly opened = new Map<string, Promise<LoadedCheckpoint>>();
  readonly loaded = new Set<LoadedCheckpoint>();

  constructor(private readonly services: Pick<RunServices, 'openCheckpoint'>) {}

  readonly open: RunServices['openCheckpoint'] = (id, vae, loras) => {
    const key = JSON.stringify([id, vae, loras]);
    let opening = this.opened.get(key);
    if (!opening) {
      opening = this.services.openCheckpoint(id, vae, loras);
      this.opened.set(key, opening);
      opening.then(
        (checkpoint) => this.loaded.add(checkpoint),
        () => {},
      );
    }
    return opening;
  };
}
