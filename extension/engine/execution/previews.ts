import { type EngineEvent, type PreviewKind } from '../../protocol/engine';
import { type ContentStore } from '../cache/store';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { type TimelineFrameValue } from './values';

/** Draws latents with a checkpoint's preview map, at most `size` pixels a side. */
export async function drawFrame(
  checkpoint: LoadedCheckpoint,
  frame: TimelineFrameValue,
  kind: PreviewKind,
  size: number,
  store: ContentStore,
): Promise<{ width: number; height: number; rgba: Uint8Array }> {
  return checkpoint.draw(kind === 'x0' ? frame.predOriginalSample : frame.latents, size, store);
}

interface Waiting {
  node: string;
  checkpoint: LoadedCheckpoint;
  total: number;
  frame: TimelineFrameValue;
}

/**
 * Sends the newest picture of nodes that work in steps, every N steps, and keeps their timelines for later questions. A small
 * model makes steps faster than anybody can see or a page can draw: what comes faster than `paceMs` is left for when the run is over.
 */
export class PreviewSink {
  /** Frames to draw, first come first served; with a pace one of each node, the newest. */
  private readonly waiting: Waiting[] = [];
  /** Frames that a newer one of their node overtook. */
  private readonly overtaken: Waiting[] = [];
  private drawing: Promise<void> = Promise.resolve();
  private drawnAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  /** A drawing failed, and this was said. */
  private failed = false;
  readonly timelines = new Map<string, { checkpoint: LoadedCheckpoint; frames: TimelineFrameValue[] }>();

  constructor(
    private readonly options: { runId: string; every: number; size: number; paceMs: number },
    private readonly store: ContentStore,
    private readonly emit: (event: EngineEvent) => void,
  ) {}

  /**
   * Takes a node's newest frame. It is drawn after the caller has handed its next step to onnxruntime's thread, so that drawing and
   * computing overlap; {@link drawn} waits for what is left.
   */
  push(node: string, checkpoint: LoadedCheckpoint, total: number, frame: TimelineFrameValue): void {
    const timeline = this.timelines.get(node) ?? { checkpoint, frames: [] };
    this.timelines.set(node, timeline);
    timeline.frames[frame.step] = frame;
    const { every, paceMs } = this.options;
    if (every === 0 || (frame.step % every !== 0 && frame.step !== total - 1)) return;
    const next = { node, checkpoint, total, frame };
    const before = paceMs > 0 ? this.waiting.findIndex((other) => other.node === node) : -1;
    if (before < 0) this.waiting.push(next);
    else this.overtaken.push(...this.waiting.splice(before, 1, next));
    if (this.timer === undefined) this.schedule();
  }

  /** The arrays that the timelines keep alive. */
  *held(): Iterable<Float32Array> {
    for (const { frames } of this.timelines.values())
      for (const frame of frames.filter(Boolean)) yield* [frame.latents, frame.predOriginalSample];
  }

  private schedule(): void {
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        const next = this.waiting.shift();
        if (!next) return;
        this.draw(next);
        this.schedule();
      },
      Math.max(0, this.drawnAt + this.options.paceMs - performance.now()),
    );
  }

  /** Waits until the newest frame of each node is drawn and sent; without a pace all frames. */
  async drawn(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const next of this.waiting.splice(0)) this.draw(next);
    await this.drawing;
  }

  /** Draws and sends the frames that were overtaken, newest first, until it is told to stop: for when the run is over. */
  async drawRest(signal: AbortSignal): Promise<void> {
    for (let next = this.overtaken.pop(); next && !signal.aborted; next = this.overtaken.pop()) {
      await new Promise((resolve) => setImmediate(resolve));
      this.draw(next);
      await this.drawing;
    }
  }

  /** Draws when what came before is drawn. A failed drawing costs the preview, not the run. */
  private draw({ node, checkpoint, total, frame }: Waiting): void {
    this.drawnAt = performance.now();
    const { size, runId } = this.options;
    this.drawing = this.drawing
      .then(async () => {
        const picture = await checkpoint.draw(frame.predOriginalSample, size, this.store);
        const { step: index, timestep } = frame;
        this.emit({ event: 'preview', runId, node, index, total, timestep, kind: 'x0', ...picture });
      })
      .catch((error: unknown) => {
        if (this.failed) return;
        this.failed = true;
        const reason = error instanceof Error ? error.message : String(error);
        this.emit({ event: 'log', level: 'warn', message: `Previews could not be drawn: ${reason}` });
      });
  }
}
