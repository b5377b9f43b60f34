import path from 'node:path';
import * as vscode from 'vscode';

/** Opens a picture that exists only in memory in VS Code's image viewer, by way of a file in the extension's own storage. */
export async function openPng(context: vscode.ExtensionContext, name: string, png: Uint8Array): Promise<void> {
  const folder = vscode.Uri.joinPath(context.globalStorageUri, 'pictures');
  const stem =
    path
      .basename(name, '.png')
      .replaceAll(/[^\p{L}\p{N} ._-]/gu, '_')
      .slice(0, 80) || 'picture';
  const file = vscode.Uri.joinPath(folder, `${stem}.png`);
  await vscode.workspace.fs.createDirectory(folder);
  await vscode.workspace.fs.writeFile(file, png);
  await vscode.commands.executeCommand('vscode.open', file, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}

/** The pictures of earlier sessions. */
export async function clearOpenedPictures(context: vscode.ExtensionContext): Promise<void> {
  const folder = vscode.Uri.joinPath(context.globalStorageUri, 'pictures');
  await vscode.workspace.fs.delete(folder, { recursive: true }).then(undefined, () => undefined);
}
