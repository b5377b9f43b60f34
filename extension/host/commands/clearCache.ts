import { formatBytes } from '../views/checkpointText';
import { ask, notify } from '../window';
import { type Command } from './command';

export const clearCacheCommand: Command = {
  id: 'weft.clearCache',
  async run({ engine }) {
    const clear = 'Clear Cache';
    const answer = await ask.warning(
      {
        message:
          'Clear the cache of inversions and optimised models? The next run of each graph computes them again. Results and checkpoints stay.',
      },
      clear,
    );
    if (answer !== clear) return;
    const { bytes } = await engine.request('cache.clear', {}, 120_000);
    void notify.information(`Cache cleared: ${formatBytes(bytes)} freed.`);
  },
};
