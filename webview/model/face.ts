import {
  type MeasureSpec,
  type NodeSpec,
  type ParamSpec,
  type RangeParam,
  type NumberParam,
} from '../../extension/graph';

/** What a node's picture is, as told by its ports and parameters: nothing here knows a node type by name. */
export type PictureKind =
  /** The file that a parameter names. */
  | 'file'
  /** Steps first, then a picture: the node that makes the result. */
  | 'result'
  /** Steps of an inversion. */
  | 'inversion'
  | 'mask'
  /** The cells of a sweep. */
  | 'sweep'
  /** What it saves. */
  | 'saved'
  /** Its two inputs under a slider. */
  | 'compare';

export function pictureKind(spec: NodeSpec): PictureKind | undefined {
  if (spec.params.some((param) => param.kind === 'axis')) return 'sweep';
  if (spec.params.some((param) => param.kind === 'path' && param.access === 'read' && param.required)) return 'file';
  const gives = new Set(spec.outputs.map((output) => output.type));
  if (gives.has('timeline')) return 'result';
  if (gives.has('inversion')) return 'inversion';
  if (gives.has('mask')) return 'mask';
  if (spec.outputs.length === 0 && spec.params.some((param) => param.kind === 'path' && param.access === 'write'))
    return 'saved';
  const pictures = spec.inputs.filter((input) => input.types.includes('image'));
  return spec.outputs.length === 0 && pictures.length === 2 ? 'compare' : undefined;
}

export type FaceRow =
  | { kind: 'picture'; picture: PictureKind; height: number }
  | { kind: 'range'; param: RangeParam; height: number }
  /** A number that changes evenly to its end: `scale` and `endScale`. */
  | { kind: 'curve'; start: NumberParam; end: NumberParam; height: number }
  | { kind: 'value'; param: ParamSpec; height: number }
  /** A number that the node finds out. */
  | { kind: 'measure'; measure: MeasureSpec; height: number };

/** Heights in pixels at 100 % zoom. A node's size follows from what it shows, so that wires stand still at every zoom. */
export const FACE = {
  header: 46,
  portRow: 22,
  portPadding: 5,
  row: 22,
  range: 38,
  curve: 74,
  margin: 10,
  bottom: 8,
} as const;

/** One width, so that columns have straight edges; wider where a picture is the point. */
const WIDTHS: Record<PictureKind | 'plain', number> = {
  file: 200,
  result: 280,
  inversion: 200,
  mask: 200,
  saved: 200,
  compare: 280,
  sweep: 360,
  plain: 200,
};

export function faceWidth(spec: NodeSpec | undefined): number {
  return WIDTHS[(spec && pictureKind(spec)) ?? 'plain'];
}

function pictureHeight(kind: PictureKind): number {
  const inner = WIDTHS[kind] - 2 * FACE.margin;
  // Latents of an inversion say little at full height; a square result, mask or file is shown whole.
  return kind === 'inversion' ? Math.round(inner * 0.58) : inner;
}

/** Rows below the ports, from top to bottom. `written` are the parameters that stand in the file. */
export function faceRows(spec: NodeSpec, written: ReadonlySet<string>): FaceRow[] {
  const rows: FaceRow[] = [];
  const picture = pictureKind(spec);
  if (picture) rows.push({ kind: 'picture', picture, height: pictureHeight(picture) + FACE.margin });
  for (const measure of spec.measures ?? []) {
    if (!measure.optional) rows.push({ kind: 'measure', measure, height: FACE.row });
  }
  const curve = curveOf(spec);
  if (curve) rows.push({ kind: 'curve', ...curve, height: FACE.curve });
  for (const param of spec.params) {
    if (param.kind === 'range') rows.push({ kind: 'range', param, height: FACE.range });
  }
  for (const param of spec.params) {
    if (param.kind === 'range' || param === curve?.start || param === curve?.end) continue;
    if (spec.keyParams.includes(param.name) || written.has(param.name))
      rows.push({ kind: 'value', param, height: FACE.row });
  }
  return rows;
}

function curveOf(spec: NodeSpec): { start: NumberParam; end: NumberParam } | undefined {
  for (const start of spec.params) {
    const endName = `end${start.name.charAt(0).toUpperCase()}${start.name.slice(1)}`;
    const end = spec.params.find((param) => param.name === endName);
    if (start.kind === 'number' && end?.kind === 'number') return { start, end };
  }
  return undefined;
}

export interface PortPlace {
  name: string;
  side: 'left' | 'right';
  /** Centre of the port, from the node's top. */
  y: number;
}

export interface Face {
  width: number;
  height: number;
  rows: FaceRow[];
  ports: PortPlace[];
}

/**
 * Size, rows and port places of a node.
 * A folded node is its title, with its ports one above the other at the title's sides.
 * @param extraInputs input names in the file that the catalogue does not know; they are shown too, so that no wire is lost
 */
export function faceOf(
  spec: NodeSpec | undefined,
  written: ReadonlySet<string>,
  extraInputs: readonly string[] = [],
  extraOutputs: readonly string[] = [],
  folded = false,
): Face {
  const inputs = [...(spec?.inputs.map((input) => input.name) ?? []), ...extraInputs];
  const outputs = [...(spec?.outputs.map((output) => output.name) ?? []), ...extraOutputs];
  if (folded) {
    const places = (names: readonly string[], side: PortPlace['side']): PortPlace[] =>
      names.map((name, index) => ({ name, side, y: (FACE.header * (index + 1)) / (names.length + 1) }));
    const ports = [...places(inputs, 'left'), ...places(outputs, 'right')];
    return { width: WIDTHS.plain, height: FACE.header, rows: [], ports };
  }
  const rows = spec ? faceRows(spec, written) : [];
  const portCount = Math.max(inputs.length, outputs.length);
  const portsHeight = portCount > 0 ? portCount * FACE.portRow + 2 * FACE.portPadding : FACE.portPadding;
  const y = (index: number) => FACE.header + FACE.portPadding + (index + 0.5) * FACE.portRow;
  const rowsHeight = rows.reduce((sum, row) => sum + row.height, 0);
  return {
    width: faceWidth(spec),
    height: FACE.header + portsHeight + rowsHeight + (rows.length > 0 ? FACE.bottom : 0),
    rows,
    ports: [
      ...inputs.map((name, index) => ({ name, side: 'left' as const, y: y(index) })),
      ...outputs.map((name, index) => ({ name, side: 'right' as const, y: y(index) })),
    ],
  };
}
