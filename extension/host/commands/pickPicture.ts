import path from 'node:path';
import * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { pictureExtensions } from '../../graph';
import { pick } from '../window';

interface PictureItem extends vscode.QuickPickItem {
  uri?: vscode.Uri;
}

const itemOf = (uri: vscode.Uri): PictureItem => ({
  label: path.posix.basename(uri.path),
  description: path.posix.dirname(vscode.workspace.asRelativePath(uri)).replace(/^\.$/, ''),
  iconPath: uri,
  uri,
});

/** One of the workspace's pictures, each with itself as icon, or any other file; `later`: the answer to "Choose later", where that is offered. */
export async function pickPicture<const Later = never>(
  services: Services,
  title: string,
  placeHolder: string,
  options: { except?: vscode.Uri; later?: Later } = {},
): Promise<vscode.Uri | Later | undefined> {
  const found = await services.pictures.list();
  const browse: PictureItem = { label: 'Browse…', iconPath: new vscode.ThemeIcon('folder-opened'), alwaysShow: true };
  const later: PictureItem = { label: 'Choose later', iconPath: new vscode.ThemeIcon('clock'), alwaysShow: true };
  const items = found.filter((uri) => uri.toString() !== options.except?.toString()).map(itemOf);
  const chosen = await pick<PictureItem>([...items, browse, ...(options.later === undefined ? [] : [later])], {
    title: `Weft: ${title}`,
    placeHolder,
    matchOnDescription: true,
  });
  if (chosen === later) return options.later;
  if (chosen !== browse) return chosen?.uri;
  const files = await vscode.window.showOpenDialog({
    openLabel: 'Use',
    title: placeHolder,
    filters: { Images: [...pictureExtensions] },
  });
  return files?.[0];
}

/** Two pictures were selected; the Explorer does not say which came first. */
export async function whichIsStructure(
  uris: readonly vscode.Uri[],
): Promise<{ structure: vscode.Uri; appearance: vscode.Uri } | undefined> {
  const [a, b] = uris;
  if (!a || !b) return undefined;
  const name = (uri: vscode.Uri): string => path.posix.basename(uri.path);
  const item = (structure: vscode.Uri, appearance: vscode.Uri) => ({
    label: name(structure),
    description: `keeps its shapes and takes the colours of ${name(appearance)}`,
    iconPath: structure,
    structure,
    appearance,
  });
  return pick([item(a, b), item(b, a)], { title: 'Weft: Structure', placeHolder: 'Which image keeps its shapes?' });
}
