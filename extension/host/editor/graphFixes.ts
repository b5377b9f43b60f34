import path from 'node:path';
import * as vscode from 'vscode';
import { fixesOf, type GraphFacts, isPictureName, parseGraph, type Problem } from '../../graph';
import { plainLine } from '../../protocol/foreignText';
import { type Checkpoints } from '../views/checkpoints';
import { downloadTitle } from '../views/checkpointText';
import { asEdit } from './graphEditor';
import { isGraphUri, pathInGraph } from './graphFiles';
import { IGNORED, type WorkspacePictures } from './workspacePictures';

const MOST_FILES = 20;

export interface ProblemPlace {
  code: string;
  offset: number;
}

/** Quick fixes for the problems of graphs: in the text editor, in the Problems panel and in the studio. */
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
    const { problems, facts } = await this.problems.examine(document);
    const actions: vscode.CodeAction[] = [];
    for (const diagnostic of ours) {
      const offset = document.offsetAt(diagnostic.range.start);
      const problem = problems.find((each) => each.code === diagnostic.code && each.offset === offset);
      if (!problem) continue;
      const offered = await this.fixes(document, problem, facts);
      for (const each of offered) {
        each.diagnostics = [diagnostic];
        each.isPreferred = offered.length === 1;
      }
      actions.push(...offered);
    }
    return actions;
  }

  /** Titles of the fixes of a problem that the studio shows. */
  async titles(document: vscode.TextDocument, place: ProblemPlace): Promise<string[]> {
    return (await this.at(document, place)).map(({ title }) => title);
  }

  /** Makes the fix of this title, one step of undo. */
  async apply(document: vscode.TextDocument, place: ProblemPlace, title: string): Promise<void> {
    const fix = (await this.at(document, place)).find((each) => each.title === title);
    if (!fix) throw new Error('The graph has changed: this fix no longer applies.');
    if (fix.edit) await vscode.workspace.applyEdit(fix.edit);
    if (fix.command)
      await vscode.commands.executeCommand(fix.command.command, ...((fix.command.arguments ?? []) as unknown[]));
  }

  private async at(document: vscode.TextDocument, place: ProblemPlace): Promise<vscode.CodeAction[]> {
    const { problems, facts } = await this.problems.examine(document);
    const problem = problems.find(({ code, offset }) => code === place.code && offset === place.offset);
    return problem ? this.fixes(document, problem, facts) : [];
  }

  private async fixes(
    document: vscode.TextDocument,
    problem: Problem,
    facts: GraphFacts,
  ): Promise<vscode.CodeAction[]> {
    const text = document.getText();
    const download = await this.download(problem, text);
    const files = await this.filesFor(document, problem);
    const edits = fixesOf(text, problem, { ...facts, files }).map(({ title, changes }) => {
      const fix = new vscode.CodeAction(plainLine(title), vscode.CodeActionKind.QuickFix);
      fix.edit = asEdit(document, changes);
      return fix;
    });
    return download ? [download, ...edits] : edits;
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
