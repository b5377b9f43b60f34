import { type Command } from './command';

/** From the outline: selects a node on the canvas and brings it into view. */
export const revealNodeCommand: Command = {
  id: 'weft.outline.reveal',
  run({ sessions }, target) {
    if (typeof target !== 'object' || target === null || !('node' in target) || typeof target.node !== 'string') return;
    const { active } = sessions;
    // The focus stays in the outline, so that one can walk on from node to node.
    active?.panel.reveal(undefined, true);
    active?.post({ type: 'reveal', node: target.node });
  },
};
