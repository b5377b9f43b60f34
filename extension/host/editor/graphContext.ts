import * as vscode from 'vscode';
import { checkPath, parseGraph, pathsRead } from '../../graph';
import { type PickedFiles } from '../runs/pickedFiles';
import { fileOfGraph, pathInGraph } from './graphFiles';

/** Whether a graph may show this file: inside the workspace, beside the graph, or picked by hand. */
export function mayRead(graph: vscode.Uri, file: vscode.Uri, picked: PickedFiles): boolean {
  if (vscode.workspace.getWorkspaceFolder(file)) return true;
  const folder = fileOfGraph(graph, '.').path;
  return file.path.startsWith(folder.endsWith('/') ? folder : `${folder}/`) || picked.has(file.fsPath);
}

/**
 * To be called when the user chose a picture for a graph by hand: runs may then read it although it lies outside the workspace, or has a
 * name that a graph could not give by itself, such as `shot 12:30.png`.
 */
export async function rememberPick(graph: vscode.Uri, file: vscode.Uri, picked: PickedFiles): Promise<void> {
  const name = pathInGraph(graph, file);
  const travels = name === undefined || checkPath(name, 'read') === undefined;
  if (!mayRead(graph, file, picked) || !travels) await picked.add(file.fsPath);
}

/** Whether the user chose the picture that a graph names by this path. */
export const isPicked = (graph: vscode.Uri, name: string, picked: PickedFiles): boolean =>
  picked.has(fileOfGraph(graph, name).fsPath);

export interface FoundPictures {
  /** The file of each path that is there. */
  files: Map<string, { uri: vscode.Uri; mtime: number }>;
  missing: Set<string>;
}

/** Looks for the pictures that a graph names. */
export async function findPictures(document: vscode.TextDocument, picked: PickedFiles): Promise<FoundPictures> {
  const found: FoundPictures = { files: new Map(), missing: new Set() };
  const paths = pathsRead(parseGraph(document.getText()).document);
  await Promise.all(
    paths.map(async (name) => {
      const uri = fileOfGraph(document.uri, name);
      const stat = mayRead(document.uri, uri, picked)
        ? await vscode.workspace.fs.stat(uri).then(undefined, () => undefined)
        : undefined;
      if (stat && stat.type & vscode.FileType.File) found.files.set(name, { uri, mtime: stat.mtime });
      else found.missing.add(name);
    }),
  );
  return found;
}
