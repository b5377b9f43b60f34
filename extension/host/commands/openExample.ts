import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { z } from 'zod';
import { STUDIO_VIEW } from '../editor/graphFiles';
import { type Services } from '../editor/services';
import { FileProblem } from '../../platform/files';
import { galleryHtml } from '../views/gallery';
import { notify, offer } from '../window';
import { type Command } from './command';
import { copyExample, type Example, examples } from './exampleFiles';

const ID = 'weft.openExample';
/** Of a link in the gallery or the walkthrough. */
const argumentsSchema = z.object({
  name: z.string().optional(),
  run: z.boolean().default(false),
  /** Folder that gets the copy. */
  parent: z.string().optional(),
  /** Asks for that folder first. */
  elsewhere: z.boolean().default(false),
});

/** Without an argument, a gallery to choose from. */
export const openExampleCommand: Command = {
  id: ID,
  async run(services, value) {
    const { name, run, elsewhere, ...given } = argumentsSchema
      .catch({ run: false, elsewhere: false })
      .parse(value ?? {});
    const example = examples.find((each) => each.name === name);
    const parent = elsewhere ? await chooseFolder() : (given.parent ?? defaultFolder());
    if (parent === undefined) return;
    if (example) await open(services, example, parent, run);
    else showGallery(services, parent);
  },
};

/** The workspace, or the user's own folder where none is open. */
function defaultFolder(): string {
  const [first] = vscode.workspace.workspaceFolders ?? [];
  return first?.uri.scheme === 'file' ? first.uri.fsPath : os.homedir();
}

async function chooseFolder(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: 'Choose the folder for the example',
    openLabel: 'Copy Here',
    canSelectFiles: false,
    canSelectFolders: true,
  });
  return chosen?.[0]?.fsPath;
}

async function open(services: Services, example: Example, parent: string, run: boolean): Promise<void> {
  const source = services.context.asAbsolutePath('examples');
  let graph: string;
  try {
    graph = await copyExample(source, example.name, parent);
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    void notify.warning(error.message);
    const other = await chooseFolder();
    if (other === undefined) return;
    graph = await copyExample(source, example.name, other);
  }
  const uri = vscode.Uri.file(graph);
  await vscode.commands.executeCommand('vscode.openWith', uri, STUDIO_VIEW);
  if (run) await services.runner.start(await vscode.workspace.openTextDocument(uri));
  if (!vscode.workspace.getWorkspaceFolder(uri)) {
    const folder = path.dirname(graph);
    offer(notify.information, `The example is in ${folder}.`, 'Open Folder', () =>
      vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(folder), { forceNewWindow: true }),
    );
  }
}

function showGallery({ context }: Services, parent: string): void {
  const media = vscode.Uri.joinPath(context.extensionUri, 'media');
  const { webview } = vscode.window.createWebviewPanel('weft.examples', 'Weft Examples', vscode.ViewColumn.Active, {
    enableCommandUris: [ID],
    localResourceRoots: [media],
  });
  webview.html = galleryHtml(webview.cspSource, {
    title: 'Weft Examples',
    text: `Each runs at once with mini, the checkpoint that comes with Weft. Weft copies the graph and its images to ${path.join(parent, 'weft-examples')}.`,
    link: { label: 'Choose another folder…', command: ID, args: [{ elsewhere: true }] },
    groups: [
      {
        cards: examples.map(({ name, title, help }) => ({
          label: title,
          detail: help,
          image: webview.asWebviewUri(vscode.Uri.joinPath(media, 'examples', `${name}.png`)).toString(),
          command: ID,
          args: [{ name, parent }],
        })),
      },
    ],
  });
}
