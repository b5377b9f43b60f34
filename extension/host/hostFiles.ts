import path from 'node:path';
import * as vscode from 'vscode';
import { FileProblem, readRegular, writeWhole } from '../platform/files';
import { WeftError } from '../protocol/errors';

/*
 * Files as the extension host reads and writes them: those of this machine whole, regular and up to a limit (VS Code's own functions wait
 * for a pipe and cut an older file when the disk is full), those of other file systems by VS Code.
 */

/** The bytes of a file. @throws WeftError with a sentence that begins with the file's name */
export async function readUri(uri: vscode.Uri, maxBytes: number): Promise<Uint8Array> {
  const name = path.posix.basename(uri.path);
  if (uri.scheme === 'file') return readRegular(uri.fsPath, maxBytes, name).catch(inWords);
  const { size } = await vscode.workspace.fs.stat(uri);
  if (size > maxBytes) throw new WeftError('graph', `${name} is too large to open.`);
  return vscode.workspace.fs.readFile(uri);
}

/** Writes a file whole or not at all, and the folders on the way. @throws WeftError with a sentence that begins with the file */
export async function writeUri(uri: vscode.Uri, bytes: Uint8Array): Promise<void> {
  if (uri.scheme === 'file') await writeWhole(uri.fsPath, bytes).catch(inWords);
  else await vscode.workspace.fs.writeFile(uri, bytes);
}

export async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

/** Shows a file in the Explorer, or in the system's own program when it lies outside the workspace. */
export async function revealFile(uri: vscode.Uri): Promise<void> {
  const inside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  await vscode.commands.executeCommand(inside ? 'revealInExplorer' : 'revealFileInOS', uri);
}

function inWords(error: unknown): never {
  throw error instanceof FileProblem ? new WeftError('graph', error.message) : error;
}
