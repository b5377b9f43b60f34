import { type EngineEvent, type PreviewKind } from '../../protocol/engine';
import { type ContentStore } from '../cache/store';
import { previewRgba } from '../image/preview';
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
  const map = await checkpoint.preview(store);
  const [height, width] = checkpoint.latentSize;
  return previewRgba(kind === 'x0' ? frame.original : frame.latents, height, width, map, size);
}

/** Sends the newest picture of nodes that work in steps, every so many steps, and keeps their timelines for later questions. */
export class PreviewSink {
  /** Milliseconds spent drawing. */
  spentMs = 0;
  readonly timelines = new Map<string, { checkpoint: LoadedCheckpoint; frames: TimelineFrameValue[] }>();

  constructor(
    private readonly options: { runId: string; every: number; size: number },
    private readonly store: ContentStore,
    private readonly emit: (event: EngineEvent) => void,
  ) {}

  async push(node: string, checkpoint: LoadedCheckpoint, total: number, frame: TimelineFrameValue): Promise<void> {
    const timeline = this.timelines.get(node) ?? { checkpoint, frames: [] };
    this.timelines.set(node, timeline);
    timeline.frames[frame.step] = frame;
    const { every, size, runId } = this.options;
    if (every === 0 || (frame.step % every !== 0 && frame.step !== total - 1)) return;
    const start = performance.now();
    const picture = await drawFrame(checkpoint, frame, 'x0', size, this.store);
    this.spentMs += performance.now() - start;
    const { step: index, timestep } = frame;
    this.emit({ event: 'preview', runId, node, index, total, timestep, kind: 'x0', ...picture });
  }
}
