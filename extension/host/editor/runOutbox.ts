import { type HostToStudio } from '../../protocol/studio';

type StatusMessage = Extract<HostToStudio, { type: 'node' }>;
type FrameMessage = Extract<HostToStudio, { type: 'frame' }>;

/**
 * What a run sends to one webview, no faster than it gets there. A step may take a few milliseconds and its preview tens of
 * kilobytes: sent as they come, they pile up on the way, and a click on Stop waits behind them. So one message is under way at
 * a time; of a node's states only the newest is sent, and of its frames the newest first, the older ones when there is time.
 */
export class RunOutbox {
  private statuses = new Map<string, StatusMessage>();
  /** The newest frame of each node, first come first served: a node that is done does not wait for one that goes on. */
  private newest = new Map<string, FrameMessage>();
  private older: FrameMessage[] = [];
  private underWay = false;
  /** Counts resets: what was under way before one no longer matters. */
  private generation = 0;

  /** `send` resolves when the message has arrived. */
  constructor(private readonly send: (message: HostToStudio) => PromiseLike<unknown>) {}

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
    void this.send(message);
    this.next();
  }

  /** Forgets what waits: the page was loaded anew or is gone. */
  reset(): void {
    this.statuses.clear();
    this.newest.clear();
    this.older = [];
    this.underWay = false;
    this.generation++;
  }

  private nextFrame(): FrameMessage | undefined {
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
