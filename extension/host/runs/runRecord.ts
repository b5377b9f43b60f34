import { type EngineEvent, type RunResult, type SweepSide } from '../../protocol/engine';
import { type ErrorReport } from '../../protocol/errors';
import { type SegmentationNews } from '../../protocol/mask';
import { type EventOf, type RunState, type TimelineFrame } from '../../protocol/studio';

export type CellEvent = Extract<EngineEvent, { event: 'cell' }>;

export interface SweepRecord {
  columns: SweepSide;
  rows?: SweepSide;
  cells: Map<string, CellEvent>;
}

/** Frames of one run are kept up to this many bytes; the engine still has every step of the timeline. */
const FRAME_BUDGET = 96 * 1024 * 1024;

/** Everything the host remembers of one run, so that an editor opened later shows what one that stayed open shows. */
export class RunRecord {
  readonly state: RunState;
  /** Sweeps by their node, with the newest of each cell. */
  readonly sweeps = new Map<string, SweepRecord>();
  readonly pictures = new Map<string, EventOf<'picture'>>();
  readonly segmentations = new Map<string, SegmentationNews>();
  /** What evaluate nodes found out, by node. */
  readonly metrics = new Map<string, Record<string, number>>();
  /** What a run that succeeded computed with. */
  checkpoint: string | undefined;
  /** It ended for an image that does not look like what its checkpoint knows. */
  unfit = false;
  private begunAt: number | undefined;
  private frameBytes = 0;
  private readonly frameList: TimelineFrame[] = [];

  constructor(runId: string, draft = false) {
    this.state = { runId, state: 'queued', nodes: {}, ...(draft ? { draft } : {}) };
  }

  get frames(): readonly TimelineFrame[] {
    return this.frameList;
  }

  get finished(): boolean {
    return this.state.state !== 'queued' && this.state.state !== 'running';
  }

  /** 0 while it waits. */
  get secondsSinceBegin(): number {
    return this.begunAt === undefined ? 0 : (performance.now() - this.begunAt) / 1000;
  }

  begin(): void {
    this.begunAt = performance.now();
    this.state.state = 'running';
  }

  /**
   * Takes in an event of this run. Events of other runs change nothing and return false, and so do events after the end, but for the
   * previews that the engine had no time for, as far as they push out none that came in the run.
   */
  apply(event: EngineEvent): boolean {
    if (!('runId' in event) || event.runId !== this.state.runId) return false;
    if (this.finished && (event.event !== 'preview' || this.frameBytes + event.rgba.byteLength > FRAME_BUDGET))
      return false;
    switch (event.event) {
      case 'run.started':
        this.state.state = 'running';
        for (const node of event.nodes) this.state.nodes[node] ??= { state: 'waiting' };
        return true;
      case 'node': {
        const { state, step, total, secondsLeft } = event;
        // What a node was warned of stays with it when it goes on and when it is done.
        const message = event.message ?? this.state.nodes[event.node]?.message;
        this.state.nodes[event.node] = { state, step, total, secondsLeft, message };
        return true;
      }
      case 'warning': {
        const before = this.state.nodes[event.node] ?? { state: 'running' };
        this.state.nodes[event.node] = { ...before, message: event.message };
        this.unfit ||= event.unfit === true;
        return true;
      }
      case 'preview':
        this.keep(event);
        return true;
      case 'sweep': {
        const { columns, rows } = event;
        this.sweeps.set(event.node, { columns, rows, cells: new Map() });
        return true;
      }
      case 'cell':
        this.sweeps.get(event.node)?.cells.set(`${event.row}/${event.column}`, event);
        return true;
      case 'segmentation':
        this.segmentations.set(event.node, event);
        return true;
      case 'metrics':
        this.metrics.set(event.node, event.metrics);
        return true;
      case 'picture': {
        const { runId, node, port, png, caption } = event;
        this.pictures.set(`${node}.${port}`, { runId, node, port, png, caption });
        return true;
      }
    }
  }

  succeed(result: RunResult): void {
    this.state.state = 'done';
    this.checkpoint = result.report.checkpoint.id;
    this.state.provider = result.report.provider;
    this.state.seconds = result.report.seconds;
    this.state.unet = result.report.unet;
    const files = result.report.outputs.length;
    this.state.message = files === 0 ? 'Done.' : `Done: ${result.report.outputs.join(', ')}`;
  }

  fail(error: ErrorReport): void {
    this.state.state = error.kind === 'interrupted' ? 'cancelled' : 'failed';
    this.state.message = error.kind === 'interrupted' ? 'Stopped.' : error.message;
    for (const [node, status] of Object.entries(this.state.nodes)) {
      if (status.state !== 'running' && status.state !== 'waiting') continue;
      // The node at work when the engine died is the one that failed, although nobody was left to say so.
      const failed =
        this.state.state === 'failed' && (error.node === undefined ? status.state === 'running' : error.node === node);
      this.state.nodes[node] = failed ? { state: 'failed', message: error.message } : { state: 'skipped' };
    }
    if (this.state.state === 'failed' && error.node !== undefined) {
      this.state.nodes[error.node] = { state: 'failed', message: error.message };
    }
  }

  private keep(frame: TimelineFrame): void {
    this.frameList.push(frame);
    this.frameBytes += frame.rgba.byteLength;
    while (this.frameBytes > FRAME_BUDGET && this.frameList.length > 1) {
      const dropped = this.frameList.shift();
      this.frameBytes -= dropped?.rgba.byteLength ?? 0;
    }
  }
}
