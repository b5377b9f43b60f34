import { type ChildProcess, fork } from 'node:child_process';
import * as path from 'node:path';
import { type EngineEvent, type EngineMethod, type EngineRequests, PROTOCOL_VERSION } from '../protocol/engine';
import { forgetWork, rememberCrash } from '../node/atWork';
import { WeftError } from '../protocol/errors';
import { EngineChannel } from '../runs/engineChannel';
import { engineEnvironment } from '../runs/engineEnvironment';

/** How long an engine may take to answer what it can answer at once. */
const ANSWER_MS = 60_000;
/** How long a cancelled run may take to reach the end of its step before the process is ended. */
const GRACE_MS = 5_000;

/** The engine, forked as the extension forks it: one process for one command. */
export class EngineProcess {
  /** Tells what it computes on. */
  private atWork: string | undefined;
  private killed = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly channel: EngineChannel,
  ) {}

  static async start(onEvent: (event: EngineEvent) => void): Promise<EngineProcess> {
    const child = fork(path.join(__dirname, 'engine.js'), [], {
      execArgv: [],
      env: engineEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const channel = new EngineChannel({ send: (message) => void child.send(message as object) }, { onEvent });
    child.on('message', (message) => channel.receive(message));
    child.on('error', (error) =>
      channel.fail(new WeftError('internal', `The engine could not be started: ${error.message}.`)),
    );
    const engine = new EngineProcess(child, channel);
    child.on('exit', (code, signal) => {
      const where = engine.killed ? forgetWork(engine.atWork) : rememberCrash(engine.atWork, code, signal);
      const how = signal ?? `exit code ${code}`;
      channel.fail(
        new WeftError(
          'internal',
          `The engine ended unexpectedly${where === undefined ? '' : ` ${where}`} (${how}). What was computed before is kept; run again.`,
        ),
      );
    });
    engine.atWork = (await engine.request('hello', { protocol: PROTOCOL_VERSION })).atWork;
    return engine;
  }

  request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    timeoutMs = ANSWER_MS,
  ): Promise<EngineRequests[M]['result']> {
    return this.channel.request(method, params, timeoutMs);
  }

  /** Runs a graph; an interrupt (Ctrl+C) cancels it within one step, and a second one, or a hung step, ends the process. */
  run(params: EngineRequests['run']['params']): Promise<EngineRequests['run']['result']> {
    return this.interruptible(params.runId, () => this.request('run', params, 0), 'nothing was written');
  }

  /** Runs the cells of a sweep, and may be interrupted likewise. */
  sweep(params: EngineRequests['sweep']['params']): Promise<EngineRequests['sweep']['result']> {
    return this.interruptible(params.run.runId, () => this.request('sweep', params, 0), 'finished cells are kept');
  }

  /** Work that an interrupt (Ctrl+C) pauses: what came stays for the next time. */
  async pausable<T>(pause: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    const interrupt = (): void => void pause().catch(() => undefined);
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    try {
      return await work();
    } finally {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    }
  }

  private async interruptible<T>(runId: string, work: () => Promise<T>, kept: string): Promise<T> {
    let interrupts = 0;
    const interrupt = (): void => {
      if (++interrupts > 1) return this.kill(kept);
      this.request('cancel', { runId }).catch(() => {});
      setTimeout(() => this.kill(kept), GRACE_MS).unref();
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    try {
      return await work();
    } catch (error) {
      if (interrupts > 0) throw new WeftError('interrupted', `Interrupted; ${kept}.`);
      throw error;
    } finally {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    }
  }

  private kill(kept: string): void {
    this.killed = true;
    this.channel.fail(new WeftError('interrupted', `Interrupted; ${kept}.`));
    this.child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    await this.request('shutdown', {}, ANSWER_MS).catch(() => {});
    if (this.child.connected) this.child.disconnect();
  }
}
