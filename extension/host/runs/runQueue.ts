import PQueue from 'p-queue';
import { withoutPlaces } from '../../graph';
import { type RunRequest, type RunResult, type EngineEvent } from '../../protocol/engine';
import { reportError, WeftError } from '../../protocol/errors';
import { RunRecord } from './runRecord';

/** What the queue needs of the engine. */
export interface RunEngine {
  run(params: RunRequest): Promise<RunResult>;
  /** Asks the engine to stop a run within a step; the run's own promise then ends as interrupted. */
  cancel(runId: string): Promise<void>;
  kill(sentence: string): void;
}

export interface Run {
  readonly record: RunRecord;
  /** Which graph it belongs to: the URI of its document, or a name of its own for a palette run. */
  readonly key: string;
  readonly title: string;
  readonly request: RunRequest;
  /** Never rejects: a failed or stopped run gives undefined and says why in its record. */
  readonly done: Promise<RunResult | undefined>;
}

export interface RunListener {
  /** The state of the run as a whole changed: queued, begun, ended. */
  changed(run: Run): void;
  /** Something of one node, already taken into the record. */
  event(run: Run, event: EngineEvent): void;
  /** A run has written its files. The next one, which may write the same, waits until this is done. Never rejects. */
  wrote?(run: Run, files: readonly string[]): Promise<void>;
}

/** One run at a time, the others in line. */
export class RunQueue {
  private readonly queue = new PQueue({ concurrency: 1 });
  private readonly runs = new Map<string, Run>();
  private readonly stopped = new Set<string>();
  private counter = 0;
  private running: Run | undefined;
  private ended: Run | undefined;

  constructor(
    private readonly engine: RunEngine,
    private readonly listener: RunListener,
    private readonly graceMs: () => number,
  ) {}

  get current(): Run | undefined {
    return this.running;
  }

  /** Runs not finished, in the order they will be done. */
  get open(): readonly Run[] {
    return [...this.runs.values()];
  }

  add(key: string, title: string, request: Omit<RunRequest, 'runId'>): Run {
    const runId = `run-${Date.now().toString(36)}-${++this.counter}`;
    const record = new RunRecord(runId, request.draft);
    let settle: (result: RunResult | undefined) => void = () => undefined;
    const done = new Promise<RunResult | undefined>((resolve) => (settle = resolve));
    const run: Run = { record, key, title, request: { ...request, runId }, done };
    this.runs.set(runId, run);
    this.listener.changed(run);
    void this.queue.add(async () => settle(await this.execute(run)));
    return run;
  }

  /** Stops a run, waiting or at work. Resolves when it has ended. */
  async stop(runId: string): Promise<void> {
    const run = this.runs.get(runId);
    if (!run) return;
    if (this.stopped.has(runId)) {
      await run.done;
      return;
    }
    this.stopped.add(runId);
    if (run !== this.running) {
      // Its turn in the queue will find it ended.
      this.finish(run, () => run.record.fail({ kind: 'interrupted', message: 'Stopped before it started.' }));
      return;
    }
    const grace = setTimeout(
      () =>
        this.engine.kill(`The engine did not stop within ${Math.round(this.graceMs() / 1000)} s, so Weft ended it.`),
      this.graceMs(),
    );
    try {
      // An engine that can't be asked is dead or hung: the run ends by its death, or by the grace time.
      this.engine.cancel(runId).catch(() => undefined);
      await run.done;
    } finally {
      clearTimeout(grace);
    }
  }

  /** Events of the engine; those of no open run are dropped, but for what the one that ended last has still to show. */
  receive(event: EngineEvent): void {
    if (!('runId' in event)) return;
    const run = this.runs.get(event.runId) ?? (this.ended?.record.state.runId === event.runId ? this.ended : undefined);
    if (!run) return;
    const shown =
      event.event === 'cell' && event.message !== undefined
        ? { ...event, message: withoutPlaces(run.request.graphPath, event.message) }
        : event;
    if (run.record.apply(shown)) this.listener.event(run, shown);
  }

  private async execute(run: Run): Promise<RunResult | undefined> {
    const { record } = run;
    if (record.finished) return undefined;
    this.running = run;
    record.begin();
    this.listener.changed(run);
    try {
      const result = await this.engine.run(run.request);
      this.finish(run, () => record.succeed(result));
      await this.listener.wrote?.(run, result.files);
      return result;
    } catch (error) {
      const report = reportError(error);
      // An engine ended because the run was to stop: the run is stopped, not failed.
      const wanted = this.stopped.has(record.state.runId)
        ? reportError(new WeftError('interrupted', 'Stopped.'))
        : { ...report, message: withoutPlaces(run.request.graphPath, report.message) };
      this.finish(run, () => record.fail(wanted));
      return undefined;
    }
  }

  private finish(run: Run, change: () => void): void {
    change();
    if (this.running === run) {
      this.running = undefined;
      this.ended = run;
    }
    this.runs.delete(run.record.state.runId);
    this.stopped.delete(run.record.state.runId);
    this.listener.changed(run);
  }
}
