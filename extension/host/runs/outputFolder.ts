import path from 'node:path';
import * as vscode from 'vscode';
import { ignoreLine, isIgnored } from './gitignore';
import { exists, readUri, writeUri } from '../hostFiles';
import { settings } from '../settings';
import { notify } from '../window';

/** Absolute path of the folder that a graph's results go to. */
export function outputFolderOf(graph: vscode.Uri): string {
  return path.resolve(path.dirname(graph.fsPath), settings.outputFolder(graph));
}

const MAX_GITIGNORE_BYTES = 4 * 1024 * 1024;
const ASKED = 'weft.gitignoreAsked';

/** Offers, once a repository, to keep results out of git. Does nothing outside one or where they are ignored already. */
export async function offerGitignore(outDir: string, state: vscode.Memento): Promise<void> {
  const root = await repositoryOf(outDir);
  if (!root) return;
  const asked = state.get<string[]>(ASKED, []);
  if (asked.includes(root)) return;
  const file = vscode.Uri.file(path.join(root, '.gitignore'));
  const before = await bytesOf(file);
  // One that is there and can't be read is left alone.
  if (!before) return;
  const folder = path.relative(root, outDir).split(path.sep).join('/');
  if (folder === '' || folder.startsWith('..') || isIgnored(decode(before), folder)) return;
  await state.update(ASKED, [...asked, root]);
  const add = 'Add to .gitignore';
  const answer = await notify.information(`Weft writes results to ${folder}/. Keep this folder out of git?`, add, 'No');
  if (answer !== add) return;
  const bytes = (await bytesOf(file)) ?? before;
  // Appended to the bytes, whatever their encoding is.
  const text = decode(bytes);
  const line = ignoreLine(text, folder).slice(text.length);
  await writeUri(file, Buffer.concat([bytes, Buffer.from(line)]));
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

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Empty when there is no such file, undefined when there is one that can't be read. */
async function bytesOf(file: vscode.Uri): Promise<Uint8Array | undefined> {
  if (!(await exists(file))) return new Uint8Array();
  return readUri(file, MAX_GITIGNORE_BYTES).catch(() => undefined);
}
