import { type Executor } from '../context';

export const invert: Executor = async ({ node, context }) => {
  const inversion = context.inversion(node.id);
  const { trajectory, checkpoint } = inversion;
  let done = 0;
  await trajectory.invert(context.demandOf(trajectory), {
    unet: () => checkpoint.unet(),
    signal: context.signal,
    trace: context.ingredients.trajectoryTrace,
    onStep: (_trajectory, frame) => {
      context.progress(node.id, ++done, trajectory.length);
      context.previews.push(node.id, checkpoint, trajectory.length, frame);
    },
  });
  // A path that was kept shows its end: the node would look as if it had not run.
  if (done === 0) {
    const frame = await trajectory.lastFrame();
    if (frame) context.previews.push(node.id, checkpoint, trajectory.length, frame);
  }
  await context.previews.drawn();
  return { outputs: { inversion }, computed: trajectory.computed };
};
