import { createHash } from 'node:crypto';
import { type Executor } from '../context';
import { firstSeen } from '../firstSeen';
import { readInput } from '../readInput';

export const image: Executor = async (execution) => {
  const { file, bytes } = await readInput(execution);
  const digest = createHash('sha256').update(bytes).digest('hex');
  return {
    outputs: { image: { kind: 'image', from: 'file', file, bytes, digest } },
    computed: await firstSeen(execution.context.store, 'image', digest),
  };
};
