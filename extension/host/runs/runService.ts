import path from 'node:path';
import * as vscode from 'vscode';
import { type Override } from '../../graph';
import { type EngineEvent, type RunRequest } from '../../protocol/engine';
import { type EngineHandle } from './engineHandle';
import { outputFolderOf } from './outputFolder';
import { type PickedFiles } from './pickedFiles';
import { type RunRecord } from './runRecord';
import { type Run, RunQueue } from './runQueue';
import { settings } from '../settings';

export interface RunChange {
  run: Run;
  /** Absent when the run as a whole changed. */
  event?: EngineEvent;
}

export interface RunSpec {
  /** The graph's own URI: relative paths are resolved against its folder. It need not exist. */
  graph: vscode.Uri;
  text: string;
  title?: string;
  target?: string;
  outDir?: string;
  /** Values in place of the text's. */
  set?: readonly Override[];
  /** See RunOptions. */
  refuseUnfit?: boolean;
  draft?: boolean;
}

/** A page on the same processors that draws every step of a fast run takes the run's time: a dozen previews of a node a second. */
const PREVIEW_PACE_MS = 80;
/** How many graphs keep their last run's frames after it ended. */
const KEPT_RECORDS = 8;

/** Starts and stops runs, and remembers the last of each graph for editors that open later. */
export class RunService implements vscode.Disposable {
  private readonly queue: RunQueue;
  private readonly records = new Map<string, RunRecord>();
  private readonly changes = new vscode.EventEmitter<RunChange>();
  private readonly subscription: vscode.Disposable;
  readonly onDidChange = this.changes.event;
  /** Keeps what a run has written, before the next run writes. Never rejects. */
  keep: ((run: Run, files: readonly string[]) => Promise<void>) | undefined;

  constructor(
    engine: EngineHandle,
    private readonly picked: PickedFiles,
    log: vscode.LogOutputChannel,
  ) {
    this.queue = new RunQueue(
      {
        run: (params) => engine.run(params),
        cancel: async (runId) => void (await engine.request('cancel', { runId })),
        kill: (sentence) => engine.kill(sentence),
      },
      {
        changed: (run) => {
          this.remember(run);
          const { state, message } = run.record.state;
          log.info(`${run.title}: ${state}${message === undefined ? '' : `. ${message}`}`);
          this.changes.fire({ run });
        },
        event: (run, event) => this.changes.fire({ run, event }),
        wrote: async (run, files) => this.keep?.(run, files),
      },
      settings.stopGraceMs,
    );
    this.subscription = engine.onEvent((event) => this.queue.receive(event));
  }

  start(spec: RunSpec): Run {
    const { graph, text, target } = spec;
    const { previewEvery, previewSize } = settings.studio();
    const request: Omit<RunRequest, 'runId'> = {
      graphText: text,
      graphPath: graph.fsPath,
      roots: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      picked: this.picked.all,
      outDir: spec.outDir ?? outputFolderOf(graph),
      previewEvery,
      previewSize,
      previewPaceMs: PREVIEW_PACE_MS,
      keepAttention: true,
      target,
      set: (spec.set ?? []).map((each) => [...each]),
      refuseUnfit: spec.refuseUnfit ?? false,
      draft: spec.draft ?? false,
      provider: settings.provider(),
      memoryGb: settings.memoryGb(),
    };
    const key = graph.toString();
    // Pressing Run twice does not queue the same graph twice: the later one counts.
    for (const waiting of this.queue.open) {
      if (waiting.key === key && waiting !== this.queue.current) void this.queue.stop(waiting.record.state.runId);
    }
    const title = spec.title ?? path.basename(graph.fsPath);
    return this.queue.add(key, spec.draft ? `${title} (draft)` : title, request);
  }

  /** Stops what runs or waits of one graph, or everything. */
  async stop(key?: string): Promise<void> {
    const runs = this.queue.open.filter((run) => key === undefined || run.key === key);
    // Those that wait first, so that none of them begins in between.
    await Promise.all(runs.reverse().map((run) => this.queue.stop(run.record.state.runId)));
  }

  stopRun(run: Run): Promise<void> {
    return this.queue.stop(run.record.state.runId);
  }

  get current(): Run | undefined {
    return this.queue.current;
  }

  get waiting(): number {
    return this.queue.open.filter((run) => run !== this.queue.current).length;
  }

  /** The last run of a graph. */
  recordOf(key: string): RunRecord | undefined {
    return this.records.get(key);
  }

  dispose(): void {
    this.subscription.dispose();
    this.changes.dispose();
  }

  private remember(run: Run): void {
    const shown = this.records.get(run.key);
    // A run that only waits does not hide the one of the same graph that is at work.
    if (shown && shown !== run.record && shown.state.state === 'running') return;
    this.records.delete(run.key);
    this.records.set(run.key, run.record);
    for (const [key, record] of this.records) {
      if (this.records.size <= KEPT_RECORDS) break;
      if (record.finished && key !== run.key) this.records.delete(key);
    }
  }
}
