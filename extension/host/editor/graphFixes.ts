import path from 'node:path';
import * as vscode from 'vscode';
import { fixesOf, type GraphFacts, isPictureName, parseGraph, type Problem } from '../../graph';
import { plainLine } from '../../protocol/foreignText';
import { type Checkpoints } from '../views/checkpoints';
import { downloadTitle } from '../views/checkpointText';
import { isGraphUri, pathInGraph } from './graphFiles';
import { IGNORED, type WorkspacePictures } from './workspacePictures';

const MOST_FILES = 20;

/** Quick fixes for the problems of graphs: in the text editor and in the Problems panel. */
export class GraphFixes implements vscode.CodeActionProvider {
  constructor(
    private readonly problems: {
      examine(document: vscode.TextDocument): Promise<{ problems: readonly Problem[]; facts: GraphFacts }>;
    },
    private readonly checkpoints: Checkpoints,
    private readonly pictures: WorkspacePictures,
  ) {}

  register(): vscode.Disposable {
    return vscode.languages.registerCodeActionsProvider({ pattern: '**/*.weft.json' }, this, {
      providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
    });
  }

  async provideCodeActions(
    document: vscode.TextDocument,
    _range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): Promise<vscode.CodeAction[]> {
    const ours = diagnostics.filter(({ source }) => source === 'weft');
    if (ours.length === 0 || !isGraphUri(document.uri)) return [];
    const text = document.getText();
    const { problems, facts } = await this.problems.examine(document);
    const actions: vscode.CodeAction[] = [];
    for (const diagnostic of ours) {
      const offset = document.offsetAt(diagnostic.range.start);
      const problem = problems.find((each) => each.code === diagnostic.code && each.offset === offset);
      if (!problem) continue;
      const offered: vscode.CodeAction[] = [];
      const download = await this.download(problem, text);
      if (download) offered.push(download);
      const files = await this.filesFor(document, problem);
      for (const { title, changes } of fixesOf(text, problem, { ...facts, files })) {
        const fix = new vscode.CodeAction(plainLine(title), vscode.CodeActionKind.QuickFix);
        fix.edit = new vscode.WorkspaceEdit();
        for (const { offset: at, length, content } of changes)
          fix.edit.replace(
            document.uri,
            new vscode.Range(document.positionAt(at), document.positionAt(at + length)),
            content,
          );
        offered.push(fix);
      }
      for (const each of offered) {
        each.diagnostics = [diagnostic];
        each.isPreferred = offered.length === 1;
      }
      actions.push(...offered);
    }
    return actions;
  }

  /** The download of a checkpoint that a graph names and the library lacks. */
  private async download({ code, node = '' }: Problem, text: string): Promise<vscode.CodeAction | undefined> {
    if (code !== 'unknown-checkpoint') return undefined;
    const name = parseGraph(text).document?.nodes[node]?.params?.['id'];
    const known = await this.checkpoints.missing(name);
    if (!known) return undefined;
    const title = downloadTitle(known);
    const made = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    made.command = { title, command: 'weft.downloadCheckpoint', arguments: [{ kind: 'download', known }] };
    return made;
  }

  /** Files that may be meant where one was not found: pictures, or for other kinds the files of that very name. */
  private async filesFor(document: vscode.TextDocument, { code, node = '', param = '' }: Problem): Promise<string[]> {
    if (code !== 'missing-file') return [];
    const wanted = parseGraph(document.getText()).document?.nodes[node]?.params?.[param];
    if (typeof wanted !== 'string') return [];
    const name = path.posix.basename(wanted.replaceAll('\\', '/'));
    const found = isPictureName(name)
      ? await this.pictures.list()
      : await vscode.workspace.findFiles(`**/${name.replace(/[[\]{}*?]/g, '?')}`, IGNORED, MOST_FILES);
    return found.flatMap((file) => pathInGraph(document.uri, file) ?? []);
  }
}
