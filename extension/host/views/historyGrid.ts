import * as vscode from 'vscode';
import { entryLabel, type HistoryEntry } from '../runs/history';
import { type HistoryStore } from '../runs/historyStore';
import { type Card, galleryHtml } from './gallery';
import { entryDetail, entryTooltip } from './historyView';

const OPEN = 'weft.history.open';
const COMPARE = 'weft.history.compare';
/** What a page can show of what save nodes write. */
const IMAGES = /\.(png|jpe?g|webp|gif)$/i;

/** The run history as images, this workspace's runs first; there is one such page, and it follows the history. */
export class HistoryGrid implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly history: HistoryStore) {
    const changed = (): void => this.draw();
    this.subscriptions = [history.onDidChange(changed), vscode.workspace.onDidChangeWorkspaceFolders(changed)];
  }

  show(): void {
    if (this.panel) return this.panel.reveal();
    this.panel = vscode.window.createWebviewPanel('weft.history.grid', 'Run History', vscode.ViewColumn.Active, {
      enableCommandUris: [OPEN, COMPARE],
      localResourceRoots: [this.history.folder],
    });
    this.panel.onDidDispose(() => (this.panel = undefined));
    this.draw();
  }

  dispose(): void {
    this.panel?.dispose();
    for (const each of this.subscriptions) each.dispose();
  }

  private draw(): void {
    if (!this.panel) return;
    const { webview } = this.panel;
    const { here, elsewhere } = this.history.byWorkspace();
    const empty = here.length === 0 && elsewhere.length === 0;
    webview.html = galleryHtml(webview.cspSource, {
      title: 'Run History',
      ...(empty && { text: 'No runs yet. Run a graph, and its result appears here.' }),
      groups: [
        { title: elsewhere.length > 0 ? 'This workspace' : undefined, cards: here.map((entry) => this.card(entry)) },
        { title: 'Other workspaces', cards: elsewhere.map((entry) => this.card(entry)) },
      ],
    });
  }

  private card(entry: HistoryEntry): Card {
    const image = this.history.thumbnail(entry, IMAGES);
    return {
      label: entryLabel(entry),
      detail: entryDetail(entry),
      tooltip: entryTooltip(entry),
      ...(image ? { image: this.panel?.webview.asWebviewUri(image).toString() } : { instead: 'Copy removed' }),
      command: OPEN,
      args: [{ id: entry.id, index: 0 }],
      links: [{ label: 'Compare in Studio', command: COMPARE, args: [{ id: entry.id, index: 0 }] }],
      context: { webviewSection: 'run', id: entry.id },
    };
  }
}
