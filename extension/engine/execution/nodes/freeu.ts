import { type Executor } from '../context';
import { requiredInput } from '../inputs';
import { freeuGains } from '../settings';

export const freeu: Executor = async (execution) => {
  const { checkpoint } = requiredInput(execution, 'checkpoint', 'checkpoint');
  const gains = freeuGains(execution.node.params);
  return { outputs: { checkpoint: { kind: 'checkpoint', checkpoint, freeu: gains } }, computed: 'inherit' };
};
