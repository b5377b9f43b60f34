import { type ChildProcess, fork } from 'node:child_process';
import { forgetNote, rememberCrash, rememberSilence } from '../platform/crashNote';
import { type EngineEvent, type EngineRequests, PROTOCOL_VERSION } from '../protocol/engine';
import { WeftError } from '../protocol/errors';
import { EngineChannel } from './engineChannel';
import { engineEnvironment } from './engineEnvironment';

/** How long an engine may take to say that it is there. */
const HELLO_TIMEOUT_MS = 60_000;

export interface ForkedEngineOptions {
  /** The engine's bundle. */
  module: string;
  args?: string[];
  cwd?: string;
  /** What to do after a crash: the end of its error. */
  advice: string;
  onEvent(event: EngineEvent): void;
  /** See {@link EngineChannel}. */
  onUnknown?(message: unknown): void;
  /** What it and its libraries print. */
  onPrint(text: string, stream: 'stdout' | 'stderr'): void;
  /** It is gone, told to or not; every request has ended with this error. */
  onGone?(error: WeftError): void;
}

/** One engine process: starts at once, answers requests, and says how it ended. */
export class ForkedEngine {
  readonly pid: number | undefined;
  private readonly child: ChildProcess;
  private readonly channel: EngineChannel;
  /** Where it notes what it computes on. */
  private crashNote: string | undefined;
  /** It was told to end. */
  told = false;

  constructor(private readonly options: ForkedEngineOptions) {
    const child = fork(options.module, options.args ?? [], {
      cwd: options.cwd,
      execArgv: [],
      env: engineEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    this.pid = child.pid;
    // What can't be sent any more needs no word of its own: the end of the process is told.
    const send = (message: unknown): void => void child.send(message as object, () => {});
    this.channel = new EngineChannel({ send }, options);
    child.on('message', (message) => this.channel.receive(message));
    child.stdout?.on('data', (data: Buffer) => options.onPrint(data.toString(), 'stdout'));
    child.stderr?.on('data', (data: Buffer) => options.onPrint(data.toString(), 'stderr'));
    child.on('error', (error) => this.gone(`The engine could not be started: ${error.message}`));
    child.on('exit', (code, signal) => {
      const where = this.told ? forgetNote(this.crashNote) : rememberCrash(this.crashNote, code, signal);
      const how = signal ?? `exit code ${code}`;
      this.gone(`The engine ended unexpectedly${where === undefined ? '' : ` ${where}`} (${how}). ${options.advice}`);
    });
  }

  /** Waits until it answers. @returns its version */
  async hello(about: Omit<EngineRequests['hello']['params'], 'protocol'> = {}): Promise<string> {
    const { version, crashNote } = await this.request(
      'hello',
      { protocol: PROTOCOL_VERSION, ...about },
      HELLO_TIMEOUT_MS,
    );
    this.crashNote = crashNote;
    return version;
  }

  /** @param timeoutMs 0 waits as long as the engine lives (a run). */
  readonly request: EngineChannel['request'] = (...asked) => this.channel.request(...asked);

  /** Ends every open request, and each later one, with this error; the process lives on. */
  fail(error: WeftError): void {
    this.channel.fail(error);
  }

  /** The hard stop: what it was doing ends with this error. */
  end(error: WeftError): void {
    this.told = true;
    this.channel.fail(error);
    this.child.kill('SIGKILL');
    this.options.onGone?.(error);
  }

  /** Ends one that does not answer any more. */
  endSilent(): void {
    const where = rememberSilence(this.crashNote) ?? '(a graphics driver may hang)';
    this.end(
      new WeftError(
        'internal',
        `The engine stopped responding ${where}, so Weft ended it. Run again to start a new one.`,
      ),
    );
  }

  /** Lets it go after its `shutdown`. */
  disconnect(): void {
    if (this.child.connected) this.child.disconnect();
  }

  private gone(sentence: string): void {
    const error = new WeftError('internal', sentence);
    this.channel.fail(error);
    if (!this.told) this.options.onGone?.(error);
  }
}
