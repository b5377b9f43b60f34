import path from 'node:path';
import * as vscode from 'vscode';
import { rememberPick } from '../editor/graphContext';
import { freeGraphName, GRAPH_SUFFIX, pathInGraph, STUDIO_VIEW } from '../editor/graphFiles';
import { type Services } from '../editor/services';
import { templates, writeGraph } from '../../graph';
import { exists, writeUri } from '../hostFiles';
import { input, pick } from '../window';
import { selectedUris } from './arguments';
import { type Command } from './command';
import { guessDomain } from './guessDomain';
import { pickPicture } from './pickPicture';

/** Leaves room for the suffix, and for a counter in the names of its results. */
const MAX_NAME_BYTES = 200;

/** A new graph from a template, as a file in the folder chosen or the workspace. */
export const newGraphCommand: Command = {
  id: 'weft.newGraph',
  async run(services, ...args) {
    const items = templates.map((template) => ({ label: template.title, detail: template.help, template }));
    const chosen = await pick(items, {
      title: 'Weft: New Graph',
      placeHolder: 'Choose a template',
      matchOnDetail: true,
    });
    if (!chosen) return;
    const file = await chooseFile(selectedUris(args)[0]);
    if (!file) return;
    const named = chosen.template.id === 'empty' ? placeholders : await choosePictures(services, file);
    if (!named) return;
    const domain =
      guessDomain(services.checkpoints.known?.flatMap(({ domains }) => domains) ?? [], Object.values(named)) ??
      'animal';
    const text = writeGraph(chosen.template.make({ ...named, domain }));
    await writeUri(file, new TextEncoder().encode(text));
    await vscode.commands.executeCommand('vscode.openWith', file, STUDIO_VIEW);
    await services.walkthrough.achieved('graph');
  },
};

/** What a graph names until its pictures are chosen; the node says that they are missing and how to choose. */
const placeholders = { structure: 'structure.png', appearance: 'appearance.png' };

async function choosePictures(services: Services, graph: vscode.Uri): Promise<typeof placeholders | undefined> {
  const structure = await pickPicture(services, 'Structure', 'The image that keeps its shapes and poses (1 of 2)', {
    later: 'later',
  });
  if (!structure) return undefined;
  if (structure === 'later') return placeholders;
  const appearance = await pickPicture(services, 'Appearance', 'The image that gives colours and textures (2 of 2)', {
    later: 'later',
    except: structure,
  });
  if (!appearance) return undefined;
  const nameOfPicture = async (picture: vscode.Uri | 'later', placeholder: string): Promise<string> => {
    if (picture === 'later') return placeholder;
    await rememberPick(graph, picture, services.picked);
    return pathInGraph(graph, picture) ?? placeholder;
  };
  return {
    structure: await nameOfPicture(structure, placeholders.structure),
    appearance: await nameOfPicture(appearance, placeholders.appearance),
  };
}

async function chooseFile(selected: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const folder = selected ?? vscode.workspace.workspaceFolders?.[0]?.uri;
  if (!folder) {
    return vscode.window.showSaveDialog({
      title: 'Create a Weft graph',
      saveLabel: 'Create Graph',
      filters: { 'Weft graphs': ['weft.json'] },
    });
  }
  const free = path.posix.basename((await freeGraphName(folder, 'graph')).path, GRAPH_SUFFIX);
  const stem = await input({
    title: 'Weft: New Graph',
    prompt: `Name of the graph in ${path.posix.basename(folder.path)}`,
    value: free,
    validateInput: async (value) => {
      const name = nameOf(value);
      if (name === '' || /[\\/:*?"<>|]/.test(name)) return 'Enter a file name without folders.';
      if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `Enter a shorter name: at most ${MAX_NAME_BYTES} bytes.`;
      const taken = await exists(vscode.Uri.joinPath(folder, name + GRAPH_SUFFIX));
      return taken ? `${name}${GRAPH_SUFFIX} already exists. Enter another name.` : undefined;
    },
  });
  return stem === undefined ? undefined : vscode.Uri.joinPath(folder, nameOf(stem) + GRAPH_SUFFIX);
}

const nameOf = (value: string): string => value.trim().replace(/\.weft\.json$|\.json$/, '');
