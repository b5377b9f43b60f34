import * as vscode from 'vscode';
import { type Services } from './services';

/** What a studio may load: its own page, the pictures of the workspace and beside the graph, and those picked by hand. */
export function studioRoots({ context, picked }: Services, document: vscode.TextDocument): vscode.Uri[] {
  const graph = document.uri.scheme === 'untitled' ? document.uri.with({ scheme: 'file' }) : document.uri;
  return [
    vscode.Uri.joinPath(context.extensionUri, 'dist', 'webview'),
    vscode.Uri.joinPath(graph, '..'),
    ...(vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri),
    ...picked.all.map((file) => vscode.Uri.file(file)),
  ];
}
