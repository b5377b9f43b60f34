import { expect, it } from 'vitest';
import { standardGraph } from '../../../../extension/graph';
import { pictureAfter } from '../../../../webview/model/autoRun';

const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' });

it.each(['swap', 'structure', 'schedule', 'guidance', 'denoise'])('a change of %s runs as far as the image', (id) =>
  expect(pictureAfter(graph, id)).toBe('denoise'),
);

it('a change of where the image is saved runs nothing, and writes nothing', () =>
  expect(pictureAfter(graph, 'save')).toBeUndefined());

it('of several images, the nearest is made', () => {
  const two = structuredClone(graph);
  two.nodes['second'] = { type: 'denoise', inputs: { transfer: 'swap.transfer' } };
  expect(pictureAfter(two, 'swap')).toBe('second');
  expect(pictureAfter(two, 'guidance')).toBe('denoise');
});

it('where nothing makes an image of it, the node itself runs', () => {
  const measured = structuredClone(graph);
  measured.nodes['scores'] = { type: 'evaluate', inputs: { image: 'denoise.image' } };
  expect(pictureAfter(measured, 'scores')).toBe('scores');
});
