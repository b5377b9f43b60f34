import type * as vscode from 'vscode';

const KEY = 'weft.pickedFiles';
const LIMIT = 500;

/**
 * Pictures outside the workspace that the user chose by hand, and that runs may therefore read. Kept with the workspace, so
 * that a graph opened tomorrow still runs; never taken from a graph.
 */
export class PickedFiles {
  constructor(private readonly state: vscode.Memento) {}

  get all(): string[] {
    const stored = this.state.get<unknown>(KEY);
    return Array.isArray(stored) ? stored.filter((file) => typeof file === 'string') : [];
  }

  has(file: string): boolean {
    return this.all.includes(file);
  }

  async add(file: string): Promise<void> {
    await this.state.update(KEY, [file, ...this.all.filter((known) => known !== file)].slice(0, LIMIT));
  }
}
