import * as vscode from 'vscode';
import { formatBytes } from '../library/checkpointText';
import { type Command } from './command';

export const clearCacheCommand: Command = {
  id: 'weft.clearCache',
  async run({ engine }) {
    const clear = 'Clear Cache';
    const answer = await vscode.window.showWarningMessage(
      'Clear the cache of inversions and optimised models? The next run of each graph makes them anew. Results and checkpoints stay.',
      { modal: true },
      clear,
    );
    if (answer !== clear) return;
    const { bytes } = await engine.request('cache.clear', {}, 120_000);
    void vscode.window.showInformationMessage(`Weft's cache is empty: ${formatBytes(bytes)} freed.`);
  },
};
