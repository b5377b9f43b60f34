import { edit } from '../model/document';
import { FRAME_PREFIX } from '../model/flow';

/** One edit when a frame's corner is let go. */
export function commitFrameSize(id: string, size: { x: number; y: number; width: number; height: number }): void {
  const rect = [size.x, size.y, size.width, size.height].map(Math.round) as [number, number, number, number];
  edit([{ kind: 'updateFrame', id: id.slice(FRAME_PREFIX.length), rect }], 'Resize a frame');
}
