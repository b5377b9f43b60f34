import { type Executor } from '../../../extension/engine/execution/context';
import { requiredInput } from '../../../extension/engine/execution/inputs';
import { noDemand } from '../../../extension/engine/pipeline/trajectory';

export const glance: Executor = async (execution) => {
  const { node, context } = execution;
  const { trajectory, checkpoint } = requiredInput(execution, 'inversion', 'inversion');
  const step = node.params['step'] as number;
  await context.referencePass(new Map([[trajectory, context.demandOf(trajectory)]]));
  const latents = await trajectory.latentsAt(step);
  const { pixels, cached } = await checkpoint.decode(latents, `${trajectory.referenceKey} ${step}`, context.store);
  const digest = `glance ${trajectory.referenceKey} ${step}`;
  return {
    outputs: { image: { kind: 'image', from: 'run', ...checkpoint.toRgb(pixels), digest } },
    computed: !cached,
  };
};

glance.demands = (node, { inversions }) => {
  const inversion = inversions.get(node.inputs['inversion']?.[0]?.node ?? '');
  if (!inversion) return new Map();
  return new Map([[inversion.trajectory, { ...noDemand(), until: node.params['step'] as number }]]);
};
