import path from 'node:path';
import * as vscode from 'vscode';

export const STUDIO_VIEW = 'weft.studio';
export const GRAPH_SUFFIX = '.weft.json';
export const PICTURE_EXTENSIONS = ['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'tif', 'tiff', 'bmp'];

export const isGraphUri = (uri: vscode.Uri): boolean => uri.path.endsWith(GRAPH_SUFFIX);

export const isPictureUri = (uri: vscode.Uri): boolean =>
  PICTURE_EXTENSIONS.includes(path.posix.extname(uri.path).slice(1).toLowerCase());

/** The graph in the active tab, shown in the studio or as text. */
export function activeGraph(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputText) {
    return isGraphUri(input.uri) ? input.uri : undefined;
  }
  return undefined;
}

/** A dropped file as this host knows it: in a remote window the workbench names the host's own files by their remote address. */
export function droppedUri(text: string): vscode.Uri {
  const uri = vscode.Uri.parse(text, true);
  return uri.scheme === 'vscode-remote' ? vscode.Uri.file(uri.path) : uri;
}

/** A file as a graph names it: relative to the graph's folder, with forward slashes; undefined on another drive. */
export function pathInGraph(graph: vscode.Uri, file: vscode.Uri): string | undefined {
  const relative = path.relative(path.dirname(graph.fsPath), file.fsPath);
  return path.isAbsolute(relative) ? undefined : relative.split(path.sep).join('/');
}

/** The file that a graph's relative path names. */
export function fileOfGraph(graph: vscode.Uri, relative: string): vscode.Uri {
  return graph.with({
    scheme: graph.scheme === 'untitled' ? 'file' : graph.scheme,
    path: path.posix.join(path.posix.dirname(graph.path), relative),
  });
}

/** A name for a new file in a folder that no file there has: `name.weft.json`, `name-2.weft.json`, … */
export async function freeGraphName(folder: vscode.Uri, stem: string): Promise<vscode.Uri> {
  for (let count = 1; ; count++) {
    const uri = vscode.Uri.joinPath(folder, `${stem}${count === 1 ? '' : `-${count}`}${GRAPH_SUFFIX}`);
    const taken = await vscode.workspace.fs.stat(uri).then(
      () => true,
      () => false,
    );
    const open = vscode.workspace.textDocuments.some((document) => document.uri.path === uri.path);
    if (!taken && !open) return uri;
  }
}
