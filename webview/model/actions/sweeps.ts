import { type GraphEdit, paramOf, specOf } from '../../../extension/graph';
import { edit } from '../document';
import { faceOf } from '../face';
import { freePlace } from '../geometry';
import { setTimeline } from '../page';
import { announce, studio, toast, useStudio } from '../store';
import { axisText, sweepId, sweptImage, usefulValues } from '../sweepAxis';
import { type CellView } from '../sweeps';
import { readable } from '../words';
import { flushParams, paramEdit } from './params';
import { boxes, snapped } from './places';
import { revealNode } from './selection';

/** Adds a sweep of a parameter over useful values, wired to the image that the parameter changes; one step of undo. */
export function sweepParam(id: string, name: string): void {
  flushParams();
  const { graph, nodes, checkpoints, pictures } = studio();
  const node = nodes.find((each) => each.id === id);
  const param = node?.type === 'weft' ? paramOf(node.data.spec, name) : undefined;
  if (!graph || node?.type !== 'weft' || !param) return;
  const image = sweptImage(graph, id);
  if (!image) return toast(`No result depends on ${readable(id)}. Connect it to a denoise node first.`, 'info');
  const { params, checkpoint } = node.data;
  const values = usefulValues(param, {
    params,
    checkpoint,
    checkpoints,
    pictures: (pictures ?? []).map((picture) => picture.path),
  });
  const sweep = sweepId(graph);
  const all = boxes();
  const source = all.find((box) => box.id === image.node);
  const wanted = source ? { x: source.x + source.width + 80, y: source.y + source.height + 40 } : { x: 0, y: 0 };
  const place = freePlace(snapped(wanted), faceOf(specOf('sweep'), new Set(['columns'])), all);
  const added: GraphEdit = {
    kind: 'addNode',
    type: 'sweep',
    id: sweep,
    position: [place.x, place.y],
    inputs: { image: `${image.node}.${image.port}` },
    params: { columns: axisText(id, name, values) },
  };
  if (!edit([added], `Sweep ${id}.${name}`)) return;
  revealNode(sweep, 'columns');
  announce(`Added ${readable(sweep)} over ${values.length} values of ${param.label}.`);
}

/** Shows a cell large, and its steps in the timeline. */
export function openCell(node: string, row: number, column: number): void {
  useStudio.setState({ openCell: { node, row, column } });
  setTimeline({ cell: { sweep: node, row, column } });
}

export function closeCell(): void {
  useStudio.setState({ openCell: undefined });
}

/** Writes what a cell was made with into this graph; one step of undo. */
export function takeCell({ set }: Pick<CellView, 'set'>): void {
  flushParams();
  const edits = set.map(({ node, param, value }): GraphEdit =>
    param === 'muted' ? { kind: 'setMuted', ids: [node], muted: value === true } : paramEdit(node, param, value),
  );
  const what = set.map(({ node, param }) => `${node}.${param}`).join(', ');
  if (edit(edits, `Use the values of a cell: ${what}`)) announce(`Set ${what}.`);
  closeCell();
}
