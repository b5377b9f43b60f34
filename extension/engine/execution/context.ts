import { type NodeType, type Plan, type PlannedNode, type Source } from '../../graph';
import {
  type CellPlace,
  type CheckpointInfo,
  type EngineEvent,
  type RunOptions,
  type RunReport,
} from '../../protocol/engine';
import { type ContentStore } from '../cache/store';
import { type LoraChoice } from '../checkpoints/types';
import { type Trace } from '../pipeline/sampler';
import { type Inspection } from '../inspect/inspection';
import { type Demand, type Trajectory, type TrajectoryTrace } from '../pipeline/trajectory';
import { type NamedLora } from '../checkpoints/requests';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { type PreviewSink, type Timelines } from './previews';
import { type ImageValue, type InversionValue, type Value } from './values';

/**
 * Replacements for what the engine would compute itself, and ears for what it computes: how reference numbers made elsewhere are
 * injected and compared. The executors do not know whether any is set.
 */
export interface Injected {
  /** x0 of an image node's picture. */
  x0?: (imageNode: string) => Float32Array | undefined;
  noise?: (imageNode: string, timestep: number) => Float32Array | undefined;
  context?: (prompt: string) => Float32Array | undefined;
  /** A finished inversion in place of one: latents of the first loop step and the noise maps of all. */
  inversion?: (imageNode: string) => { start: Float32Array; noiseMaps: Float32Array[] } | undefined;
  trace?: Trace;
  trajectoryTrace?: TrajectoryTrace;
  /** Run both reference passes to their end, although nothing reads it. */
  complete?: boolean;
}

/** A file to be written when everything has succeeded. */
export interface OutputFile {
  node: string;
  /** Absolute, below the output folder. */
  path: string;
  bytes: Uint8Array;
}

export interface RunServices {
  version: string;
  /** How each type of node runs. */
  executors: Executors;
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
  /** LoRAs that a graph can name instead of a path. */
  loras(): Promise<NamedLora[]>;
  injected?: Injected;
  /** Told of the run's timelines when it begins: they can be looked at while it runs. */
  onTimelines?(timelines: Timelines): void;
  /** Set for a cell of a sweep: where the whole run's timelines are kept, and what of the cell each node depends on. */
  cell?: { timelines: Timelines; placeOf: PlaceOf };
  /** Told of what can be asked about the run's attention, a map that fills as its denoise nodes begin. */
  onInspections?(inspections: Map<string, Inspection>): void;
  /** Where queries are kept for those questions. */
  attention: ContentStore;
}

/** What of a sweep's cell a node depends on; undefined of one that is the same in all cells. */
export type PlaceOf = (node: string) => CellPlace | undefined;

/** A cell of a sweep that has run. */
export interface CellRun {
  image: ImageValue;
  report: RunReport;
  cached: boolean;
  provenance: Record<string, unknown>;
}

/** What executors may use of the run they are part of. */
export interface RunContext {
  readonly options: RunOptions;
  readonly plan: Plan;
  /** Canonical text of the graph as it runs, with its overrides. */
  readonly graphText: string;
  readonly store: ContentStore;
  readonly signal: AbortSignal;
  readonly injected: Injected;
  readonly previews: PreviewSink;
  /** What each denoise node's attention can be asked, by node. */
  readonly inspections: Map<string, Inspection>;
  /** Where queries are kept while the run goes on; absent: they are computed when asked for. */
  readonly attention?: ContentStore;
  checkpoint(id: string, vae?: string, loras?: LoraChoice[]): Promise<LoadedCheckpoint>;
  loras(): Promise<NamedLora[]>;
  /** The inversions by their nodes; they exist before the first one is computed. */
  readonly inversions: ReadonlyMap<string, InversionValue>;
  addInversion(inversion: InversionValue): void;
  /** What the whole plan will read of a trajectory. */
  demandOf(trajectory: Trajectory): Demand;
  /** Runs the reference passes as far as `demands` say. */
  referencePass(demands: Map<Trajectory, Demand>): Promise<void>;
  /** Demands of everything in the plan: a cold run computes them side by side. */
  readonly demands: Map<Trajectory, Demand>;
  /** Runs a graph of its own up to one picture, with this run's store, device and events. Its UNet calls count for this run. */
  runCell(graphText: string, picture: Source, placeOf: PlaceOf): Promise<CellRun>;
  emit(event: EngineEvent): void;
  progress(node: string, step: number, total: number): void;
  warn(node: string, message: string): void;
  /** An image that its checkpoint does not know. @throws WeftError `graph` where the caller refuses such */
  unfit(node: string, message: string): void;
  /** Why a better provider is not used, as sentences. */
  readonly leftOut?: string;
  /** Where a save node writes: absolute, and checked before the run began. */
  outputOf(node: string): string;
  addOutput(file: OutputFile): void;
  /** What is known of the run when a picture is written: no timings. */
  provenance(): Record<string, unknown>;
}

export interface Execution {
  node: PlannedNode;
  /** Values by input port, in wire order; ports without a wire are absent. */
  inputs: Record<string, Value[]>;
  context: RunContext;
}

export interface Product {
  /** Values by output port. */
  outputs: Record<string, Value>;
  /**
   * Whether anything was computed that was not kept from before. Nodes that only put a record together say `inherit`: they are
   * as fresh as their inputs.
   */
  computed: boolean | 'inherit';
}

/** How a type of node runs: one file each in nodes/. */
export interface Executor {
  (execution: Execution): Promise<Product>;
  /** Called before the first node of the type runs, with all of them that have their inputs. */
  prepare?(executions: readonly Execution[]): Promise<void>;
  /** What a node will read of inversions, known before anything is computed: so a cold run computes the reference passes once and side by side. */
  demands?(node: PlannedNode, context: RunContext): Map<Trajectory, Demand>;
}

export type Executors = Readonly<Record<NodeType, Executor>>;
