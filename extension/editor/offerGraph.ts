import path from 'node:path';
import * as vscode from 'vscode';
import { readPngTexts } from '../node/pngText';
import { droppedUri } from './graphFiles';

/** A picture that Weft made was dropped on a canvas: asks whether its graph is meant. @returns whether that was done instead */
export async function offerGraphOf(uris: readonly string[]): Promise<boolean> {
  const [text, ...others] = uris;
  if (text === undefined || others.length > 0 || !/\.png$/i.test(text)) return false;
  const uri = droppedUri(text);
  const data = await vscode.workspace.fs.readFile(uri).then(undefined, () => undefined);
  if (!data || !readPngTexts(data).has('weft.graph')) return false;
  const open = { label: 'Open the graph that made it', iconPath: new vscode.ThemeIcon('type-hierarchy') };
  const add = { label: 'Add it as a picture', iconPath: new vscode.ThemeIcon('file-media') };
  const name = path.posix.basename(uri.path);
  const chosen = await vscode.window.showQuickPick([open, add], {
    title: `Weft: ${name}`,
    placeHolder: `${name} was made by Weft`,
    ignoreFocusOut: true,
  });
  if (chosen === open) await vscode.commands.executeCommand('weft.openGraphOfPicture', uri);
  return chosen !== add;
}
