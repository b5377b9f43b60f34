import * as vscode from 'vscode';
import { type HostToStudio, type StudioCommand } from '../../protocol/studio';

/** What the rest of the extension may ask of an open studio. */
export interface OpenStudio {
  readonly document: vscode.TextDocument;
  readonly panel: vscode.WebviewPanel;
  readonly selection: readonly string[];
  post(message: HostToStudio): void;
  /** The same; a page that still loads gets it when it has everything else. */
  postWhenReady(message: HostToStudio): void;
  /** Resolves when the document has everything that the studio shows. */
  settle(): Promise<void>;
}

/** The studios that are open, and the one in front. */
export class StudioSessions implements vscode.Disposable {
  private readonly studios = new Set<OpenStudio>();
  private readonly changes = new vscode.EventEmitter<OpenStudio | undefined>();
  private readonly selections = new vscode.EventEmitter<OpenStudio>();
  private last: OpenStudio | undefined;
  /** Another studio came to the front, or none is left. */
  readonly onDidChangeActive = this.changes.event;
  readonly onDidChangeSelection = this.selections.event;
  /** What was typed last belongs to what is saved. */
  private readonly saving = vscode.workspace.onWillSaveTextDocument((event) => {
    if (this.of(event.document.uri).length > 0) event.waitUntil(this.settle(event.document.uri));
  });

  add(studio: OpenStudio): void {
    this.studios.add(studio);
    this.update();
  }

  remove(studio: OpenStudio): void {
    this.studios.delete(studio);
    this.update();
  }

  /** To be called when a studio is shown, hidden or closed. */
  update(): void {
    const all = [...this.studios];
    const front =
      all.find(({ panel }) => panel.active) ?? all.find((studio) => studio === this.last && studio.panel.visible);
    const next = front ?? all.find(({ panel }) => panel.visible);
    if (next === this.last) return;
    this.last = next;
    this.changes.fire(next);
  }

  selected(studio: OpenStudio): void {
    this.selections.fire(studio);
  }

  /** The studio in front, or the last one that was and still shows. */
  get active(): OpenStudio | undefined {
    return this.last;
  }

  of(uri: vscode.Uri): OpenStudio[] {
    const key = uri.toString();
    return [...this.studios].filter(({ document }) => document.uri.toString() === key);
  }

  /** Resolves when the document has everything that its studios show. */
  async settle(uri: vscode.Uri): Promise<void> {
    await Promise.all(this.of(uri).map((studio) => studio.settle()));
  }

  command(command: StudioCommand): void {
    this.active?.post({ type: 'command', command });
  }

  dispose(): void {
    this.saving.dispose();
    this.changes.dispose();
    this.selections.dispose();
  }
}
