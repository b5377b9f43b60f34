import { type Executor } from '../context';
import { firstSeen } from '../firstSeen';
import { scheduleSettings } from '../settings';

export const schedule: Executor = async ({ node, context }) => {
  const settings = scheduleSettings(node.params, node.id);
  return {
    outputs: { schedule: { kind: 'schedule', ...settings } },
    computed: await firstSeen(context.store, 'schedule', settings),
  };
};
