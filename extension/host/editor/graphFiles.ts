import path from 'node:path';
import * as vscode from 'vscode';
import { isPictureName } from '../../graph';
import { joinedName } from '../../platform/fileNames';
import { exists } from '../hostFiles';

export const STUDIO_VIEW = 'weft.studio';
export const GRAPH_SUFFIX = '.weft.json';

export const isGraphUri = (uri: vscode.Uri): boolean => uri.path.endsWith(GRAPH_SUFFIX);

export const isPictureUri = (uri: vscode.Uri): boolean => isPictureName(uri.path);

/** The graph in the active tab, shown in the studio or as text. */
export function activeGraph(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputText) {
    return isGraphUri(input.uri) ? input.uri : undefined;
  }
  return undefined;
}

/**
 * A dropped file as this host knows it: in a remote window the workbench names the host's own files by their remote address. Undefined
 * when it is no file of this machine. The path is plain: it climbs nowhere.
 */
export function droppedFile(text: string): vscode.Uri | undefined {
  const uri = vscode.Uri.parse(text, true);
  if (uri.scheme === 'vscode-remote') return vscode.Uri.file(path.posix.normalize(uri.path));
  return uri.scheme === 'file' ? vscode.Uri.file(path.normalize(uri.fsPath)) : undefined;
}

/** A file as a graph names it: relative to the graph's folder, with forward slashes; undefined on another drive. */
export function pathInGraph(graph: vscode.Uri, file: vscode.Uri): string | undefined {
  const relative = path.relative(path.dirname(graph.fsPath), file.fsPath);
  return path.isAbsolute(relative) ? undefined : relative.split(path.sep).join('/');
}

/** The file that a graph's relative path names, by the rules of whoever opens it: on Windows a backslash climbs, too. */
export function fileOfGraph(graph: vscode.Uri, relative: string): vscode.Uri {
  if (graph.scheme === 'file' || graph.scheme === 'untitled')
    return vscode.Uri.file(path.join(path.dirname(graph.fsPath), relative));
  return graph.with({ path: path.posix.join(path.posix.dirname(graph.path), relative) });
}

/** A name for a new file in a folder that no file there has: `name.weft.json`, `name-2.weft.json`, … */
export async function freeGraphName(folder: vscode.Uri, stem: string): Promise<vscode.Uri> {
  const cut = joinedName([stem]);
  for (let count = 1; ; count++) {
    const uri = vscode.Uri.joinPath(folder, `${cut}${count === 1 ? '' : `-${count}`}${GRAPH_SUFFIX}`);
    const taken = await exists(uri);
    const open = vscode.workspace.textDocuments.some((document) => document.uri.path === uri.path);
    if (!taken && !open) return uri;
  }
}
