import path from 'node:path';
import type * as vscode from 'vscode';
import { type GraphEdit } from '../graph';
import { type PickedFiles } from '../runs/pickedFiles';
import { mayRead } from './graphContext';
import { droppedUri, isPictureUri, pathInGraph } from './graphFiles';

/** Distance between the nodes that several pictures dropped at once become. */
const STEP = 40;

/** What was dropped on the studio as edits: a value for the field it was dropped on, or an image node for each picture. */
export async function droppedEdits(
  document: vscode.TextDocument,
  uris: readonly string[],
  [x, y]: [number, number],
  target: { node?: string; param?: string },
  picked: PickedFiles,
): Promise<{ edits: GraphEdit[]; refused?: string }> {
  const edits: GraphEdit[] = [];
  let refused: string | undefined;
  for (const text of uris) {
    const uri = droppedUri(text);
    const base = path.posix.basename(uri.path);
    const name = isPictureUri(uri) ? pathInGraph(document.uri, uri) : undefined;
    if (name === undefined) {
      refused = isPictureUri(uri)
        ? `${base} lies on another drive: a graph can only name pictures on its own.`
        : `${base} is not a picture. Drop pictures, or a picture that Weft made to open its graph.`;
      continue;
    }
    // Dropping it is choosing it.
    if (!mayRead(document.uri, uri, picked)) await picked.add(uri.fsPath);
    if (target.node !== undefined && target.param !== undefined) {
      edits.push({ kind: 'setParam', id: target.node, param: target.param, value: name });
      break;
    }
    const position: [number, number] = [Math.round(x) + edits.length * STEP, Math.round(y) + edits.length * STEP];
    edits.push({ kind: 'addNode', type: 'image', params: { path: name }, position });
  }
  return { edits, refused };
}
