/**
 * Messages between the webview (the studio) and the extension host. The text document is the only truth: the webview sends
 * edits, the host applies them to the document and sends the new text to every editor of it.
 */
import { z } from 'zod';
import { graphEditsSchema, type Problem } from '../graph';
import { type CheckpointInfo, type EngineEvent, type EngineRequests } from './engine';
import {
  attentionSchema,
  inspectDrawSchema,
  inspectMapSchema,
  type InspectMethod,
  inspectOpenSchema,
  inspectPartsSchema,
  inspectPictureSchema,
  type InspectRequests,
} from './inspect';

/** A picture of the workspace that a node may use. `uri` is a webview URI, `path` is relative to the graph file. */
export interface WorkspacePicture {
  path: string;
  name: string;
  uri: string;
}

/** What an event of the engine says. */
export type EventOf<E extends EngineEvent['event']> = Omit<Extract<EngineEvent, { event: E }>, 'event'>;

/** An event of a run that goes on to the webview under its own name. */
type PassedOn<E extends EngineEvent['event']> = { [K in E]: { type: K } & EventOf<K> }[E];

/** What a run says of one node. */
export type NodeStatus = Omit<EventOf<'node'>, 'runId' | 'node'>;

export interface RunState {
  runId: string;
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  nodes: Record<string, NodeStatus>;
  /** A sentence when the run failed or finished. */
  message?: string;
  provider?: string;
  /** It ran with the draft schedule. */
  draft?: true;
  seconds?: number;
  /** UNet rows computed: encoder and decoder halves. */
  unet?: { encoder: number; decoder: number };
}

/** One step of a node's timeline. The pixels travel once; the webview keeps them. */
export type TimelineFrame = EventOf<'preview'>;

export interface StudioSettings {
  snapToGrid: boolean;
  showMinimap: boolean;
  previewEvery: number;
  previewSize: number;
}

export type HostToStudio =
  /**
   * The document: on opening, and after each change whoever made it. `version` counts the document's changes.
   * `acknowledged` is the highest `seq` of this webview's edits that the host has dealt with (applied or refused); the webview
   * shows its later edits on top of `text` until they are acknowledged too. Absent: all edits so far are dealt with.
   */
  | {
      type: 'document';
      text: string;
      version: number;
      readOnly: boolean;
      reason?: string;
      fileName: string;
      trusted: boolean;
      acknowledged?: number;
    }
  | { type: 'problems'; problems: Problem[] }
  /** Answer to `requestFixes`: titles, the likeliest first. */
  | { type: 'fixes'; code: string; offset: number; titles: string[] }
  | { type: 'checkpoints'; checkpoints: CheckpointInfo[] }
  /** Pictures of the workspace, for the picker; sent on request and when they change. */
  | { type: 'pictures'; pictures: WorkspacePicture[] }
  /** Webview URIs of pictures that the graph names (by their path in the graph); null: not found (undefined would be lost on the way). */
  | { type: 'resolved'; uris: Record<string, string | null | undefined> }
  /** The last run of this document; also on opening, so that a reopened editor shows its state. */
  | { type: 'run'; run: RunState | undefined }
  | { type: 'node'; runId: string; node: string; status: NodeStatus }
  | { type: 'frame'; frame: TimelineFrame }
  /** Answer to `timelineFrame`: one step's picture as a PNG, none of a step that the run did not make. Nothing is sent when the run is forgotten. */
  | ({ type: 'timelinePicture' } & Omit<EngineRequests['timeline.frame']['params'], 'size'> &
      EngineRequests['timeline.frame']['result'])
  | PassedOn<'picture' | 'sweep' | 'metrics' | 'segmentation'>
  | Omit<PassedOn<'cell'>, 'graphText'>
  /** The outline, a problem or a command points at a node. */
  | { type: 'reveal'; node: string; param?: string }
  /** A past result, as what the node's image is compared with from now on; the node's image is opened. */
  | { type: 'compare'; node: string; title: string; image: Uint8Array; draft?: true }
  /** A command of the host that acts on the canvas. */
  | { type: 'command'; command: StudioCommand }
  | { type: 'settings'; settings: StudioSettings }
  /** Answer to `inspect`: what the engine said, or a sentence why it did not. */
  | { type: 'inspected'; id: number; answer?: InspectRequests[InspectMethod]['result']; error?: string }
  /** The clipboard's text, asked for with `pasteRequest`. */
  | { type: 'clipboard'; text: string }
  /** The document is about to be saved or run: what is still held back of what was typed is to be sent; answered by `flushed`. */
  | { type: 'flush'; id: number }
  | { type: 'error'; message: string };

/** Commands of VS Code that the webview carries out; package.json names each as `weft.canvas.COMMAND`. */
export const studioCommands = [
  'fit',
  'zoomToSelection',
  'autoLayout',
  'addNode',
  'selectAll',
  'duplicate',
  'delete',
  'mute',
  'rename',
  'frame',
  'alignLeft',
  'alignCentre',
  'alignRight',
  'alignTop',
  'alignMiddle',
  'alignBottom',
  'distributeAcross',
  'distributeDown',
  'focusInspector',
  'focusTimeline',
  'inspect',
] as const;
export type StudioCommand = (typeof studioCommands)[number];

