import { type Executor } from '../run/context';
import { requiredInput } from '../run/inputs';
import { guidanceSettings } from '../run/settings';

export const guidance: Executor = async (execution) => {
  const transfer = requiredInput(execution, 'transfer', 'transfer');
  return {
    outputs: { transfer: { ...transfer, guidance: guidanceSettings(execution.node.params) } },
    computed: 'inherit',
  };
};
