import * as vscode from 'vscode';
import { type GraphFacts, type Problem, subjectOf, validateGraph } from '../../graph';
import { plainLine } from '../../protocol/foreignText';
import { type PickedFiles } from '../runs/pickedFiles';
import { type Checkpoints } from '../views/checkpoints';
import { findPictures, isPicked } from './graphContext';
import { GraphFixes } from './graphFixes';
import { isGraphUri } from './graphFiles';
import { type WorkspacePictures } from './workspacePictures';

/** Long enough that typing in the text editor does not check at each key, short enough to look immediate. */
const DELAY_MS = 120;

const severities: Record<Problem['severity'], vscode.DiagnosticSeverity> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  info: vscode.DiagnosticSeverity.Information,
};

/** Checks every open graph, in the studio or as text, and keeps VS Code's Problems panel in step. */
export class GraphProblems implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection('weft');
  private readonly found = new Map<string, Problem[]>();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly changes = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable[] = [this.collection, this.changes];
  readonly onDidChange = this.changes.event;
  readonly fixes: GraphFixes;

  constructor(
    private readonly checkpoints: Checkpoints,
    private readonly picked: PickedFiles,
    pictures: WorkspacePictures,
  ) {
    this.fixes = new GraphFixes(this, checkpoints, pictures);
    const all = (): void => vscode.workspace.textDocuments.forEach((document) => this.schedule(document));
    this.subscriptions.push(
      vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document, 0)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.forget(document.uri)),
      pictures.onDidChange(all),
      checkpoints.onDidChange(all),
      this.fixes.register(),
    );
    all();
  }

  of(uri: vscode.Uri): Problem[] {
    return this.found.get(uri.toString()) ?? [];
  }

  /** Everything that is wrong with a graph as its text is now, and what it was checked against. */
  async examine(document: vscode.TextDocument): Promise<{ problems: Problem[]; facts: GraphFacts }> {
    const { missing } = await findPictures(document, this.picked);
    // After a change of the library; the first listing is for others to ask for.
    if (this.checkpoints.known) await this.checkpoints.list();
    const facts: GraphFacts = {
      checkpoints: this.checkpoints.known,
      fileExists: (name) => !missing.has(name),
      isPicked: (name, access) => access === 'read' && isPicked(document.uri, name, this.picked),
    };
    return { problems: validateGraph(document.getText(), facts), facts };
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const subscription of this.subscriptions.splice(0)) subscription.dispose();
  }

  private schedule(document: vscode.TextDocument, delay = DELAY_MS): void {
    // The sides of a diff and git's own copies are not for mending.
    if (!isGraphUri(document.uri) || !['file', 'untitled', 'vscode-remote'].includes(document.uri.scheme)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => {
        this.timers.delete(key);
        void this.check(document);
      }, delay),
    );
  }

  private async check(document: vscode.TextDocument): Promise<void> {
    const version = document.version;
    const { problems } = await this.examine(document);
    if (document.isClosed || document.version !== version) return;
    this.found.set(document.uri.toString(), problems);
    this.collection.set(
      document.uri,
      problems.map((problem) => {
        const start = document.positionAt(problem.offset);
        const end = document.positionAt(problem.offset + Math.max(problem.length, 1));
        const subject = subjectOf(problem);
        const told = problem.message.startsWith(subject.replace(/: $/, ''));
        const diagnostic = new vscode.Diagnostic(
          new vscode.Range(start, end),
          plainLine(told ? problem.message : subject + problem.message),
          severities[problem.severity],
        );
        diagnostic.source = 'weft';
        diagnostic.code = problem.code;
        return diagnostic;
      }),
    );
    this.changes.fire(document.uri);
  }

  private forget(uri: vscode.Uri): void {
    const key = uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    this.found.delete(key);
    this.collection.delete(uri);
  }
}
