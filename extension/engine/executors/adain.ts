import { type Executor } from '../run/context';
import { optionalInput, placedInputs, requiredInput } from '../run/inputs';
import { adainRange } from '../run/settings';

export const adain: Executor = async (execution) => {
  const transfer = requiredInput(execution, 'transfer', 'transfer');
  const structureMask = optionalInput(execution, 'structureMask', 'mask');
  const appearanceMasks = placedInputs(execution, 'appearanceMask', 'mask');
  const range = adainRange(execution.node.params);
  return {
    outputs: { transfer: { ...transfer, adain: { range, structureMask, appearanceMasks } } },
    computed: 'inherit',
  };
};
