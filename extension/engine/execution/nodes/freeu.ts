import { type Executor } from '../context';
import { requiredInput } from '../inputs';
import { freeuGains } from '../settings';

export const freeu: Executor = async (execution) => {
  const model = requiredInput(execution, 'checkpoint', 'checkpoint');
  const gains = freeuGains(execution.node.params);
  return { outputs: { checkpoint: { ...model, freeu: gains } }, computed: 'inherit' };
};
