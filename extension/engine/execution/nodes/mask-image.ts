import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { rethrowAt } from '../../../protocol/errors';
import { loadMask } from '../../image/load';
import { type Executor } from '../context';
import { firstSeen } from '../firstSeen';
import { readInput } from '../readInput';
import { warnOfShare } from '../suspiciousMask';

export const maskImage: Executor = async (execution) => {
  const { node, context } = execution;
  const { store } = context;
  const { file, bytes } = await readInput(execution);
  const threshold = node.params['threshold'] as number;
  const digest = createHash('sha256').update(bytes).update(String(threshold)).digest('hex');
  return {
    outputs: {
      mask: {
        kind: 'mask',
        digest,
        found: true,
        onGrid: async (height, width) => {
          const mask = await loadMask(bytes, height, width, threshold, path.basename(file)).catch(rethrowAt(node.id));
          if (!mask.includes(1))
            context.warn(node.id, `${file} has no pixels brighter than ${threshold}, so the mask is empty.`);
          else warnOfShare(mask.reduce((sum, value) => sum + value, 0) / mask.length, node.id, context);
          return mask;
        },
      },
    },
    computed: await firstSeen(store, 'mask-image', digest),
  };
};
