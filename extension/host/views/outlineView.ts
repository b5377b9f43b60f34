import * as vscode from 'vscode';
import { type GraphDocument, parseGraph, specOf, wiresOf } from '../../graph';
import { plainLine } from '../../protocol/foreignText';
import { type StudioSessions } from '../editor/studioSessions';

/** A node of the graph, or one of the wires into it. */
export type OutlineItem = { kind: 'node'; node: string } | { kind: 'wire'; node: string; port: string; source: string };

/**
 * The graph in front as a tree: nodes, and below each the wires into it. Follows the canvas' selection, and a click selects there:
 * a way through the graph for the keyboard and for screen readers.
 */
export class OutlineView implements vscode.TreeDataProvider<OutlineItem>, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[] = [this.changes];
  private readonly view: vscode.TreeView<OutlineItem>;
  private graph: GraphDocument | undefined;
  private items = new Map<string, OutlineItem>();
  readonly onDidChangeTreeData = this.changes.event;

  constructor(private readonly sessions: StudioSessions) {
    this.view = vscode.window.createTreeView('weft.outline', { treeDataProvider: this });
    this.subscriptions.push(
      this.view,
      sessions.onDidChangeActive(() => this.refresh()),
      sessions.onDidChangeSelection((studio) => {
        if (studio === sessions.active) void this.follow(studio.selection);
      }),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.toString() === sessions.active?.document.uri.toString()) this.refresh();
      }),
    );
  }

  dispose(): void {
    for (const subscription of this.subscriptions.splice(0)) subscription.dispose();
  }

  getChildren(parent?: OutlineItem): OutlineItem[] {
    if (!parent) {
      this.read();
      return [...this.items.values()];
    }
    if (parent.kind === 'wire') return [];
    const inputs = this.graph?.nodes[parent.node]?.inputs ?? {};
    return Object.entries(inputs).flatMap(([port, input]) =>
      wiresOf(input).map((source): OutlineItem => ({ kind: 'wire', node: parent.node, port, source })),
    );
  }

  getParent(item: OutlineItem): OutlineItem | undefined {
    return item.kind === 'wire' ? this.items.get(item.node) : undefined;
  }

  getTreeItem(item: OutlineItem): vscode.TreeItem {
    const reveal = (node: string): vscode.Command => ({
      command: 'weft.outline.reveal',
      title: 'Show in Studio',
      arguments: [{ node }],
    });
    if (item.kind === 'wire') {
      const tree = new vscode.TreeItem(plainLine(`${item.port} ← ${item.source}`));
      tree.id = `${item.node}/${item.port}/${item.source}`;
      tree.iconPath = new vscode.ThemeIcon('plug');
      tree.command = reveal(item.source.slice(0, item.source.lastIndexOf('.')));
      tree.accessibilityInformation = { label: plainLine(`${item.port} of ${item.node}, connected to ${item.source}`) };
      return tree;
    }
    const node = this.graph?.nodes[item.node];
    const spec = specOf(node?.type ?? '');
    const wired = this.getChildren(item).length > 0;
    const tree = new vscode.TreeItem(
      plainLine(item.node),
      wired ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    tree.id = item.node;
    tree.description = plainLine(`${spec?.title ?? node?.type ?? ''}${node?.muted === true ? ' · muted' : ''}`);
    tree.tooltip = spec?.help;
    tree.iconPath = new vscode.ThemeIcon(icons[spec?.category ?? 'unknown'] ?? 'question');
    tree.command = reveal(item.node);
    return tree;
  }

  private read(): void {
    const { active } = this.sessions;
    this.graph = active && parseGraph(active.document.getText()).document;
    const { nodes = {}, layout = {} } = this.graph ?? {};
    const at = (id: string): readonly [number, number] => layout[id] ?? [0, 0];
    // As they are read on the canvas: from left to right, then from top to bottom.
    const ids = Object.keys(nodes).sort((a, b) => at(a)[0] - at(b)[0] || at(a)[1] - at(b)[1] || (a < b ? -1 : 1));
    this.items = new Map(ids.map((node) => [node, { kind: 'node', node }]));
  }

  private refresh(): void {
    this.changes.fire();
  }

  private async follow(selection: readonly string[]): Promise<void> {
    const item = selection.length === 1 ? this.items.get(selection[0] ?? '') : undefined;
    if (item && this.view.visible) await this.view.reveal(item, { select: true, focus: false });
  }
}

const icons: Readonly<Record<string, string>> = {
  source: 'file-media',
  model: 'package',
  inversion: 'discard',
  transfer: 'arrow-swap',
  output: 'save',
  unknown: 'question',
};
