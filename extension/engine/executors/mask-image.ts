import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { loadMask } from '../image/load';
import { resolveInput } from '../paths';
import { type Executor } from '../run/context';
import { firstSeen } from '../run/firstSeen';

export const maskImage: Executor = async ({ node, context }) => {
  const { options, graphFolder, store } = context;
  const file = await resolveInput(String(node.params['path']), {
    graphFolder,
    roots: options.roots,
    picked: options.picked,
    allowOutside: options.allowOutside,
  });
  const bytes = await fs.readFile(file).catch((error: Error) => {
    throw new WeftError('graph', `${file} can't be read: ${error.message}.`);
  });
  const threshold = node.params['threshold'] as number;
  const digest = createHash('sha256').update(bytes).update(String(threshold)).digest('hex');
  return {
    outputs: {
      mask: {
        kind: 'mask',
        digest,
        found: true,
        onGrid: async (height, width) => {
          const mask = await loadMask(bytes, height, width, threshold, path.basename(file)).catch((error: unknown) => {
            throw error instanceof WeftError ? error.at(node.id) : error;
          });
          if (!mask.includes(1))
            context.warn(node.id, `${file} has nothing brighter than ${threshold}: AdaIN will use the whole picture.`);
          return mask;
        },
      },
    },
    computed: await firstSeen(store, 'mask-image', digest),
  };
};
