import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { WeftError } from '../../protocol/errors';
import { resolveInput } from '../paths';
import { type Executor } from '../run/context';
import { firstSeen } from '../run/firstSeen';

export const image: Executor = async ({ node, context }) => {
  const { options, graphFolder } = context;
  const file = await resolveInput(String(node.params['path']), {
    graphFolder,
    roots: options.roots,
    picked: options.picked,
    allowOutside: options.allowOutside,
  });
  const bytes = await fs.readFile(file).catch((error: Error) => {
    throw new WeftError('graph', `${file} can't be read: ${error.message}.`);
  });
  const digest = createHash('sha256').update(bytes).digest('hex');
  return {
    outputs: { image: { kind: 'image', from: 'file', file, bytes, digest } },
    computed: await firstSeen(context.store, 'image', digest),
  };
};
