import { WeftError } from '../../protocol/errors';
import { type Executor } from '../run/context';
import { inputsOf, requiredInput } from '../run/inputs';
import { swapSettings } from '../run/settings';

export const attentionSwap: Executor = async (execution) => {
  const { node } = execution;
  const structure = requiredInput(execution, 'structure', 'inversion');
  const appearances = inputsOf(execution, 'appearance', 'inversion');
  if (appearances.length > 1) {
    throw new WeftError(
      'graph',
      `${node.id} has ${appearances.length} appearances wired, but takes its look from one: unwire the others.`,
      node.id,
    );
  }
  for (const appearance of appearances) {
    for (const field of ['steps', 'skip', 'seed'] as const) {
      if (structure.schedule[field] !== appearance.schedule[field]) {
        throw new WeftError(
          'graph',
          `${structure.node} and ${appearance.node} must share one schedule, but their ${field} are ${structure.schedule[field]} and ${appearance.schedule[field]}.`,
          node.id,
        );
      }
    }
    if (structure.checkpoint.computedBy !== appearance.checkpoint.computedBy) {
      throw new WeftError(
        'graph',
        `${structure.node} and ${appearance.node} must share one checkpoint, but use ${structure.checkpoint.prepared.id} and ${appearance.checkpoint.prepared.id}.`,
        node.id,
      );
    }
  }
  // Muted, the transfer is the structure's reconstruction.
  const swap = node.muted ? undefined : swapSettings(node.params);
  return { outputs: { transfer: { kind: 'transfer', structure, appearances, swap } }, computed: 'inherit' };
};
