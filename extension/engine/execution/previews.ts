import { type CellPlace, type EngineEvent, type PreviewKind } from '../../protocol/engine';
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

/** What timelines of one run, and of all remembered runs, may take: more are forgotten, the oldest first. */
export const REMEMBERED_BYTES = 256 * 2 ** 20;

interface Timeline {
  checkpoint: LoadedCheckpoint;
  frames: TimelineFrameValue[];
  cell?: CellPlace;
}

/** The steps that the nodes of a run have come to, for later questions. A sweep has some for each cell, and forgets those of its first cells. */
export class Timelines {
  private readonly kept = new Map<string, Timeline>();
  private bytes = 0;

  constructor(private readonly mostBytes = REMEMBERED_BYTES) {}

  of(node: string, cell?: CellPlace): Timeline | undefined {
    return this.kept.get(timelineKey(node, cell));
  }

  add(node: string, cell: CellPlace | undefined, checkpoint: LoadedCheckpoint, frame: TimelineFrameValue): void {
    const key = timelineKey(node, cell);
    const timeline = this.kept.get(key) ?? { checkpoint, frames: [], cell };
    this.kept.set(key, timeline);
    this.bytes += bytesOf([frame]) - bytesOf(timeline.frames.slice(frame.step, frame.step + 1));
    timeline.frames[frame.step] = frame;
    for (const [oldKey, old] of this.kept) {
      if (this.bytes <= this.mostBytes) break;
      if (old.cell === undefined || old === timeline) continue;
      this.kept.delete(oldKey);
      this.bytes -= bytesOf(old.frames);
    }
  }

  /** The arrays that are kept alive. */
  *held(): Iterable<Float32Array> {
    for (const { frames } of this.kept.values()) yield* arraysOf(frames);
  }
}

const timelineKey = (node: string, cell?: CellPlace): string =>
  JSON.stringify([node, cell?.sweep, cell?.row, cell?.column]);

const arraysOf = (frames: readonly TimelineFrameValue[]): Float32Array[] =>
  // An inversion may have told of some steps only.
  frames.filter(Boolean).flatMap(({ latents, predOriginalSample }) => [latents, predOriginalSample]);

const bytesOf = (frames: readonly TimelineFrameValue[]): number =>
  arraysOf(frames).reduce((sum, { byteLength }) => sum + byteLength, 0);

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

  /** @param placeOf in the cell of a sweep: what of it a node depends on */
  constructor(
    private readonly options: { runId: string; every: number; size: number; paceMs: number },
    private readonly timelines: Timelines,
    private readonly placeOf: (node: string) => CellPlace | undefined,
    private readonly store: ContentStore,
    private readonly emit: (event: EngineEvent) => void,
  ) {}

  /**
   * Takes a node's newest frame. It is drawn after the caller has handed its next step to onnxruntime's thread, so that drawing and
   * computing overlap; {@link drawn} waits for what is left.
   */
  push(node: string, checkpoint: LoadedCheckpoint, total: number, frame: TimelineFrameValue): void {
    this.timelines.add(node, this.placeOf(node), checkpoint, frame);
    const { every, paceMs } = this.options;
    if (every === 0 || (frame.step % every !== 0 && frame.step !== total - 1)) return;
    const next = { node, checkpoint, total, frame };
    const before = paceMs > 0 ? this.waiting.findIndex((other) => other.node === node) : -1;
    if (before < 0) this.waiting.push(next);
    else this.overtaken.push(...this.waiting.splice(before, 1, next));
    if (this.timer === undefined) this.schedule();
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
        const picture = await checkpoint.draw(frame.predOriginalSample, size, this.store, { atOnce: true });
        const { step: index, timestep } = frame;
        const cell = this.placeOf(node);
        this.emit({
          event: 'preview',
          runId,
          node,
          ...(cell && { cell }),
          index,
          total,
          timestep,
          kind: 'x0',
          ...picture,
        });
      })
      .catch((error: unknown) => {
        if (this.failed) return;
        this.failed = true;
        const reason = error instanceof Error ? error.message : String(error);
        this.emit({ event: 'log', level: 'warn', message: `Previews could not be drawn: ${reason}` });
      });
  }
}
