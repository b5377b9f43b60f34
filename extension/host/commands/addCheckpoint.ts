import * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { formatBytes } from '../views/checkpointText';
import { ensureTrusted } from '../trust';
import { notify, withNotification } from '../window';
import { selectedUris } from './arguments';
import { type Command } from './command';

const TRUST = 'Weft adds checkpoints only in folders you trust, because it reads and rewrites their model files.';

async function importCheckpoint({ checkpoints, walkthrough }: Services, uris: readonly vscode.Uri[]): Promise<void> {
  const elsewhere = uris.find(({ scheme }) => scheme !== 'file' && scheme !== 'vscode-remote');
  if (elsewhere) {
    void notify.error(`${elsewhere.toString()} is not on a local disk. Copy it to this machine and add it from there.`);
    return;
  }
  const added = await withNotification('Weft: adding the checkpoint', (progress) =>
    checkpoints.add(
      uris.map(({ fsPath }) => fsPath),
      (message) => progress.report({ message }),
    ),
  );
  await walkthrough.achieved('checkpoint');
  const { memory } = added;
  const tight =
    memory !== undefined && memory.cpu.total > memory.machine
      ? ` It needs about ${formatBytes(memory.cpu.total)} of memory on the processor; this machine has ${formatBytes(memory.machine)}.`
      : '';
  void notify.information(`${added.title} is ready. To use it, choose "${added.id}" in a checkpoint node.${tight}`);
}

export const addCheckpointCommand: Command = {
  id: 'weft.addCheckpoint',
  async run(services, ...args) {
    if (!(await ensureTrusted(TRUST))) return;
    const given = selectedUris(args);
    const chosen =
      given.length > 0
        ? given
        : await vscode.window.showOpenDialog({
            canSelectFiles: false,
            canSelectFolders: true,
            openLabel: 'Add Checkpoint',
            title: 'Choose the folder of a Stable Diffusion checkpoint',
          });
    if (chosen && chosen.length > 0) await importCheckpoint(services, chosen);
  },
};

export const addCheckpointFilesCommand: Command = {
  id: 'weft.addCheckpointFiles',
  async run(services) {
    if (!(await ensureTrusted(TRUST))) return;
    const chosen = await vscode.window.showOpenDialog({
      canSelectFiles: true,
      canSelectMany: true,
      openLabel: 'Add Checkpoint',
      title:
        'Choose a .safetensors file, or the four .onnx files of a checkpoint with its tokenizer’s .json and .txt files',
      filters: { 'Checkpoint files': ['safetensors', 'onnx', 'json', 'txt', 'ckpt', 'gguf'], 'All files': ['*'] },
    });
    if (!chosen || chosen.length === 0) return;
    const [only, ...others] = chosen;
    // The dialog of a remote window picks one file; and no checkpoint is one graph alone.
    const folder = others.length === 0 && only!.path.endsWith('.onnx') ? [vscode.Uri.joinPath(only!, '..')] : chosen;
    await importCheckpoint(services, folder);
  },
};
