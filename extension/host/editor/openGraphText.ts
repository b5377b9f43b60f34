import * as vscode from 'vscode';
import { freeGraphName, STUDIO_VIEW } from './graphFiles';

/**
 * Opens a graph that is no file yet in the studio: an untitled document with a name in the folder where its relative paths
 * hold. Nothing is written until the user saves.
 */
export async function openGraphText(text: string, folder: vscode.Uri, stem: string): Promise<vscode.TextDocument> {
  const uri = (await freeGraphName(folder, stem)).with({ scheme: 'untitled' });
  const document = await vscode.workspace.openTextDocument(uri);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(uri, new vscode.Range(0, 0, document.lineCount, 0), text);
  await vscode.workspace.applyEdit(edit);
  await vscode.commands.executeCommand('vscode.openWith', uri, STUDIO_VIEW);
  return document;
}
