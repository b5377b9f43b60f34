import path from 'node:path';
import * as vscode from 'vscode';
import { mayRead } from '../editor/graphContext';
import { fileOfGraph } from '../editor/graphFiles';
import { graphTextOf } from '../editor/graphOfPicture';
import { openGraphText } from '../editor/openGraphText';
import { parseGraph, pathsRead } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { exists } from '../hostFiles';
import { type PickedFiles } from '../runs/pickedFiles';
import { selectedUris } from './arguments';
import { type Command } from './command';

/** Every picture that Weft writes carries the graph that made it: opens that graph, unsaved. */
export const openGraphOfPictureCommand: Command = {
  id: 'weft.openGraphOfPicture',
  async run({ history, picked }, ...args) {
    const picture = selectedUris(args)[0] ?? activePicture() ?? (await askForPicture());
    if (!picture) return;
    const name = path.posix.basename(picture.path);
    const text = await graphTextOf(picture);
    if (text === undefined)
      throw new WeftError(
        'graph',
        `${name} contains no graph. Either Weft did not make it, or another program removed the graph when it saved the image.`,
      );
    const { document, problems } = parseGraph(text);
    if (!document)
      throw new WeftError(
        'graph',
        `${name} contains a graph that can't be read: ${problems[0]?.message ?? 'it is empty.'}`,
      );
    const folder = history.graphFolderOf(picture) ?? (await folderWherePathsHold(picture, pathsRead(document), picked));
    await openGraphText(text, folder, path.posix.basename(picture.path, path.posix.extname(picture.path)));
  },
};

function activePicture(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputCustom && /\.png$/i.test(input.uri.path) ? input.uri : undefined;
}

async function askForPicture(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: 'Choose an image made by Weft',
    openLabel: 'Open Graph',
    filters: { 'PNG images': ['png'] },
  });
  return chosen?.[0];
}

/** The graph's paths were relative to a folder the picture does not name: the nearest one above it where they lead somewhere. */
async function folderWherePathsHold(
  picture: vscode.Uri,
  paths: readonly string[],
  picked: PickedFiles,
): Promise<vscode.Uri> {
  const beside = vscode.Uri.joinPath(picture, '..');
  const top = vscode.workspace.getWorkspaceFolder(picture)?.uri;
  if (!top) return beside;
  for (let folder = beside; folder.path.length >= top.path.length; folder = vscode.Uri.joinPath(folder, '..')) {
    const graph = vscode.Uri.joinPath(folder, 'graph.weft.json');
    const found = await Promise.all(
      paths.map(async (name) => {
        // The picture may come from anybody: what it names outside is not even looked for.
        const file = fileOfGraph(graph, name);
        return mayRead(graph, file, picked) && exists(file);
      }),
    );
    if (found.length > 0 && found.every(Boolean)) return folder;
    if (folder.path === '/') break;
  }
  return top;
}
