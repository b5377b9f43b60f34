/** Tidy: which wires cross afterwards, counted at their ports. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GraphDocument, parseGraph, standardGraph } from '../../../../extension/graph';
import { flowOf } from '../../../../webview/model/flow';
import { overlaps } from '../../../../webview/model/geometry';
import { layered } from '../../../../webview/model/layout';
import { crossings, type Placed } from '../../../../webview/model/untangle';
import { wiresOfGraph } from '../../../../webview/model/wires';

const examples = path.resolve(__dirname, '../../../../examples');
const exampleNames = fs.readdirSync(examples).filter((name) => name.endsWith('.weft.json'));

function boxesOf(graph: GraphDocument): Placed[] {
  return flowOf({ graph, checkpoints: [] }, { nodes: [], edges: [] }).nodes.flatMap((node) => {
    if (node.type !== 'weft') return [];
    const of = (side: 'left' | 'right') =>
      Object.fromEntries(node.data.face.ports.filter((port) => port.side === side).map(({ name, y }) => [name, y]));
    const { width = 0, height = 0 } = node;
    return [{ id: node.id, ...node.position, width, height, ports: { left: of('left'), right: of('right') } }];
  });
}

function tidied(graph: GraphDocument): Placed[] {
  const boxes = boxesOf(graph);
  const places = layered(boxes, wiresOfGraph(graph));
  return boxes.map((box) => ({ ...box, ...places[box.id] }));
}

/**
 * Three nodes that feed both inversions at the same ports cross each other three times, whatever stands where, and an image beside them three times;
 * and a mask crosses the transfer that enters AdaIN above it.
 */
const UNAVOIDABLE = 7;

describe('tidy', () => {
  it('lets no more wires of the standard graph cross than must', () => {
    const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'cat' });
    expect(crossings(tidied(graph), wiresOfGraph(graph))).toBe(UNAVOIDABLE);
    // As it is drawn to begin with.
    expect(crossings(boxesOf(graph), wiresOfGraph(graph))).toBe(UNAVOIDABLE);
  });

  it('keeps the main chain straight, port to port', () => {
    const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'cat' });
    for (const boxes of [tidied(graph), boxesOf(graph)]) {
      const at = (id: string, side: 'left' | 'right', port: string): number => {
        const box = boxes.find((each) => each.id === id)!;
        return box.y + box.ports![side][port]!;
      };
      for (const [from, to] of [
        ['swap', 'adain'],
        ['adain', 'guidance'],
        ['guidance', 'denoise'],
      ] as const)
        expect(at(to, 'left', 'transfer'), `${from} to ${to}`).toBe(at(from, 'right', 'transfer'));
      expect(at('save', 'left', 'image')).toBe(at('denoise', 'right', 'image'));
    }
  });

  it('puts inversions in the order of the ports they feed', () => {
    // Made by hand, the appearance first.
    const graph = parseGraph(
      JSON.stringify({
        weft: 1,
        nodes: {
          image: { type: 'image', params: { path: 'a.png' } },
          model: { type: 'checkpoint' },
          invert: { type: 'invert', inputs: { checkpoint: 'model.checkpoint', image: 'image.image' } },
          'invert-2': { type: 'invert', inputs: { checkpoint: 'model.checkpoint', image: 'image.image' } },
          swap: { type: 'attention-swap', inputs: { appearance: 'invert.inversion', structure: 'invert-2.inversion' } },
          denoise: { type: 'denoise', inputs: { transfer: 'swap.transfer' } },
          save: { type: 'save', inputs: { image: 'denoise.image' } },
        },
      }),
    ).document!;
    const boxes = tidied(graph);
    const y = (id: string): number => boxes.find((each) => each.id === id)!.y;
    expect(y('invert-2')).toBeLessThan(y('invert'));
    // Image and model feed both.
    expect(crossings(boxes, wiresOfGraph(graph))).toBe(1);
  });

  it.each(exampleNames)('of %s crosses no more wires than its author did, and puts no node on another', (name) => {
    const graph = parseGraph(fs.readFileSync(path.join(examples, name), 'utf8')).document!;
    const boxes = tidied(graph);
    expect(crossings(boxes, wiresOfGraph(graph))).toBeLessThanOrEqual(crossings(boxesOf(graph), wiresOfGraph(graph)));
    boxes.forEach((box, i) => boxes.slice(i + 1).forEach((other) => expect(overlaps(box, other)).toBe(false)));
  });
});
