import { type Executor } from '../run/context';
import { requiredInput } from '../run/inputs';
import { freeuGains } from '../run/settings';

export const freeu: Executor = async (execution) => {
  const { checkpoint } = requiredInput(execution, 'checkpoint', 'checkpoint');
  const gains = freeuGains(execution.node.params);
  return { outputs: { checkpoint: { kind: 'checkpoint', checkpoint, freeu: gains } }, computed: 'inherit' };
};
