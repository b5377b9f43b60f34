import { type Executor } from '../run/context';

export const invert: Executor = async ({ node, context }) => {
  const inversion = context.inversion(node.id);
  const { trajectory, checkpoint } = inversion;
  let done = 0;
  await trajectory.invert(context.demandOf(trajectory), {
    store: context.store,
    unet: () => checkpoint.unet(),
    signal: context.signal,
    trace: context.ingredients.trajectoryTrace,
    onStep: (_trajectory, frame) => {
      context.progress(node.id, ++done, trajectory.length);
      context.previews.push(node.id, checkpoint, trajectory.length, frame);
    },
  });
  await context.previews.drawn();
  return { outputs: { inversion }, computed: trajectory.computed };
};
