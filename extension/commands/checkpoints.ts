import * as vscode from 'vscode';
import { formatBytes } from '../library/checkpointsView';
import { type CheckpointInfo } from '../protocol/engine';
import { type Command } from './command';

const isCheckpoint = (value: unknown): value is CheckpointInfo =>
  typeof value === 'object' && value !== null && 'id' in value && 'sha256' in value;

export const refreshCheckpointsCommand: Command = {
  id: 'weft.checkpoints.refresh',
  run: ({ checkpoints }) => checkpoints.refresh(),
};

export const verifyCheckpointCommand: Command = {
  id: 'weft.checkpoints.verify',
  async run({ checkpoints }, checkpoint) {
    if (!isCheckpoint(checkpoint)) return;
    const { files, bytes } = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: `Weft: verifying ${checkpoint.title}` },
      () => checkpoints.verify(checkpoint.id),
    );
    void vscode.window.showInformationMessage(
      `${checkpoint.title}: ${files} files, ${formatBytes(bytes)}, all as recorded.`,
    );
  },
};

export const removeCheckpointCommand: Command = {
  id: 'weft.checkpoints.remove',
  async run({ checkpoints }, checkpoint) {
    if (!isCheckpoint(checkpoint)) return;
    const remove = 'Remove';
    const answer = await vscode.window.showWarningMessage(
      `Remove ${checkpoint.title} (${formatBytes(checkpoint.size)}) from Weft's library? The folder it was imported from stays.`,
      { modal: true },
      remove,
    );
    if (answer === remove) await checkpoints.remove(checkpoint.id);
  },
};
