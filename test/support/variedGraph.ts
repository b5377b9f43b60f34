import { type GraphDocument } from '../../extension/graph';
import { shortGraph, withParam } from './mini';

/** A small transfer with settings of its own for each number: what somebody changes who tries things out for a day. */
export function variedGraph(number: number): GraphDocument {
  const animals = ['giraffe.png', 'zebra.png', 'cow.png', 'dog.png'];
  const at = (list: readonly string[], index: number): string => list[index % list.length]!;
  const structure = at(animals, number);
  const appearance = at(animals, number + 1 + (Math.floor(number / 4) % 3));
  let graph = shortGraph({ structure, appearance, steps: 8 + (number % 5), skip: number % 3, seed: number });
  graph = withParam(graph, 'swap', 'contrast', 1 + (number % 17) / 10);
  graph = withParam(graph, 'adain', 'range', [10 + (number % 7), 60 + (number % 31)]);
  graph = withParam(graph, 'mask-structure', 'clusters', 3 + (number % 8));
  return graph;
}
