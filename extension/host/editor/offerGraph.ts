import path from 'node:path';
import * as vscode from 'vscode';
import { pick } from '../window';
import { graphTextOf } from './graphOfPicture';

/** A picture that Weft made was dropped on a canvas: asks whether its graph is meant. @returns whether that was done instead */
export async function offerGraphOf(files: readonly vscode.Uri[]): Promise<boolean> {
  const [file, ...others] = files;
  if (!file || others.length > 0 || !/\.png$/i.test(file.path)) return false;
  // What can't be read is told where it is used as a picture.
  const text = await graphTextOf(file).catch(() => undefined);
  if (text === undefined) return false;
  const open = { label: 'Open the graph that made it', iconPath: new vscode.ThemeIcon('type-hierarchy') };
  const add = { label: 'Add it as an image', iconPath: new vscode.ThemeIcon('file-media') };
  const name = path.posix.basename(file.path);
  const chosen = await pick([open, add], { title: `Weft: ${name}`, placeHolder: `${name} was made by Weft` });
  if (chosen === open) await vscode.commands.executeCommand('weft.openGraphOfPicture', file);
  return chosen !== add;
}
