import { type EngineEvent, type PreviewKind } from '../../protocol/engine';
import { type ContentStore } from '../cache/store';
import { type LoadedCheckpoint } from './loadedCheckpoint';
import { type TimelineFrameValue } from './values';

/** Draws latents with a checkpoint's preview map, at most `size` pixels a side. */
export async function drawFrame(
  checkpoint: LoadedCheckpoint,
  frame: TimelineFrameValue,
  kind: PreviewKind,
  size: number,
  store: ContentStore,
): Promise<{ width: number; height: number; rgba: Uint8Array }> {
  return checkpoint.draw(kind === 'x0' ? frame.original : frame.latents, size, store);
}

/** Sends the newest picture of nodes that work in steps, every so many steps, and keeps their timelines for later questions. */
export class PreviewSink {
  private pending: Promise<void> = Promise.resolve();
  readonly timelines = new Map<string, { checkpoint: LoadedCheckpoint; frames: TimelineFrameValue[] }>();

  constructor(
    private readonly options: { runId: string; every: number; size: number },
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
    const { every } = this.options;
    if (every === 0 || (frame.step % every !== 0 && frame.step !== total - 1)) return;
    this.pending = this.pending
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => this.draw(node, checkpoint, total, frame));
  }

  /** Waits until all frames are drawn and sent. A failed drawing costs the preview, not the run. */
  async drawn(): Promise<void> {
    await this.pending.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.emit({ event: 'log', level: 'warn', message: `Previews could not be drawn: ${reason}` });
    });
    this.pending = Promise.resolve();
  }

  private async draw(
    node: string,
    checkpoint: LoadedCheckpoint,
    total: number,
    frame: TimelineFrameValue,
  ): Promise<void> {
    const { size, runId } = this.options;
    const picture = await checkpoint.draw(frame.original, size, this.store);
    const { step: index, timestep } = frame;
    this.emit({ event: 'preview', runId, node, index, total, timestep, kind: 'x0', ...picture });
  }
}
