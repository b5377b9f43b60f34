import * as vscode from 'vscode';
import { editText, type GraphEdit, type Override } from '../../graph';
import { isGraphUri } from './graphFiles';
import { type StudioSessions } from './studioSessions';
import { WeftError } from '../../protocol/errors';
import { offerGitignore } from '../runs/outputFolder';
import { QuietMoment } from '../runs/quietMoment';
import { type Run } from '../runs/runQueue';
import { type RunService } from '../runs/runService';
import { refuseUnfit, tryAnyway } from '../runs/unfitImages';
import { settings } from '../settings';
import { ensureTrusted } from '../trust';
import { type Walkthrough } from '../walkthrough';
import { notify, offer } from '../window';

/** How long a run that was overtaken by a change may go on. */
const PATIENCE_S = 1;

/** A question that can wait does so for as long after the last run. */
const QUIET_MS = 8000;

/** Runs graphs of documents: on a click, a command or (a setting) on save; never because a graph was opened. */
export class GraphRunner implements vscode.Disposable {
  private readonly subscriptions: vscode.Disposable[];
  private readonly quiet = new QuietMoment(QUIET_MS);
  /** Documents whose runs are drafts. */
  private readonly drafts = new Set<string>();

  constructor(
    private readonly runs: RunService,
    private readonly sessions: StudioSessions,
    private readonly state: vscode.Memento,
    private readonly walkthrough: Walkthrough,
    /** Offers to download what a failed run lacked; whether there was something. */
    private readonly offerMissing: (run: Run) => Promise<boolean>,
  ) {
    this.subscriptions = [
      this.quiet,
      runs.onDidChange(() => this.quiet.disturb()),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (!isGraphUri(document.uri) || !settings.runOnSave(document.uri) || !vscode.workspace.isTrusted) return;
        void this.start(document);
      }),
    ];
  }

  /**
   * Runs a document's graph as it stands in the editor, or only what a node needs; undefined when it may not run. `edits` change what is run,
   * not the document.
   */
  async start(
    document: vscode.TextDocument,
    target?: string,
    edits: readonly GraphEdit[] = [],
  ): Promise<Run | undefined> {
    if (!(await ensureTrusted())) return undefined;
    if (!['file', 'untitled'].includes(document.uri.scheme)) {
      throw new WeftError(
        'graph',
        'Weft runs only graphs that are on disk. Save this graph on the machine that VS Code runs on first.',
      );
    }
    // What was typed last belongs to the run.
    await this.sessions.settle(document.uri);
    const run = this.runs.start({
      graph: document.uri,
      draft: this.drafts.has(document.uri.toString()),
      text: edits.length === 0 ? document.getText() : editText(document.getText(), { kind: 'batch', edits }),
      refuseUnfit: refuseUnfit(document.uri.toString()),
      ...(target === undefined ? {} : { target }),
    });
    void run.done.then(async (result) => {
      if (result) void this.walkthrough.achieved('run');
      if (result && result.files.length > 0)
        this.quiet.later(() => void offerGitignore(run.request.outDir, this.state));
      else if (run.record.unfit) {
        if (await tryAnyway(run)) void this.start(document, target, edits);
      } else if (!result) await this.sayWhy(run, document.uri);
    });
    return run;
  }

  /** The same after a change, with values that the document does not have yet; a run of the graph that takes long gives way. */
  async autoRun(document: vscode.TextDocument, target: string, set: readonly Override[]): Promise<void> {
    if (!vscode.workspace.isTrusted) return;
    // A value that is still being dragged comes with the message; else the edit is on its way.
    if (set.length === 0) await this.sessions.settle(document.uri);
    const { current } = this.runs;
    // One that is nearly done shows something on the way; the newest change waits for it, and replaces the one that waits.
    if (current?.key === document.uri.toString() && current.record.secondsSinceBegin > PATIENCE_S)
      void this.runs.stopRun(current);
    const draft = this.drafts.has(document.uri.toString());
    this.runs.start({ graph: document.uri, text: document.getText(), target, set, draft });
  }

  /** Whether runs of a document use the draft schedule. */
  setDraft(document: vscode.Uri, on: boolean): void {
    if (on) this.drafts.add(document.toString());
    else this.drafts.delete(document.toString());
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** An offer that mends it says why a run failed, or the studio does; where none is in sight the sentence comes as a notification. */
  private async sayWhy(run: Run, uri: vscode.Uri): Promise<void> {
    const { state, message } = run.record.state;
    if (state !== 'failed' || (await this.offerMissing(run))) return;
    if (this.sessions.of(uri).some(({ panel }) => panel.visible)) return;
    offer(notify.error, message ?? 'The run failed.', 'Show Output', () =>
      vscode.commands.executeCommand('weft.showOutput'),
    );
  }
}
