import { type HostToStudio } from '../protocol/studio';

type StatusMessage = Extract<HostToStudio, { type: 'node' }>;
type FrameMessage = Extract<HostToStudio, { type: 'frame' }>;

/** While a run is under way, frames go this far apart: a page on the same processors that draws every step of a fast run takes the run's time. */
const FRAME_PACE_MS = 80;

/**
 * What a run sends to one webview, no faster than it gets there. A step may take a few milliseconds and its preview tens of
 * kilobytes: sent as they come, they pile up on the way, and a click on Stop waits behind them. So one message is under way at
 * a time; of a node's states only the newest is sent, and of its frames the newest first, the older ones when there is time:
 * at the latest when the run is over.
 */
export class RunOutbox {
  private statuses = new Map<string, StatusMessage>();
  /** The newest frame of each node, first come first served: a node that is done does not wait for one that goes on. */
  private newest = new Map<string, FrameMessage>();
  private older: FrameMessage[] = [];
  private underWay = false;
  private running = false;
  private frameSent = -Infinity;
  private waiting: NodeJS.Timeout | undefined;
  /** Counts resets: what was under way before one no longer matters. */
  private generation = 0;

  /** `send` resolves when the message has arrived. */
  constructor(
    private readonly send: (message: HostToStudio) => PromiseLike<unknown>,
    private readonly paceMs = FRAME_PACE_MS,
  ) {}

  status(message: StatusMessage): void {
    this.statuses.set(message.node, message);
    this.next();
  }

  frame(message: FrameMessage): void {
    const { node } = message.frame;
    const before = this.newest.get(node);
    if (before) this.older.push(before);
    this.newest.set(node, message);
    this.next();
  }

  /** The state of the run as a whole: goes at once, and says all that the waiting states would have said. */
  run(message: Extract<HostToStudio, { type: 'run' }>): void {
    this.statuses.clear();
    const runId = message.run?.runId;
    this.older = this.older.filter(({ frame }) => frame.runId === runId);
    for (const [node, { frame }] of this.newest) if (frame.runId !== runId) this.newest.delete(node);
    this.running = message.run?.state === 'running' || message.run?.state === 'queued';
    void this.send(message);
    this.next();
  }

  /** Forgets what waits: the page was loaded anew or is gone. */
  reset(): void {
    this.statuses.clear();
    this.newest.clear();
    this.older = [];
    this.underWay = false;
    clearTimeout(this.waiting);
    this.generation++;
  }

  private nextFrame(): FrameMessage | undefined {
    if (this.newest.size + this.older.length === 0) return undefined;
    const early = this.running ? this.frameSent + this.paceMs - performance.now() : 0;
    clearTimeout(this.waiting);
    if (early > 0) {
      this.waiting = setTimeout(() => this.next(), early);
      return undefined;
    }
    this.frameSent = performance.now();
    const [frame] = this.newest.values();
    if (!frame) return this.older.pop();
    this.newest.delete(frame.frame.node);
    return frame;
  }

  private next(): void {
    if (this.underWay) return;
    const [status] = this.statuses.values();
    if (status) this.statuses.delete(status.node);
    const message = status ?? this.nextFrame();
    if (!message) return;
    this.underWay = true;
    const { generation } = this;
    const arrived = (): void => {
      if (generation !== this.generation) return;
      this.underWay = false;
      this.next();
    };
    this.send(message).then(arrived, arrived);
  }
}
