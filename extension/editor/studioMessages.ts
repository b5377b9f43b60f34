import { type StudioToHost } from '../protocol/studio';

type Kind = StudioToHost['type'];

/** One function a message; the compiler asks for each. */
export type StudioHandlers = { [K in Kind]: (message: Extract<StudioToHost, { type: K }>) => unknown };

type FieldType = 'string' | 'number' | 'object' | 'array' | 'bytes' | 'strings' | 'point';
/** `?` after a type: the field may be absent. */
type Shape = Readonly<Record<string, FieldType | `${FieldType}?`>>;

/** What each message must hold. The webview is ours, but it shows strangers' files: nothing of it is taken on faith. */
const shapes: Record<Kind, Shape> = {
  ready: {},
  edit: { edits: 'array', label: 'string', baseVersion: 'number' },
  run: { target: 'string?' },
  stop: {},
  openAsText: { offset: 'number?' },
  openPicture: { path: 'string' },
  openPng: { name: 'string', png: 'bytes' },
  openCell: { node: 'string', row: 'number', column: 'number' },
  requestPictures: {},
  inspect: { id: 'number', method: 'string', params: 'object' },
  saveCorrection: { node: 'string', param: 'string', png: 'bytes' },
  savePng: { name: 'string', png: 'bytes' },
  pickFile: { node: 'string', param: 'string' },
  dropped: { uris: 'strings', position: 'point', node: 'string?', param: 'string?' },
  flushed: { id: 'number' },
  clipboardWrite: { text: 'string' },
  pasteRequest: {},
  selection: { nodes: 'strings' },
  requestTrust: {},
  timelineFrame: { runId: 'string', node: 'string', index: 'number', kind: 'string' },
  fix: { action: 'string', node: 'string?' },
  milestone: { name: 'string', ms: 'number' },
  log: { level: 'string', message: 'string' },
};

const checks: Record<FieldType, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  object: (value) => typeof value === 'object' && value !== null,
  array: (value) => Array.isArray(value),
  bytes: (value) => value instanceof Uint8Array,
  strings: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  point: (value) => Array.isArray(value) && value.length === 2 && value.every((item) => Number.isFinite(item)),
};

/** The message, if it is one. */
export function parseStudioMessage(value: unknown): StudioToHost | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const kind = value.type;
  if (typeof kind !== 'string' || !Object.hasOwn(shapes, kind)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const [name, type] of Object.entries(shapes[kind as Kind])) {
    const optional = type.endsWith('?');
    if (fields[name] === undefined) {
      if (optional) continue;
      return undefined;
    }
    if (!checks[(optional ? type.slice(0, -1) : type) as FieldType](fields[name])) return undefined;
  }
  return value as StudioToHost;
}

/** Calls the handler of the message's kind, which gets the message with its own type. */
export function dispatch(message: StudioToHost, handlers: StudioHandlers): unknown {
  const handler = handlers[message.type] as (message: StudioToHost) => unknown;
  return handler(message);
}
