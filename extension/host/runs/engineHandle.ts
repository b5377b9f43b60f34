import * as vscode from 'vscode';
import { ForkedEngine } from '../../engine-client/forkedEngine';
import {
  type EngineEvent,
  type EngineMethod,
  type EngineRequests,
  type RunRequest,
  type RunResult,
} from '../../protocol/engine';
import { reportError, WeftError } from '../../protocol/errors';

const REQUEST_TIMEOUT_MS = 30_000;
const HEARTBEAT_EVERY_MS = 5_000;
/** The engine's main thread never computes, so silence this long means a hung driver even on a busy machine. */
const HEARTBEAT_TIMEOUT_MS = 45_000;

interface Engine {
  process: ForkedEngine;
  /** Settles when the engine has said hello. */
  ready: Promise<unknown>;
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
    return this.withEngine(async (engine) => withPlainBytes(await engine.process.request(method, params, timeoutMs)));
  }

  /** Gives work to the engine, and lets it go when it has had none for long: a fresh process is the one sure way to give memory back. */
  private async withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
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
    return this.withEngine((engine) => this.watched(engine, params));
  }

  private async watched(engine: Engine, params: RunRequest): Promise<RunResult> {
    let beating = false;
    const heartbeat = setInterval(() => {
      if (beating) return;
      beating = true;
      engine.process.request('ping', {}, HEARTBEAT_TIMEOUT_MS).then(
        () => (beating = false),
        () => engine.process.endSilent(),
      );
    }, HEARTBEAT_EVERY_MS);
    try {
      return await engine.process.request('run', params, 0);
    } finally {
      clearInterval(heartbeat);
    }
  }

  get running(): boolean {
    return this.engine !== undefined;
  }

  /** The hard stop: ends the process; what it was doing ends with this sentence. */
  kill(sentence: string): void {
    this.engine?.process.end(new WeftError('internal', sentence));
  }

  dispose(): void {
    clearTimeout(this.idle);
    this.kill('VS Code closed the window.');
    this.events.dispose();
    this.troubles.dispose();
  }

  private start(): Engine {
    const child = new ForkedEngine({
      module: this.modulePath,
      cwd: this.cwd,
      advice: 'The next run starts a new one.',
      onEvent: (event) => this.receive(event),
      onUnknown: (message) => this.log.warn('The engine sent something unknown:', message),
      onPrint: (text, stream) => this.log[stream === 'stdout' ? 'info' : 'warn'](text.trimEnd()),
      onGone: ({ message }) => {
        if (this.engine?.process !== child) return;
        this.engine = undefined;
        this.log.info(message);
      },
    });
    this.log.info(`Engine started (process ${child.pid}).`);
    this.engine = { process: child, ready: this.greet(child) };
    return this.engine;
  }

  /** @throws what {@link onTrouble} is told, unless the engine was let go meanwhile */
  private async greet(engine: ForkedEngine): Promise<void> {
    try {
      this.log.info(`Engine ${await engine.hello({ modelFolders: this.modelFolders() })} is ready.`);
      this.trouble = undefined;
    } catch (error) {
      const { message } = reportError(error);
      if (!engine.told && message !== this.trouble) this.troubles.fire((this.trouble = message));
      engine.end(new WeftError('internal', message));
      throw error;
    }
  }

  private receive(event: EngineEvent): void {
    if (event.event === 'log') this.log[event.level](event.message);
    this.events.fire(withPlainBytes(event));
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
