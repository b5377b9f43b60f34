import { graphArgument } from './arguments';
import { type Command } from './command';

/** Stops the runs of the graph in front; with none in front, or none of its own, whatever runs. */
export const stopCommand: Command = {
  id: 'weft.stop',
  async run({ runs }, ...args) {
    const key = graphArgument(args)?.toString();
    const state = key === undefined ? undefined : runs.recordOf(key)?.state.state;
    await runs.stop(state === 'running' || state === 'queued' ? key : undefined);
  },
};
