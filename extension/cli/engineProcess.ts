import * as path from 'node:path';
import { ForkedEngine } from '../engine-client/forkedEngine';
import { ANY_HOME, type EngineEvent, type EngineMethod, type EngineRequests } from '../protocol/engine';
import { WeftError } from '../protocol/errors';
import { onInterrupt } from './interrupts';
import { tell } from './terminal';

/** How long an engine may take to answer what it can answer at once. */
const ANSWER_MS = 60_000;
/** How long a cancelled run may take to reach the end of its step before the process is ended. */
const GRACE_MS = 5_000;

/** The engine of one command. */
export class EngineProcess {
  private readonly engine: ForkedEngine;

  /** @param anyHome where Weft's folder can't be used, a temporary one does */
  constructor(onEvent: (event: EngineEvent) => void, anyHome: boolean) {
    this.engine = new ForkedEngine({
      module: path.join(__dirname, 'engine.js'),
      args: anyHome ? [ANY_HOME] : [],
      advice: 'Earlier results are kept: run again.',
      onEvent,
      // Standard output is the command's own.
      onPrint: (text, stream) => stream === 'stderr' && tell(text),
    });
  }

  /** Waits until it answers. */
  async ready(): Promise<void> {
    await this.engine.hello();
  }

  request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    timeoutMs = ANSWER_MS,
  ): Promise<EngineRequests[M]['result']> {
    return this.engine.request(method, params, timeoutMs);
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
    this.engine.fail(new WeftError('interrupted', 'Interrupted.'));
    // One that does not even answer that it ends.
    setTimeout(() => this.kill(''), GRACE_MS).unref();
  };

  private kill(kept: string): void {
    this.engine.end(new WeftError('interrupted', `Interrupted; ${kept}.`));
  }

  async close(): Promise<void> {
    await this.request('shutdown', {}).catch(() => {});
    this.engine.disconnect();
  }
}
