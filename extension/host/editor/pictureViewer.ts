import { createHash } from 'node:crypto';
import path from 'node:path';
import * as vscode from 'vscode';
import { cutToBytes } from '../../platform/fileNames';
import { writeUri } from '../hostFiles';

/** How long a picture that was only looked at is kept. */
const KEPT_MS = 7 * 24 * 3_600_000;

/**
 * Opens a picture that exists only in memory in VS Code's image viewer, by way of a file in the extension's own storage. Its folder is named
 * by its content: the same step of two runs can be looked at side by side.
 */
export async function openPng(context: vscode.ExtensionContext, name: string, png: Uint8Array): Promise<void> {
  const pictures = vscode.Uri.joinPath(context.globalStorageUri, 'pictures');
  const folder = vscode.Uri.joinPath(pictures, createHash('sha256').update(png).digest('hex').slice(0, 16));
  const stem = cutToBytes(path.basename(name, '.png').replaceAll(/[^\p{L}\p{N} ._-]/gu, '_'), 80) || 'picture';
  const file = vscode.Uri.joinPath(folder, `${stem}.png`);
  // First: one that is opened again after a long time is then written anew, and young.
  await removeOld(pictures);
  await writeUri(file, png);
  await vscode.commands.executeCommand('vscode.open', file, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}

async function removeOld(pictures: vscode.Uri): Promise<void> {
  const { fs } = vscode.workspace;
  try {
    for (const [name] of await fs.readDirectory(pictures)) {
      const old = vscode.Uri.joinPath(pictures, name);
      const { mtime } = await fs.stat(old);
      if (Date.now() - mtime > KEPT_MS) await fs.delete(old, { recursive: true });
    }
  } catch {
    // There are none yet, or another window removes them at the same time: the next image tries again.
  }
}
