import { type ChildProcess, fork } from 'node:child_process';
import * as path from 'node:path';
import {
  ANY_HOME,
  type EngineEvent,
  type EngineMethod,
  type EngineRequests,
  PROTOCOL_VERSION,
} from '../protocol/engine';
import { forgetWork, rememberCrash } from '../platform/atWork';
import { WeftError } from '../protocol/errors';
import { onInterrupt } from './interrupts';
import { tell } from './terminal';
import { EngineChannel } from '../engine-client/engineChannel';
import { engineEnvironment } from '../engine-client/engineEnvironment';

/** How long an engine may take to answer what it can answer at once. */
const ANSWER_MS = 60_000;
/** How long a cancelled run may take to reach the end of its step before the process is ended. */
const GRACE_MS = 5_000;

/** The engine, forked as the extension forks it: one process for one command. */
export class EngineProcess {
  /** Tells what it computes on. */
  private atWork: string | undefined;
  private killed = false;
  private readonly child: ChildProcess;
  private readonly channel: EngineChannel;

  /** @param anyHome where Weft's folder can't be used, a temporary one does */
  constructor(onEvent: (event: EngineEvent) => void, anyHome: boolean) {
    const child = fork(path.join(__dirname, 'engine.js'), anyHome ? [ANY_HOME] : [], {
      execArgv: [],
      env: engineEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child = child;
    // What can't be sent any more needs no word of its own: the end of the process is told.
    const send = (message: unknown): void => void child.send(message as object, () => {});
    this.channel = new EngineChannel({ send }, { onEvent });
    child.stderr?.on('data', (data: Buffer) => tell(data.toString()));
    child.on('message', (message) => this.channel.receive(message));
    child.on('error', (error) =>
      this.channel.fail(new WeftError('internal', `The engine could not be started: ${error.message}.`)),
    );
    child.on('exit', (code, signal) => {
      const where = this.killed ? forgetWork(this.atWork) : rememberCrash(this.atWork, code, signal);
      const how = signal ?? `exit code ${code}`;
      this.channel.fail(
        new WeftError(
          'internal',
          `The engine ended unexpectedly${where === undefined ? '' : ` ${where}`} (${how}). Earlier results are kept: run again.`,
        ),
      );
    });
  }

  /** Waits until it answers. */
  async ready(): Promise<void> {
    this.atWork = (await this.request('hello', { protocol: PROTOCOL_VERSION })).atWork;
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
  pausable<T>(pause: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    let interrupts = 0;
    return onInterrupt(() => {
      if (++interrupts > 1) this.interrupt();
      else pause().catch(() => undefined);
    }, work);
  }

  private async interruptible<T>(runId: string, work: () => Promise<T>, kept: string): Promise<T> {
    let interrupts = 0;
    try {
      return await onInterrupt(() => {
        if (++interrupts > 1) return this.kill(kept);
        this.request('cancel', { runId }).catch(() => {});
        setTimeout(() => this.kill(kept), GRACE_MS).unref();
      }, work);
    } catch (error) {
      if (interrupts > 0) throw new WeftError('interrupted', `Interrupted; ${kept}.`);
      throw error;
    }
  }

  /** What an interrupt does where nothing else is said: whatever was asked ends, and the engine with it. */
  readonly interrupt = (): void => {
    this.channel.fail(new WeftError('interrupted', 'Interrupted.'));
    // One that does not even answer that it ends.
    setTimeout(() => this.kill(''), GRACE_MS).unref();
  };

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