/** Far above any picture or text of a page. */
const MAX_BYTES = 256 * 2 ** 20;
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const id = z.int().min(0);
const name = z.string().max(10_000);
const text = z.string().max(MAX_BYTES);
const png = z.custom<Uint8Array>(
  (value) =>
    value instanceof Uint8Array && value.length <= MAX_BYTES && PNG_SIGNATURE.every((byte, at) => value[at] === byte),
  'not a PNG',
);
const message = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), ...shape });
const question = <M extends InspectMethod, S extends z.ZodType>(method: M, params: S) =>
  message('inspect', { id, method: z.literal(method), params });

/** What each message must hold. The page is ours, but it shows strangers' files: nothing of it is taken on faith. */
export const studioSchemas = {
  ready: message('ready', {}),
  /**
   * One undoable change. Several edits in one message are one step of undo. `label` names it in logs. `seq` counts this
   * webview's edits from 1; the host returns the last one it dealt with in `document.acknowledged` (also when it refused it).
   */
  edit: message('edit', { edits: graphEditsSchema, label: name, seq: id.optional() }),
  run: message('run', { target: name.optional() }),
  /**
   * Something changed while Auto-run is on: run as far as `target`. `set`: values that are being dragged or typed, and are not in the document
   * yet.
   */
  autoRun: message('autoRun', { target: name, set: z.array(z.tuple([name, name, z.unknown()])).max(1) }),
  /** From now on, runs of this document are drafts, or no longer. */
  draft: message('draft', { on: z.boolean() }),
  /**
   * Run a sweep that the graph does not have: `sweep` is a free id for it, `image` the output that each cell shows, `columns` what varies
   * (`schedule.seed=1,2,3,4`). It is answered like a sweep of the graph.
   */
  vary: message('vary', { sweep: name, image: name, columns: name }),
  stop: message('stop', {}),
  openAsText: message('openAsText', { offset: id.optional() }),
  openPicture: message('openPicture', { path: name }),
  /** Show the file that a node reads or has written where VS Code lists files. */
  revealFile: message('revealFile', { node: name }),
  /** Open a frame or picture the webview holds in VS Code's image viewer. */
  openPng: message('openPng', { name, png }),
  /** Open a cell of the last run's sweep as a graph of its own. */
  openCell: message('openCell', { node: name, row: id, column: id }),
  requestPictures: message('requestPictures', {}),
  /** What can be done about a problem; answered by `fixes`. */
  requestFixes: message('requestFixes', { code: name, offset: id }),
  applyFix: message('applyFix', { code: name, offset: id, title: name }),
  /** A question about a run's attention, for the engine. */
  inspect: z.discriminatedUnion('method', [
    question('inspect.open', inspectOpenSchema),
    question('inspect.picture', inspectPictureSchema),
    question('inspect.map', inspectMapSchema),
    question('inspect.correspondence', attentionSchema),
    question('inspect.parts', inspectPartsSchema),
    question('inspect.draw', inspectDrawSchema),
  ]),
  /** A mask's correction as it was painted, to be written beside the graph and named in the node. */
  saveCorrection: message('saveCorrection', { node: name, param: name, png }),
  /** A picture the page has drawn, to be written where the person says. */
  savePng: message('savePng', { name, png }),
  /** An image of the clipboard: to be written where the person says, and added as an image node. */
  pasteImage: message('pasteImage', { png, position: z.tuple([z.number(), z.number()]) }),
  /** Show VS Code's file picker; the answer is an edit of the parameter. */
  pickFile: message('pickFile', { node: name, param: name }),
  /** Something was dropped from the Explorer: URIs as text. */
  dropped: message('dropped', {
    uris: z.array(name).max(1000),
    position: z.tuple([z.number(), z.number()]),
    node: name.optional(),
    param: name.optional(),
  }),
  /** Every edit that was held back has been sent before this. */
  flushed: message('flushed', { id }),
  clipboardWrite: message('clipboardWrite', { text }),
  pasteRequest: message('pasteRequest', {}),
  selection: message('selection', { nodes: z.array(name).max(100_000) }),
  requestTrust: message('requestTrust', {}),
  /** Ask for one step's picture; answered by `timelinePicture`. */
  timelineFrame: message('timelineFrame', {
    runId: name,
    node: name,
    cell: z.object({ sweep: name, row: id.optional(), column: id.optional() }).optional(),
    index: id,
    kind: z.enum(['x0', 'xt']),
  }),
  fix: message('fix', {
    action: z.enum(['showOutput', 'addCheckpoint', 'pickFile', 'openSettings']),
    node: name.optional(),
  }),
  /** For measurements and tests: milestones such as first paint, in ms since the webview's navigation start. */
  milestone: message('milestone', { name, ms: z.number() }),
  log: message('log', { level: z.enum(['info', 'warn', 'error']), message: text }),
};
export type StudioToHost =
  | Exclude<z.output<(typeof studioSchemas)[keyof typeof studioSchemas]>, { type: 'inspect' }>
  | { type: 'inspect'; id: number; method: InspectMethod; params: InspectRequests[InspectMethod]['params'] };
