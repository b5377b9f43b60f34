import path from 'node:path';
import * as vscode from 'vscode';
import { pictureExtensions } from '../../graph';
import { type WorkspacePicture } from '../../protocol/studio';

const PATTERN = `**/*.{${pictureExtensions.flatMap((name) => [name, name.toUpperCase()]).join(',')}}`;
const LIMIT = 1000;
/** Folders that hold no pictures or models of the user's. */
export const IGNORED = '**/{node_modules,.git,.venv,dist,out}/**';

/** The pictures of the workspace, looked for when first wanted and again after files came or went. */
export class WorkspacePictures implements vscode.Disposable {
  private found: Promise<vscode.Uri[]> | undefined;
  private readonly changes = new vscode.EventEmitter<vscode.Uri>();
  private readonly watcher: vscode.FileSystemWatcher;
  /** A picture came, went or changed. */
  readonly onDidChange = this.changes.event;

  constructor() {
    this.watcher = vscode.workspace.createFileSystemWatcher(PATTERN);
    const listed = (uri: vscode.Uri): void => {
      this.found = undefined;
      this.changes.fire(uri);
    };
    this.watcher.onDidCreate(listed);
    this.watcher.onDidDelete(listed);
    this.watcher.onDidChange((uri) => this.changes.fire(uri));
  }

  list(): Promise<vscode.Uri[]> {
    this.found ??= Promise.resolve(vscode.workspace.findFiles(PATTERN, IGNORED, LIMIT)).then((uris) =>
      uris.sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
    return this.found;
  }

  dispose(): void {
    this.watcher.dispose();
    this.changes.dispose();
  }
}

/** A picture as the picker of a graph's studio shows it. */
export function asWorkspacePicture(
  picture: vscode.Uri,
  pathInGraph: string,
  toWebview: (uri: vscode.Uri) => vscode.Uri,
): WorkspacePicture {
  return { path: pathInGraph, name: path.posix.basename(picture.path), uri: toWebview(picture).toString() };
}
