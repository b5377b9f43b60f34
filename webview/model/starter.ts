import { standardGraph, writeGraph } from '../../extension/graph';
import { canvasControl } from './control';
import { edit } from './document';
import { announce, studio } from './store';

/** Puts the whole method on an empty canvas, with a domain the checkpoint knows and pictures still to choose. */
export function insertStandardGraph(): void {
  const domain = studio().checkpoints[0]?.domains[0]?.noun ?? 'animal';
  const graph = standardGraph({ structure: '', appearance: '', domain });
  for (const node of Object.values(graph.nodes)) if (node.params?.['path'] === '') delete node.params['path'];
  if (!edit([{ kind: 'pasteFragment', fragment: writeGraph(graph), at: [0, 0] }], 'Insert the standard graph')) return;
  announce('Inserted the standard graph. Now choose the two images.');
  window.requestAnimationFrame(() => canvasControl().fit());
}
