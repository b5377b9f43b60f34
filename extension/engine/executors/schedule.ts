import { type Executor } from '../run/context';
import { firstSeen } from '../run/firstSeen';
import { scheduleSettings } from '../run/settings';

export const schedule: Executor = async ({ node, context }) => {
  const settings = scheduleSettings(node.params, node.id);
  return {
    outputs: { schedule: { kind: 'schedule', ...settings } },
    computed: await firstSeen(context.store, 'schedule', settings),
  };
};
