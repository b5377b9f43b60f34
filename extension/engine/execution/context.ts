import { type EngineEvent, type RunOptions, type RunReport } from '../../protocol/engine';
import { type PlannedNode, type Source } from '../../graph';
import { type ContentStore } from '../cache/store';
import { type LoraChoice } from '../checkpoints/types';
import { type Trace } from '../pipeline/sampler';
import { type Inspection } from '../inspect/inspection';
import { type Demand, type Trajectory, type TrajectoryTrace } from '../pipeline/trajectory';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { type PreviewSink } from './previews';
import { type ImageValue, type InversionValue, type Value } from './values';

/**
 * Replacements for what the engine would compute itself, and ears for what it computes: how reference numbers made elsewhere are
 * injected and compared. The executors do not know whether any is set.
 */
export interface Ingredients {
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

/** What executors may use of the run they are part of. */
export interface RunContext {
  readonly options: RunOptions;
  /** Canonical text of the graph as it runs, with its overrides. */
  readonly graphText: string;
  readonly store: ContentStore;
  readonly signal: AbortSignal;
  readonly ingredients: Ingredients;
  readonly previews: PreviewSink;
  /** What each denoise node's attention can be asked, by node. */
  readonly inspections: Map<string, Inspection>;
  /** Where queries are kept while the run goes on; absent: they are computed when asked for. */
  readonly attention?: ContentStore;
  checkpoint(id: string, vae?: string, loras?: LoraChoice[]): Promise<LoadedCheckpoint>;
  /** The inversion of an invert node; they all exist before the first one is computed. */
  inversion(node: string): InversionValue;
  /** What the whole plan will read of a trajectory. */
  demandOf(trajectory: Trajectory): Demand;
  /** Runs the reference passes as far as `demands` say. */
  referencePass(demands: Map<Trajectory, Demand>): Promise<void>;
  /** Demands of everything in the plan: a cold run computes them side by side. */
  readonly demands: Map<Trajectory, Demand>;
  /** Runs a graph of its own up to one picture, with this run's store, device and events. Its rows count for this run. */
  runCell(graphText: string, picture: Source): Promise<{ image: ImageValue; report: RunReport; cached: boolean }>;
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

/** How a type of node runs: one file each in executors/. */
export type Executor = (execution: Execution) => Promise<Product>;
