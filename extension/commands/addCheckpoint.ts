import * as vscode from 'vscode';
import { type Command } from './command';

export const addCheckpointCommand: Command = {
  id: 'weft.addCheckpoint',
  async run({ checkpoints }) {
    const [folder] =
      (await vscode.window.showOpenDialog({
        canSelectFiles: false,
        canSelectFolders: true,
        openLabel: 'Add Checkpoint',
        title: 'Folder of a Stable Diffusion checkpoint exported to ONNX',
      })) ?? [];
    if (!folder) return;
    const added = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: 'Weft: importing the checkpoint (copies and rewrites its files)',
      },
      () => checkpoints.add(folder.fsPath),
    );
    void vscode.window.showInformationMessage(`${added.title} is ready: choose "${added.id}" at a checkpoint node.`);
  },
};
