import { fork, type ChildProcess } from 'node:child_process';
import * as vscode from 'vscode';
import {
  type EngineEvent,
  type EngineMethod,
  type EngineRequests,
  PROTOCOL_VERSION,
  type RunRequest,
  type RunResult,
} from '../../protocol/engine';
import { forgetWork, rememberCrash, rememberSilence } from '../../platform/atWork';
import { reportError, WeftError } from '../../protocol/errors';
import { EngineChannel } from '../../engine-client/engineChannel';
import { engineEnvironment } from '../../engine-client/engineEnvironment';

const HELLO_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 30_000;
const HEARTBEAT_EVERY_MS = 5_000;
/** The engine's main thread never computes, so silence this long means a hung driver even on a busy machine. */
const HEARTBEAT_TIMEOUT_MS = 45_000;

interface Engine {
  process: ChildProcess;
  channel: EngineChannel;
  /** Settles when the engine has said hello. */
  ready: Promise<void>;
  /** Tells what it computes on. */
  atWork?: string;
  /** It was told to end. */
  ended?: boolean;
}

/** The window's engine process: started by the first request, started anew by the first one after it died. */
export class EngineHandle implements vscode.Disposable {
  private engine: Engine | undefined;
  /** Requests under way; when the last one is answered, the idle time begins. */
  private busy = 0;
  private idle: NodeJS.Timeout | undefined;
  private readonly events = new vscode.EventEmitter<EngineEvent>();
  readonly onEvent = this.events.event;
  private readonly troubles = new vscode.EventEmitter<string>();
  /** No engine can be started: a sentence why (Weft's folder can't be used, for one). The same is told once, until one has started. */
  readonly onTrouble = this.troubles.event;
  private trouble: string | undefined;

  constructor(
    private readonly modulePath: string,
    private readonly cwd: string,
    private readonly log: vscode.LogOutputChannel,
    /** How long an engine without work keeps its models in memory. */
    private readonly idleMs: () => number = () => Infinity,
    private readonly modelFolders: () => string[] = () => [],
  ) {}

  async request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<EngineRequests[M]['result']> {
    return this.atWork(async (engine) => withPlainBytes(await engine.channel.request(method, params, timeoutMs)));
  }

  /** Gives work to the engine, and lets it go when it has had none for long: a fresh process is the one sure way to give memory back. */
  private async atWork<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    clearTimeout(this.idle);
    this.busy += 1;
    try {
      const engine = this.engine ?? this.start();
      await engine.ready;
      return await work(engine);
    } finally {
      this.busy -= 1;
      const wait = this.idleMs();
      if (this.busy === 0 && Number.isFinite(wait)) {
        clearTimeout(this.idle);
        this.idle = setTimeout(() => this.kill('The engine was idle and ended, to free its memory.'), wait);
      }
    }
  }

  /** Runs a graph to its end, however long it takes, as long as the engine answers its heartbeat. */
  run(params: RunRequest): Promise<RunResult> {
    return this.atWork((engine) => this.watched(engine, params));
  }

  private async watched(engine: Engine, params: RunRequest): Promise<RunResult> {
    let beating = false;
    const heartbeat = setInterval(() => {
      if (beating) return;
      beating = true;
      engine.channel.request('ping', {}, HEARTBEAT_TIMEOUT_MS).then(
        () => (beating = false),
        () => {
          const where = rememberSilence(engine.atWork) ?? '(a graphics driver may hang)';
          this.end(engine, `The engine stopped responding ${where}, so Weft ended it. Run again to start a new one.`);
        },
      );
    }, HEARTBEAT_EVERY_MS);
    try {
      return await engine.channel.request('run', params, 0);
    } finally {
      clearInterval(heartbeat);
    }
  }

  get running(): boolean {
    return this.engine !== undefined;
  }

  /** The hard stop: ends the process; what it was doing ends with this sentence. */
  kill(sentence: string): void {
    if (this.engine) this.end(this.engine, sentence);
  }

  dispose(): void {
    clearTimeout(this.idle);
    this.kill('VS Code closed the window.');
    this.events.dispose();
    this.troubles.dispose();
  }

  private start(): Engine {
    const child = fork(this.modulePath, [], {
      cwd: this.cwd,
      execPath: process.execPath,
      execArgv: [],
      env: engineEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const channel = new EngineChannel(
      { send: (message) => void child.send(message as object) },
      {
        onEvent: (event) => this.receive(event),
        onUnknown: (message) => this.log.warn('The engine sent something unknown:', message),
      },
    );
    const engine: Engine = { process: child, channel, ready: Promise.resolve() };
    engine.ready = this.greet(engine);
    engine.ready.then(
      () => (this.trouble = undefined),
      (error: unknown) => {
        const { message } = reportError(error);
        if (!engine.ended && message !== this.trouble) this.troubles.fire((this.trouble = message));
        this.end(engine, message);
      },
    );
    child.on('message', (message) => channel.receive(message));
    child.stdout?.on('data', (data: Buffer) => this.log.info(data.toString().trimEnd()));
    child.stderr?.on('data', (data: Buffer) => this.log.warn(data.toString().trimEnd()));
    child.on('error', (error) => this.gone(engine, `The engine could not be started: ${error.message}`));
    child.on('exit', (code, signal) => {
      // One that was told to end has been let go before.
      const where = this.engine === engine ? rememberCrash(engine.atWork, code, signal) : forgetWork(engine.atWork);
      const how = signal ?? `exit code ${code}`;
      this.gone(
        engine,
        `The engine ended unexpectedly${where === undefined ? '' : ` ${where}`} (${how}). The next run starts a new one.`,
      );
    });
    this.log.info(`Engine started (process ${child.pid}).`);
    this.engine = engine;
    return engine;
  }

  private async greet(engine: Engine): Promise<void> {
    const about = { protocol: PROTOCOL_VERSION, modelFolders: this.modelFolders() };
    const hello = await engine.channel.request('hello', about, HELLO_TIMEOUT_MS);
    engine.atWork = hello.atWork;
    this.log.info(`Engine ${hello.version} is ready.`);
  }

  private receive(event: EngineEvent): void {
    if (event.event === 'log') this.log[event.level](event.message);
    this.events.fire(withPlainBytes(event));
  }

  private end(engine: Engine, sentence: string): void {
    engine.ended = true;
    this.gone(engine, sentence);
    engine.process.kill('SIGKILL');
  }

  private gone(engine: Engine, sentence: string): void {
    if (this.engine === engine) {
      this.engine = undefined;
      this.log.info(sentence);
    }
    engine.channel.fail(new WeftError('internal', sentence));
  }
}

/**
 * Bytes as arrays of their own. What comes over the channel may be Buffers, which a webview would get as objects, or views into
 * a larger block, which would travel whole.
 */
function withPlainBytes<T>(message: T): T {
  if (typeof message !== 'object' || message === null) return message;
  for (const [name, value] of Object.entries(message)) {
    if (value instanceof Uint8Array) Object.assign(message, { [name]: new Uint8Array(value) });
  }
  return message;
}
