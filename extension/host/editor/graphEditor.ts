import PQueue from 'p-queue';
import * as vscode from 'vscode';
import { applyEdit, type GraphEdit, parseGraph } from '../../graph';
import { reportError, WeftError } from '../../protocol/errors';

/** How often an edit is made anew because the text changed under it. */
const ATTEMPTS = 5;

/**
 * Turns edits of the graph into edits of its text: one WorkspaceEdit, and so one step of undo, for one message; only the
 * characters that change. Edits name nodes, not places, so one made on an older text is simply made on the text as it is now.
 */
export class GraphEditor {
  private readonly queues = new Map<string, PQueue>();

  /** @returns a sentence why the edit was refused, undefined if it was made */
  apply(document: vscode.TextDocument, edits: readonly GraphEdit[]): Promise<string | undefined> {
    const key = document.uri.toString();
    const queue = this.queues.get(key) ?? new PQueue({ concurrency: 1 });
    this.queues.set(key, queue);
    return queue.add(() => this.applyNow(document, edits));
  }

  /** Resolves when every edit so far has been made or refused. */
  async settled(document: vscode.TextDocument): Promise<void> {
    await this.queues.get(document.uri.toString())?.onIdle();
  }

  forget(document: vscode.TextDocument): void {
    this.queues.delete(document.uri.toString());
  }

  private async applyNow(document: vscode.TextDocument, edits: readonly GraphEdit[]): Promise<string | undefined> {
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const text = document.getText();
        const reason = refusal(text);
        if (reason !== undefined) throw new WeftError('graph', reason);
        const edit = asEdit(document, applyEdit(text, { kind: 'batch', edits }));
        // VS Code refuses an edit whose document changed meanwhile.
        if (edit.size === 0 || (await vscode.workspace.applyEdit(edit))) return undefined;
      }
      return 'The file kept changing while Weft edited it. Try again.';
    } catch (error) {
      return reportError(error).message;
    }
  }
}

/** Changes of a document's text, for VS Code to make. */
export function asEdit(document: vscode.TextDocument, changes: ReturnType<typeof applyEdit>): vscode.WorkspaceEdit {
  const edit = new vscode.WorkspaceEdit();
  for (const { offset, length, content } of changes) {
    const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
    edit.replace(document.uri, range, content);
  }
  return edit;
}

/** Why this text can't be edited in the studio, undefined if it can. */
export function refusal(text: string): string | undefined {
  const { problems } = parseGraph(text);
  const blocking = problems.find(({ code }) => code === 'later-version' || code === 'syntax');
  return blocking?.message;
}
