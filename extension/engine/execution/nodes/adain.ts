import { type Executor } from '../context';
import { optionalInput, placedInputs, requiredInput } from '../inputs';
import { adainRange } from '../settings';

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
