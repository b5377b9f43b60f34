import { describe, expect, it } from 'vitest';
import {
  editText,
  type GraphDocument,
  type GraphEdit,
  parseGraph,
  standardGraph,
  writeGraph,
} from '../../../../extension/graph';
import { flowOf, type FrameFlowNode, FRAME_PREFIX } from '../../../../webview/model/flow';

const text = writeGraph(standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' }));
const graphAfter = (...edits: GraphEdit[]): GraphDocument =>
  parseGraph(editText(text, { kind: 'batch', edits })).document as GraphDocument;
const flow = (graph: GraphDocument, selected: string[] = []) =>
  flowOf({ graph, checkpoints: [] }, { nodes: [], edges: [] }, new Set(selected));

const add: GraphEdit = { kind: 'addFrame', id: 'look', text: 'The look', rect: [500, 0, 900, 900] };
const fold = (id: string, ...folded: string[]): GraphEdit => ({ kind: 'updateFrame', id, folded });
const boxIn = ({ nodes }: ReturnType<typeof flow>, id = 'look') =>
  nodes.find((node): node is FrameFlowNode => node.id === FRAME_PREFIX + id);
const hidden = ({ nodes }: ReturnType<typeof flow>) => nodes.flatMap((node) => (node.hidden ? [node.id] : []));
const shownWires = ({ edges }: ReturnType<typeof flow>) =>
  edges.flatMap((edge) =>
    edge.hidden ? [] : [`${edge.source}|${edge.sourceHandle} > ${edge.target}|${edge.targetHandle}`],
  );

describe('a folded frame', () => {
  const graph = graphAfter(add, fold('look', 'adain', 'guidance', 'swap'));

  it('is one box with a port for each wire that crosses its border', () => {
    const shown = flow(graph);
    expect(hidden(shown).sort()).toEqual(['adain', 'guidance', 'swap']);
    expect(
      boxIn(shown)
        ?.data.fold?.ports.map(({ side, name }) => `${side} ${name}`)
        .sort(),
    ).toEqual([
      'left adain.appearanceMask',
      'left adain.structureMask',
      'left swap.appearance',
      'left swap.structure',
      'right guidance.transfer',
    ]);
    const wires = shownWires(shown);
    expect(wires).toContain('invert-structure|inversion > frame:look|swap.structure');
    expect(wires).toContain('frame:look|guidance.transfer > denoise|transfer');
    expect(wires.filter((wire) => /\|(swap|adain)\.transfer/.test(wire))).toEqual([]);
    expect(wires).toHaveLength(shownWires(flow(graphAfter(add))).length - 2);
    const { height = 0, data } = boxIn(shown) ?? {};
    for (const port of data?.fold?.ports ?? []) expect(port.y).toBeLessThan(height);
    expect(new Set(data?.fold?.ports.map(({ y }) => y)).size).toBe(5);
  });

  it('is open while something inside is selected, and only then', () => {
    const inside = flow(graph, ['adain']);
    expect(hidden(inside)).toEqual([]);
    expect(boxIn(inside)?.data).toMatchObject({ folded: true, fold: undefined });
    expect(hidden(flow(graph, ['denoise']))).toHaveLength(3);
    expect(hidden(flow(graph, ['frame:look']))).toHaveLength(3);
  });

  it('keeps its identity on the canvas while nothing of it changed', () => {
    const before = flow(graph);
    const after = flowOf({ graph: structuredClone(graph), checkpoints: [] }, before);
    expect(after.nodes).toBe(before.nodes);
    expect(after.edges).toBe(before.edges);
  });

  it('inside another one goes with that, and what no longer is there does not matter', () => {
    const outer: GraphEdit = { kind: 'addFrame', id: 'all', text: 'All', rect: [400, -100, 2000, 2000] };
    const nested = graphAfter(add, fold('look', 'adain', 'swap'), outer, fold('all', 'adain', 'denoise', 'swap'));
    const shown = flow(nested);
    expect(hidden(shown).sort()).toEqual(['adain', 'denoise', 'frame:look', 'swap']);
    expect(boxIn(shown, 'all')?.data.fold).toMatchObject({ frames: ['look'] });
    // The inner frame shows again when it is gone to, as a box in the open outer one.
    expect(hidden(flow(nested, ['frame:look'])).sort()).toEqual(['adain', 'swap']);
    nested.frames!['all']!.folded!.push('nobody');
    expect(boxIn(flow(nested), 'all')?.data.fold?.nodes).toHaveLength(3);
    expect(hidden(flow(graphAfter(add)))).toEqual([]);
  });
});
