import path from 'node:path';
import * as vscode from 'vscode';
import { ignoreLine, isIgnored } from './gitignore';
import { settings } from './settings';

/** Absolute path of the folder that a graph's results go to. */
export function outputFolderOf(graph: vscode.Uri): string {
  return path.resolve(path.dirname(graph.fsPath), settings.outputFolder(graph));
}

const ASKED = 'weft.gitignoreAsked';

/** Offers, once a repository, to keep results out of git. Does nothing outside one or where they are ignored already. */
export async function offerGitignore(outDir: string, state: vscode.Memento): Promise<void> {
  const root = await repositoryOf(outDir);
  if (!root) return;
  const asked = state.get<string[]>(ASKED, []);
  if (asked.includes(root)) return;
  const file = vscode.Uri.file(path.join(root, '.gitignore'));
  const text = await readText(file);
  const folder = path.relative(root, outDir).split(path.sep).join('/');
  if (folder === '' || folder.startsWith('..') || isIgnored(text, folder)) return;
  await state.update(ASKED, [...asked, root]);
  const add = 'Add to .gitignore';
  const answer = await vscode.window.showInformationMessage(
    `Results go to ${folder}/. Keep that folder out of git?`,
    add,
    'No',
  );
  if (answer !== add) return;
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(ignoreLine(await readText(file), folder)));
}

/** The repository that a folder lies in, looked for no higher than the workspace. */
async function repositoryOf(folder: string): Promise<string | undefined> {
  const top = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder))?.uri.fsPath;
  if (top === undefined) return undefined;
  for (let at = folder; ; at = path.dirname(at)) {
    if (await exists(vscode.Uri.file(path.join(at, '.git')))) return at;
    if (at === top || at === path.dirname(at)) return undefined;
  }
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

async function readText(uri: vscode.Uri): Promise<string> {
  return vscode.workspace.fs.readFile(uri).then(
    (data) => new TextDecoder().decode(data),
    () => '',
  );
}
