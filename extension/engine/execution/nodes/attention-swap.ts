import { pinsOf } from '../../../graph';
import { WeftError } from '../../../protocol/errors';
import { sameSize, sizeText } from '../../../protocol/size';
import { type Executor } from '../context';
import { inputsOf, placedInputs, requiredInput } from '../inputs';
import { swapSettings } from '../settings';

export const attentionSwap: Executor = async (execution) => {
  const { node } = execution;
  const structure = requiredInput(execution, 'structure', 'inversion');
  const appearances = inputsOf(execution, 'appearance', 'inversion');
  const regions = placedInputs(execution, 'masks', 'mask');
  for (const [index, region] of regions.entries()) {
    if (region?.found !== false || appearances.length === 1) continue;
    const { node: from } = appearances[index]!;
    execution.context.warn(node.id, `The mask of ${from} is empty, so ${from} has no effect.`);
  }
  const sources = placedInputs(execution, 'sources', 'mask');
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
    if (!sameSize(structure.picture, appearance.picture)) {
      throw new WeftError(
        'graph',
        `${structure.node} and ${appearance.node} must share one size, but have ${sizeText(structure.picture)} and ${sizeText(appearance.picture)} pixels: wire one checkpoint node to both.`,
        node.id,
      );
    }
    if (structure.checkpoint.fingerprint !== appearance.checkpoint.fingerprint) {
      throw new WeftError(
        'graph',
        `${structure.node} and ${appearance.node} must share one checkpoint, but use ${structure.checkpoint.prepared.id} and ${appearance.checkpoint.prepared.id}.`,
        node.id,
      );
    }
  }
  // Muted, the transfer is the structure's reconstruction.
  const swap = node.muted ? undefined : swapSettings(node.params);
  const pins = swap && pinsOf(node.params['pins']).filter(({ muted }) => !muted);
  const transfer = { kind: 'transfer' as const, structure, appearances, regions, sources, pins, swap };
  return { outputs: { transfer }, computed: 'inherit' };
};
