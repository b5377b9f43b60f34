import { type Executor } from '../run/context';
import { firstSeen } from '../run/firstSeen';

export const checkpoint: Executor = async ({ node, context }) => {
  const loaded = await context.checkpoint(String(node.params['id']));
  return {
    outputs: { checkpoint: { kind: 'checkpoint', checkpoint: loaded } },
    computed: await firstSeen(context.store, 'checkpoint', loaded.computedBy),
  };
};
