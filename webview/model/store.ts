import { create } from 'zustand';
import { type GraphDocument, type PortType, type Problem } from '../../extension/graph';
import { type CellPlace, type CheckpointInfo } from '../../extension/protocol/engine';
import { type RunState, type StudioSettings, type WorkspacePicture } from '../../extension/protocol/studio';
import { type CellTimelines } from './cellTimelines';
import { type LevelOfDetail } from './levelOfDetail';
import { type StudioEdge, type StudioNode } from './flow';
import { type Point } from './geometry';
import { type Insertion } from './insertion';
import { initialPageState, type PageState } from './pageState';
import { type SeedVariation, type SweepView } from './sweeps';
import { type Synced } from './sync';
import { type PortRef, type Wire } from './wires';

export type Popup =
  /** The search list of node types; `from`, a loose end, or `into`, a wire, limits it to what fits and wires it up. */
  | { kind: 'add'; at: { x: number; y: number }; flow: { x: number; y: number }; from?: PortRef; into?: Wire }
  /** "Connect to…": the list of ports that fit one port. */
  | { kind: 'connect'; at: { x: number; y: number }; from: PortRef }
  | { kind: 'menu'; at: { x: number; y: number }; flow: { x: number; y: number }; target: 'canvas' | 'nodes' | 'wire' };

export interface Toast {
  id: number;
  tone: 'error' | 'info';
  text: string;
}

export interface NodePictureState {
  runId: string;
  port: string;
  url: string;
  png: Uint8Array;
  caption?: string;
  /** It was made with the draft schedule. */
  draft?: true;
}

/** What a node's result is compared with: the one before it, until a newer result takes its place. */
export interface EarlierPicture {
  url: string;
  png: Uint8Array;
  draft?: true;
  /** It stays, whatever runs. */
  kept?: true;
  /** What it is, where it is no result of this page's own runs. */
  title?: string;
}

export interface StudioState {
  /** Undefined until the host has sent the document. */
  synced: Synced | undefined;
  fileName: string;
  trusted: boolean;
  /** Set when the host says that the file can't be changed; `reason` is a sentence. */
  readOnly: boolean;
  reason: string | undefined;
  /** The text as shown, parsed; undefined when it can't be shown as a graph. */
  text: string;
  graph: GraphDocument | undefined;
  parseProblems: readonly Problem[];
  problems: readonly Problem[];
  problemsByNode: Readonly<Record<string, readonly Problem[]>>;
  /** Titles of fixes, by `code@offset` of their problem; forgotten when the problems change. */
  fixes: Readonly<Record<string, readonly string[]>>;
  checkpoints: readonly CheckpointInfo[];
  /** Undefined until asked for. */
  pictures: readonly WorkspacePicture[] | undefined;
  /** Webview URIs by path; a path that is there with undefined was not found. */
  resolved: Readonly<Record<string, string | undefined>>;
  settings: StudioSettings;

  run: RunState | undefined;
  /** A run is queued or under way. */
  running: boolean;
  /** The step the last or present denoising has come to, for ticks on ranges. */
  loopStep: number | undefined;
  canRun: boolean;
  nodePictures: Readonly<Record<string, NodePictureState>>;
  /** What the picture of a node is compared with. */
  earlier: Readonly<Record<string, EarlierPicture>>;
  sweeps: Readonly<Record<string, SweepView>>;
  /** Four seeds that are being compared. */
  variation: SeedVariation | undefined;
  /** The cell of a sweep that is shown large. */
  openCell: { node: string; row: number; column: number } | undefined;
  /** The list of all keys shows. */
  keysOpen: boolean;
  /** What evaluate nodes found out, by node, then by measure. */
  metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Steps by node, then by the cell of a sweep. */
  timelines: Readonly<Record<string, CellTimelines>>;
  latestCell: CellPlace | undefined;

  nodes: StudioNode[];
  edges: StudioEdge[];
  levelOfDetail: LevelOfDetail;
  /** Ports a dragged wire fits on, as `node.side.port` → whether it does; undefined when none is dragged. */
  fittingPorts: ReadonlyMap<string, boolean> | undefined;
  draggedType: PortType | undefined;
  /** The wire that the node in the hand would be put into. */
  wireUnder: (Insertion & { node: string }) | undefined;
  /** The reroute point in the hand, and where it is held. */
  pointHeld: { wire: string; index: number; at: Point } | undefined;
  /** Runs and their cells whose steps the engine no longer has, by {@link stepsKey}. */
  stepsGone: ReadonlySet<string>;
  renaming: string | undefined;
  /** A parameter that is being dragged or typed: shown on the node's face, not in the document yet. */
  sliding: { id: string; param: string; value: unknown } | undefined;
  popup: Popup | undefined;
  /** The search for nodes is open. */
  finding: boolean;
  toasts: readonly Toast[];
  /** Read out by a screen reader. */
  announcement: string;
  /** Whether the page has too little room for panels beside the canvas; see panels.ts. */
  room: { narrow: boolean; low: boolean };
  /** Panels that were asked for where there is no room for them. */
  asked: { inspector: boolean; timeline: boolean };
  page: PageState;
}

export const useStudio = create<StudioState>()(() => ({
  synced: undefined,
  fileName: '',
  trusted: true,
  readOnly: false,
  reason: undefined,
  text: '',
  graph: undefined,
  parseProblems: [],
  problems: [],
  problemsByNode: {},
  fixes: {},
  checkpoints: [],
  pictures: undefined,
  resolved: {},
  settings: { snapToGrid: true, showMinimap: true, previewEvery: 1, previewSize: 256 },
  run: undefined,
  running: false,
  loopStep: undefined,
  canRun: false,
  nodePictures: {},
  earlier: {},
  sweeps: {},
  variation: undefined,
  openCell: undefined,
  keysOpen: false,
  metrics: {},
  timelines: {},
  latestCell: undefined,
  nodes: [],
  edges: [],
  levelOfDetail: 'near',
  fittingPorts: undefined,
  draggedType: undefined,
  wireUnder: undefined,
  pointHeld: undefined,
  stepsGone: new Set(),
  renaming: undefined,
  sliding: undefined,
  popup: undefined,
  finding: false,
  toasts: [],
  announcement: '',
  room: { narrow: false, low: false },
  asked: { inspector: false, timeline: false },
  page: initialPageState,
}));

export function studio(): StudioState {
  return useStudio.getState();
}

export function announce(text: string): void {
  // The same sentence twice would not be read again.
  useStudio.setState((state) => ({ announcement: state.announcement === text ? `${text}\u00a0` : text }));
}

let toastCount = 0;

/** A sentence at the foot of the canvas; it goes away by itself, after time enough to read it. */
export function toast(text: string, tone: Toast['tone'] = 'error'): void {
  const id = ++toastCount;
  useStudio.setState((state) => ({
    toasts: [...state.toasts.filter((other) => other.text !== text), { id, tone, text }].slice(-3),
  }));
  announce(text);
  const leave = () => {
    // Under the pointer or the focus it stays: somebody reads it, or is about to press its button.
    if (heldToasts) window.setTimeout(leave, AFTER_HOLD_MS);
    else dismissToast(id);
  };
  window.setTimeout(leave, Math.max(5000, text.length * 70));
}

const AFTER_HOLD_MS = 1500;
let heldToasts = false;

/** While held, no toast goes away by itself. */
export function holdToasts(held: boolean): void {
  heldToasts = held;
}

export function dismissToast(id: number): void {
  useStudio.setState((state) => ({ toasts: state.toasts.filter((other) => other.id !== id) }));
}
