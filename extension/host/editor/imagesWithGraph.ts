import * as fs from 'node:fs/promises';
import * as vscode from 'vscode';
import { type WorkspacePictures } from './workspacePictures';

/** What "Open Graph of This Image" asks in the menus of files and tabs: `resourcePath in weft.imagesWithGraph`. */
const CONTEXT = 'weft.imagesWithGraph';
/** Weft writes the graph right behind a PNG's header, so the beginning of a file tells whether it carries one. */
const HEAD_BYTES = 4096;
const MARK = Buffer.from('iTXtweft.graph\0', 'latin1');

/** Keeps VS Code told which images of the workspace carry a graph, so that its menus offer to open one only where there is one. */
export class ImagesWithGraph implements vscode.Disposable {
  private readonly known = new Map<string, boolean>();
  private readonly listener: vscode.Disposable;
  private told: Promise<void>;

  constructor(private readonly pictures: WorkspacePictures) {
    this.told = this.tell();
    this.listener = pictures.onDidChange(({ fsPath }) => {
      this.known.delete(fsPath);
      this.told = this.told.then(() => this.tell());
    });
  }

  /** Resolves when VS Code knows of every change so far. */
  settled(): Promise<void> {
    return this.told;
  }

  private async tell(): Promise<void> {
    const found: string[] = [];
    for (const { scheme, fsPath } of await this.pictures.list()) {
      if (scheme !== 'file' || !/\.png$/i.test(fsPath)) continue;
      const carries = this.known.get(fsPath) ?? (await carriesGraph(fsPath));
      this.known.set(fsPath, carries);
      if (carries) found.push(fsPath);
    }
    await vscode.commands.executeCommand('setContext', CONTEXT, found);
  }

  dispose(): void {
    this.listener.dispose();
  }
}

async function carriesGraph(file: string): Promise<boolean> {
  try {
    // What is no regular file (a pipe, say) would never come to an end.
    if (!(await fs.stat(file)).isFile()) return false;
    const handle = await fs.open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.subarray(0, bytesRead).includes(MARK);
    } finally {
      await handle.close();
    }
  } catch {
    return false; // What can't be read is told where somebody opens it.
  }
}
