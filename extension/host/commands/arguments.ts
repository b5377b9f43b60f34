import * as vscode from 'vscode';
import { activeGraph, isGraphUri } from '../editor/graphFiles';
import { notify } from '../window';

/** The URIs that an Explorer's context menu or a drop passes: the one clicked, then all selected. */
export function selectedUris(args: readonly unknown[]): vscode.Uri[] {
  const [clicked, selected] = args;
  const all = Array.isArray(selected) ? (selected as unknown[]).filter((item) => item instanceof vscode.Uri) : [];
  if (all.length > 0) return all;
  return clicked instanceof vscode.Uri ? [clicked] : [];
}

/** The graph a command is meant for: the one clicked, or the one in the active editor. */
export function graphArgument(args: readonly unknown[]): vscode.Uri | undefined {
  return selectedUris(args).find(isGraphUri) ?? activeGraph();
}

/** The graph's document, or a sentence to the user that there is none. */
export async function graphDocument(args: readonly unknown[]): Promise<vscode.TextDocument | undefined> {
  const uri = graphArgument(args);
  if (uri) return vscode.workspace.openTextDocument(uri);
  const create = 'New Graph';
  const answer = await notify.information('Open a graph (*.weft.json) first.', create);
  if (answer === create) await vscode.commands.executeCommand('weft.newGraph');
  return undefined;
}
