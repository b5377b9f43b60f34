import { expect, it } from 'vitest';
import { standardGraph } from '../../../../extension/graph';
import { canVary, seedVariation } from '../../../../webview/model/vary';

const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' });
const seedOf = () => 42;

it('varies the seed of the schedule above an image, for the node that makes it and the one that saves it', () => {
  const expected = {
    sweep: 'sweep',
    schedule: 'schedule',
    image: { node: 'denoise', port: 'image' },
    seeds: [43, 44, 45, 46],
  };
  expect(seedVariation(graph, 'denoise', seedOf)).toEqual(expected);
  expect(seedVariation(graph, 'save', seedOf)).toEqual(expected);
  expect(['swap', 'structure', 'schedule'].filter((id) => canVary(graph, id))).toEqual([]);
});

it('begins again after the last seed, and takes a name that is free', () => {
  const busy = { ...graph, nodes: { ...graph.nodes, sweep: { type: 'sweep' } } };
  expect(seedVariation(busy, 'denoise', () => 2 ** 32 - 2)).toMatchObject({
    sweep: 'sweep-2',
    seeds: [4294967295, 0, 1, 2],
  });
});

it('says what is missing where no seed, or more than one, would vary', () => {
  const without = Object.fromEntries(Object.entries(graph.nodes).filter(([id]) => id !== 'schedule'));
  expect(seedVariation({ ...graph, nodes: without }, 'denoise', seedOf)).toMatch(/add a schedule node/);
  const inputs = { ...graph.nodes['invert-structure']!.inputs, schedule: 'other.schedule' };
  const two = {
    ...graph,
    nodes: {
      ...graph.nodes,
      other: { type: 'schedule' },
      'invert-structure': { ...graph.nodes['invert-structure']!, inputs },
    },
  };
  expect(seedVariation(two, 'denoise', seedOf)).toMatch(/two schedules/);
});
