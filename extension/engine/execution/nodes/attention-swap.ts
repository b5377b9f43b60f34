import { pinsOf } from '../../../graph';
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
  // Muted, the transfer is the structure's reconstruction.
  const swap = node.muted ? undefined : swapSettings(node.params);
  const pins = swap && pinsOf(node.params['pins']).filter(({ muted }) => !muted);
  const transfer = { kind: 'transfer' as const, structure, appearances, regions, sources, pins, swap };
  return { outputs: { transfer }, computed: 'inherit' };
};
