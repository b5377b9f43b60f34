import path from 'node:path';
import * as vscode from 'vscode';
import { type Services } from './services';

/**
 * What a studio may load: its own page, the pictures of the workspace and beside the graph, and those picked by hand. VS Code allows
 * folders only: which files of them are shown is decided where their addresses are made, in findPictures.
 */
export function studioRoots({ context, picked }: Services, document: vscode.TextDocument): vscode.Uri[] {
  const graph = document.uri.scheme === 'untitled' ? document.uri.with({ scheme: 'file' }) : document.uri;
  return [
    vscode.Uri.joinPath(context.extensionUri, 'dist', 'webview'),
    vscode.Uri.joinPath(graph, '..'),
    ...(vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri),
    ...[...new Set(picked.all.map((file) => path.dirname(file)))].map((folder) => vscode.Uri.file(folder)),
  ];
}
