import { type Executor } from '../context';
import { inputTrust } from '../planOutputs';
import { resolveInput } from '../../paths';
import { firstSeen } from '../firstSeen';
import { wantedSize } from '../settings';

export const checkpoint: Executor = async ({ node, context }) => {
  if (context.leftOut !== undefined) context.warn(node.id, context.leftOut);
  const { id, vae } = node.params;
  const file = typeof vae === 'string' ? await resolveInput(vae, inputTrust(context.options)) : undefined;
  const base = await context.checkpoint(String(id), file);
  const loaded = base.at(wantedSize(node.params, base.size), node.id);
  return {
    outputs: { checkpoint: { kind: 'checkpoint', checkpoint: loaded, from: { id: String(id), vae: file, loras: [] } } },
    computed: await firstSeen(context.store, 'checkpoint', [loaded.fingerprint, loaded.size]),
  };
};
