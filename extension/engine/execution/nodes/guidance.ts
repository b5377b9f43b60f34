import { type Executor } from '../context';
import { requiredInput } from '../inputs';
import { guidanceSettings } from '../settings';

export const guidance: Executor = async (execution) => {
  const transfer = requiredInput(execution, 'transfer', 'transfer');
  return {
    outputs: { transfer: { ...transfer, guidance: guidanceSettings(execution.node.params) } },
    computed: 'inherit',
  };
};
