/**
 * Messages between whoever runs graphs (the extension host or the command line) and the engine process.
 * Every request is answered by exactly one `response` with its id, or times out at the caller; events have no answer.
 * Bytes travel as Uint8Array (the fork uses the `advanced` serialization).
 */
import { z } from 'zod';
import { type Draft, type SizeFacts } from '../graph';
import { type ErrorReport } from './errors';
import { type InspectRequests } from './inspect';
import { type SegmentationNews } from './mask';

export const PROTOCOL_VERSION = 1;

/** Argument of the engine process: where Weft's folder can't be used, a temporary one does, which has the embedded checkpoint alone. */
export const ANY_HOME = '--any-home';

/** A file of whoever asked for a run: its absolute path, and what it is for in words, such as an option. */
const callersFileSchema = z.object({ file: z.string(), by: z.string() });

export const runOptionsSchema = z.object({
  /** Names the run in events and in `cancel`. */
  runId: z.string(),
  /** Text of the graph, as the editor shows it (not necessarily as saved). */
  graphText: z.string(),
  /** How the user knows the graph, for messages; absent: as the file. See GraphName. */
  name: z
    .object({
      as: z.string(),
      lines: z.boolean(),
      of: z.string().optional(),
      options: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  /** Absolute path of the graph file; relative paths in the graph are resolved against its folder. */
  graphPath: z.string(),
  /** Folders, besides the graph's own, that pictures may be read from. */
  roots: z.array(z.string()).default([]),
  /** Absolute paths that the user picked by hand: readable outside the roots, and under names that not every machine takes. */
  picked: z.array(z.string()).default([]),
  allowOutside: z.boolean().default(false),
  /** Absolute path of the output folder; `save` writes below it. */
  outDir: z.string(),
  /** The user named the output folder, so it may be anywhere; else a link out of the graph's folder and the roots is not followed. */
  outDirNamed: z.boolean().default(false),
  /**
   * Outputs whose names begin with this default name get a number after it where another run has written a file of that name. The result
   * lists the files that were really written.
   */
  freeStem: z.string().optional(),
  /** Files, besides those that the graph names, that nothing may be written over, and what reads them. */
  reads: z.array(callersFileSchema).default([]),
  /** Files that the caller writes when the run is done: checked with the outputs before it begins. */
  writes: z.array(callersFileSchema).default([]),
  /** Run only what this node needs, and the node. */
  target: z.string().optional(),
  /** Ends before the first step where an image does not look like what its checkpoint knows; else the run only warns. */
  refuseUnfit: z.boolean().default(false),
  /** Run with the draft schedules of the checkpoints; outputs get `-draft` in their names. */
  draft: z.boolean().default(false),
  /** Parameter overrides, `[node, parameter, value]`. */
  set: z.array(z.tuple([z.string(), z.string(), z.unknown()])).default([]),
  /** What to compute on; absent or `auto`: the fastest that works. */
  provider: z.string().optional(),
  /** Gigabytes that intermediate results may take, beside weights; absent: chosen from what the machine has. */
  memoryGb: z.number().positive().optional(),
  useCache: z.boolean().default(true),
  /** Write `run.json` under this name in the output folder; none when absent. */
  reportName: z.string().optional(),
  /** Write each timeline as an animated picture and a strip beside the result. */
  timeline: z.boolean().default(false),
  /** A preview every N steps (0: none), at most this many pixels a side. */
  previewEvery: z.number().int().min(0).default(0),
  previewSize: z.number().int().min(16).max(1024).default(256),
  /** Previews of a node come at least so many milliseconds apart; those that came too soon are sent after the run. */
  previewPaceMs: z.number().min(0).default(0),
  /** Keep the queries of the swapped layers of every step, so that questions about attention are answered at once. */
  keepAttention: z.boolean().default(false),
});
export type RunOptions = z.infer<typeof runOptionsSchema>;
export type RunRequest = z.input<typeof runOptionsSchema>;

/** Written as `run.json`; docs/command-line.md describes it. */
export interface RunReport {
  weft: string;
  graph: string;
  /** `vae`: SHA-256 of the separate VAE that was used. */
  checkpoint: { id: string; sha256: string; vae?: string };
  /** What really computed. */
  provider: string;
  /** Nodes of the graphs that ran, by the provider that ran them; empty when everything came from the cache. */
  providerNodes: Record<string, number>;
  /** Weights were read from their file as they lie there, which is slower and takes less memory. */
  lowMemory?: true;
  seed: number;
  /** It ran with the draft schedule. */
  draft?: true;
  /** `masked`: attentions to chosen places only (source regions and pins), one for each and step. */
  unet: { encoder: number; decoder: number; masked?: number };
  /** `metrics`: what an evaluate node found out. */
  nodes: Record<string, { seconds: number; cached: boolean; metrics?: Record<string, number> }>;
  seconds: number;
  /** The engine's largest resident memory during this run (on macOS and Windows since it started). */
  peakRssBytes: number;
  outputs: string[];
}

export interface RunResult {
  report: RunReport;
  /** Absolute paths of the files written, in the order of the report's `outputs`. */
  files: string[];
  /** Sentences the user should see although the run succeeded (an empty mask, a fallback). */
  warnings: { node: string; message: string }[];
  /** Where the run's report was written, when it was. */
  reportPath?: string;
}

/** A sweep whose cells become files below the run's output folder. */
export interface SweepRequest {
  run: RunRequest;
  /** One or two axes, `node.parameter=values`: columns, then rows. Empty: those of the graph's sweep node. */
  over: string[];
  /** The picture that cells show, `node.port`; absent: the only one there is. */
  of?: string;
  /** The sweep node, when the graph has several. */
  node?: string;
  /** Which part of the cells to run, counted from 1. */
  shard?: { index: number; count: number };
}

export interface SweepResult {
  folder: string;
  /** The contact sheet of the cells that are there. */
  sheet: string;
  finished: number;
  total: number;
  /** Cells that are not as they were written, and so are not on the sheet. */
  damaged: string[];
  /** Cells of this call: made now, and there already. */
  computed: number;
  found: number;
  unet: { encoder: number; decoder: number };
}

/** Where a checkpoint was downloaded from. */
export interface CheckpointOrigin {
  /** Page of the repository. */
  source: string;
  /** Branch, tag or commit that its manifest names. */
  revision: string;
  /** The commit that a branch stood at then, where the server told. */
  commit?: string;
}

export interface CheckpointInfo {
  id: string;
  title: string;
  /** Digest over the digests of the checkpoint's files. */
  sha256: string;
  /** Bytes on disk. */
  size: number;
  precision: 'fp32' | 'fp16' | 'bf16' | 'mixed';
  /** Side of the square pictures it was trained on, in pixels. */
  pictureSize: number;
  /** Other sizes it can work at: none when they are fixed, else multiples of a number of pixels. */
  sizes?: SizeFacts['sizes'];
  /** Nouns it knows, empty when any noun will do. */
  domains: { noun: string; kinds: string[] }[];
  builtIn: boolean;
  licence?: string;
  origin?: CheckpointOrigin;
  /** What the UNet predicts, where it is not the noise. */
  prediction?: 'v_prediction';
  /** How many of its text encoder's last layers a prompt can leave out; 0 where they can't be told apart, absent where it is not known yet. */
  clipSkip?: number;
  /** The person's own files that it reads its weights from, where they are. */
  weights?: string[];
  /** A file or folder in a model folder; it is prepared when it is first used. */
  found?: string;
  /** Bytes that removing it frees, and bytes that stay because other folders hold the same files (hard links). */
  disk?: { freed: number; shared: number };
  /** What a run needs at the checkpoint's own size, by arithmetic; see memoryNeed. */
  memory?: MemoryNeed;
  /** The schedule of a draft with it; absent until it is prepared. */
  draft?: Draft;
  /** Whether new graphs for it are wired with a FreeU node. */
  freeu?: boolean;
  /** Set when the checkpoint can't be used. */
  problem?: string;
  /** Overrides of parameter defaults, `{ "node type": { parameter: value } }`. */
  defaults: Record<string, Record<string, unknown>>;
}

/** A model in one of the folders that people share between programs. */
export interface FoundModel {
  kind: 'checkpoint' | 'vae' | 'lora';
  /** Absolute path: a .safetensors file, or a diffusers folder. */
  file: string;
  title: string;
  size: number;
  precision: CheckpointInfo['precision'];
  pictureSize: number;
  prediction?: 'v_prediction';
  /** Of a checkpoint: what it is called in graphs, also before it is prepared. Absent where there is a problem. */
  id?: string;
  /** Why Weft does not run it: the rest of a sentence that begins with the file's name. */
  problem?: string;
}

/** Bytes that a run needs, on the processor in float32 and on a graphics card in the checkpoint's own precision. */
export interface MemoryNeed {
  cpu: MemoryTerms;
  gpu: MemoryTerms;
  /** Set where the processor reads the weights from their file as they lie there: the total that holding them ready would take. */
  ordinary?: number;
  /** Bytes of this machine's memory. */
  machine: number;
}

export interface MemoryTerms {
  /** Weights of all parts, as the provider holds them. */
  weights: number;
  /** The largest step of the UNet or of the VAE. */
  working: number;
  /** Everything else: the runtime, pictures, and what is kept between steps. */
  kept: number;
  total: number;
}

/** A checkpoint that can be downloaded by name, and what is there of it. */
export interface KnownCheckpoint {
  /** A LoRA is no checkpoint, but is downloaded like one. */
  kind?: 'lora';
  name: string;
  title: string;
  description: string;
  licence: { id: string; title: string; url: string; summary: string[] };
  precision: CheckpointInfo['precision'];
  /** `none`: a .safetensors file or a diffusers folder, no export. */
  exporter: 'diffusers' | 'optimum' | 'other' | 'none';
  /** Page of the repository. */
  source: string;
  /** Server that the environment names in the place of the source's. */
  mirror?: string;
  /** Of a manifest that is not known yet: page of the repository that its name meant until now. */
  replaces?: string;
  /** Branch, tag or commit that the manifest names. */
  revision: string;
  /** The commit that a branch stood at when its download began: all files come from it, also after a pause. */
  commit?: string;
  pictureSize: number;
  notes: string[];
  /** Bytes of all files; `exact` when the publisher's exact sizes are known. */
  bytes: number;
  exact: boolean;
  files: number;
  /** Files whose SHA-256 is known beforehand. */
  digests: number;
  /** Bytes that are there. */
  doneBytes: number;
  licenceAccepted: boolean;
  state: 'absent' | 'paused' | 'downloading' | 'installed';
}

/** A LoRA that was downloaded; a graph's `lora` node takes its id in the place of a path. */
export interface DownloadedLora {
  id: string;
  title: string;
  /** Its file. */
  lora: string;
  size: number;
}

/** How files are fetched; each is the user's own setting, never a folder's or a graph's. */
export interface DownloadSettings {
  /** Takes the place of the server that a manifest names. */
  mirror?: string;
  proxy?: { url?: string; noProxy?: string; strictTls?: boolean };
  offline?: boolean;
}

/** Where onnxruntime's CUDA library is fetched from, and through what. */
export interface NugetSource extends Pick<DownloadSettings, 'proxy' | 'offline'> {
  /** Index of another NuGet than the environment's or the public one. */
  index?: string;
}

/** Something to compute on, as a trial on this machine found it. */
export interface Device {
  /** onnxruntime's name. */
  provider: string;
  title: string;
  /** It computes, and computes right. */
  available: boolean;
  /** `auto` takes this one. */
  chosen: boolean;
  /** What was found, or what failed and why. */
  sentence: string;
  /** What to do about it. */
  next?: string;
}

/** Requests with their parameters and answers, by method name. */
/** A folder of what can be made anew. */
export interface CacheFolder {
  /** What is in it, for a person to read. */
  title: string;
  folder: string;
  bytes: number;
  files: number;
  /** What it may take. */
  mostBytes: number;
}

/** One of the engine's stores in memory. */
export interface HeldMemory {
  title: string;
  bytes: number;
  mostBytes: number;
}

export interface EngineRequests extends InspectRequests {
  /** `modelFolders`: those that the settings name. `crashNote`: the file that tells what the engine computes on, see platform/crashNote.ts. */
  hello: {
    params: { protocol: number; modelFolders?: string[] };
    result: { version: string; pid: number; crashNote?: string };
  };
  run: { params: RunRequest; result: RunResult };
  sweep: { params: SweepRequest; result: SweepResult };
  /** Brings the folders of one sweep's shards together in the first. */
  'sweep.merge': { params: { folders: string[] }; result: SweepResult };
  /** Takes effect within one step; the run's own answer is an `interrupted` error. */
  cancel: { params: { runId: string }; result: { cancelled: boolean } };
  /** `folders`: the model folders that the settings name, from now on. */
  'models.list': { params: { folders?: string[] }; result: CheckpointInfo[] };
  /** What lies in the model folders; `remember` is one more of them from now on, `forget` one less. Absolute paths. */
  'models.scan': {
    params: { remember?: string; forget?: string };
    result: {
      folders: string[];
      models: FoundModel[];
      problems: string[];
      others: { pickles: number; safetensors: number };
    };
  };
  /**
   * Imports a .safetensors file, a folder, or the files of one checkpoint, by absolute paths. `prediction`: what the UNet predicts, where the files
   * don't tell; `vae`: a VAE to use instead of the checkpoint's own.
   */
  'models.add': {
    params: { paths: string[]; id?: string; prediction?: 'epsilon' | 'v_prediction'; vae?: string };
    result: CheckpointInfo;
  };
  'models.verify': { params: { id: string }; result: { id: string; files: number; bytes: number } };
  'models.remove': { params: { id: string }; result: { removed: boolean; freed: number } };
  'models.known': { params: Record<string, never>; result: KnownCheckpoint[] };
  /**
   * Reads a manifest from a file of the user's choice. It is known by name only from the moment its licence was accepted: until then its
   * `offer` names it, and the same bytes.
   */
  'models.offer': { params: { file: string }; result: { known: KnownCheckpoint; offer: string } };
  /** Fetches and imports; ends with `interrupted` when paused. A licence not accepted before has to be named. */
  'models.download': {
    params: { name: string; acceptedLicence?: string; offer?: string } & DownloadSettings;
    result: CheckpointInfo | DownloadedLora;
  };
  'models.pause': { params: { name: string }; result: { paused: boolean } };
  /** Removes what was downloaded of one that is not imported, or a LoRA. */
  'models.discard': { params: { name: string }; result: { bytes: number } };
  'cache.show': { params: Record<string, never>; result: CacheFolder[] };
  'cache.clear': { params: Record<string, never>; result: { bytes: number } };
  /** What the engine holds in memory beside the sessions' own. */
  memory: { params: Record<string, never>; result: HeldMemory[] };
  /** One picture of a timeline kept in memory since its run, as PNG; none of a step that the run had no need of. */
  'timeline.frame': {
    params: { runId: string; node: string; cell?: CellPlace; index: number; kind: PreviewKind; size: number };
    result: { png?: Uint8Array };
  };
  /** Tells what the machine offers to compute on, in sentences. */
  devices: { params: { probe?: boolean }; result: Device[] };
  /** onnxruntime's CUDA library: where it would come from and how large it is. */
  'devices.cuda': { params: NugetSource; result: { url: string; bytes: number; installed: boolean } };
  /** Fetches and checks it; progress comes as log events. It is used by the next engine that starts. */
  'devices.cuda.install': { params: NugetSource; result: { bytes: number } };
  /** Stops fetching it; what came is kept for the next time. */
  'devices.cuda.pause': { params: Record<string, never>; result: { paused: boolean } };
  'devices.cuda.remove': { params: Record<string, never>; result: { removed: boolean } };
  ping: { params: Record<string, never>; result: { rssBytes: number } };
  /** Finish or cancel what runs, then end the process. */
  shutdown: { params: Record<string, never>; result: Record<string, never> };
}
export type EngineMethod = keyof EngineRequests;

/** x̂0: the denoiser's current guess of the clean picture; xt: the noisy latents themselves. */
export type PreviewKind = 'x0' | 'xt';
export type NodeState = 'waiting' | 'running' | 'done' | 'cached' | 'failed' | 'skipped' | 'muted';

/** One side of a sweep: what varies along it, and its values in words. */
export interface SweepSide {
  title: string;
  labels: string[];
}

/** Where in a sweep something was made: its row and column. One is absent where it is the same all along that axis. */
export interface CellPlace {
  /** Id of the sweep node. */
  sweep: string;
  row?: number;
  column?: number;
}

/** How far a checkpoint's download is. */
export interface DownloadProgress {
  name: string;
  phase: 'downloading' | 'importing';
  /** File at work, relative. */
  file?: string;
  bytes: number;
  total: number;
  bytesPerSecond?: number;
}

export type EngineEvent =
  /** A sweep begins: how its cells lie. */
  | { event: 'sweep'; runId: string; node: string; columns: SweepSide; rows?: SweepSide }
  /** A cell of a sweep; `graphText` is the cell's own graph. */
  | {
      event: 'cell';
      runId: string;
      node: string;
      row: number;
      column: number;
      state: 'running' | 'done' | 'failed';
      graphText: string;
      /** The values that make the cell. */
      set: { node: string; param: string; value: unknown }[];
      png?: Uint8Array;
      /** Numbers about the picture, by name. */
      metrics?: Record<string, number>;
      message?: string;
    }
  | { event: 'log'; level: 'info' | 'warn' | 'error'; message: string }
  | ({ event: 'download' } & DownloadProgress)
  /** What importing or verifying is at. */
  | { event: 'checkpoint'; id: string; message: string }
  /** The nodes that will be visited, in order. */
  | { event: 'run.started'; runId: string; nodes: string[] }
  | {
      event: 'node';
      runId: string;
      node: string;
      state: NodeState;
      /** Steps done and to do, for nodes that work in steps. */
      step?: number;
      total?: number;
      secondsLeft?: number;
      /** A sentence: the error of a failed node, or a warning of a done one. */
      message?: string;
    }
  /** The newest picture of a node that works in steps; `index` counts its timeline from 0. */
  | {
      event: 'preview';
      runId: string;
      node: string;
      /** Set in a sweep, where the node depends on what varies. */
      cell?: CellPlace;
      index: number;
      total: number;
      timestep: number;
      kind: PreviewKind;
      width: number;
      height: number;
      /** width × height × 4 bytes. */
      rgba: Uint8Array;
    }
  /** The picture a node holds when it is done (image, mask, result), as PNG. */
  | { event: 'picture'; runId: string; node: string; port: string; png: Uint8Array; caption?: string }
  /** What an evaluate node found out, by the names of its measures. */
  | { event: 'metrics'; runId: string; node: string; metrics: Record<string, number> }
  /** Clusters, noun map and mask of a segment node, when previews are wanted. */
  | ({ event: 'segmentation' } & SegmentationNews)
  /** `unfit`: the run ends for it, because an image does not look like what the checkpoint knows and such are refused. */
  | { event: 'warning'; runId: string; node: string; message: string; unfit?: true };

/** An answer to each of some requests. */
export type EngineHandlers<Methods extends EngineMethod> = {
  [M in Methods]: (params: EngineRequests[M]['params']) => Promise<EngineRequests[M]['result']>;
};

export type ToEngine = {
  [M in EngineMethod]: { id: number; method: M; params: EngineRequests[M]['params'] };
}[EngineMethod];

export type FromEngine =
  | { type: 'response'; id: number; result: unknown }
  | { type: 'response'; id: number; error: ErrorReport }
  | ({ type: 'event' } & EngineEvent);
