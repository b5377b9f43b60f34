import { useState } from 'react';
import { pngOf } from '../model/bytes';
import { postToHost } from '../model/host';
import { type Segmentation } from '../model/segmentations';
import { announce } from '../model/store';
import { maskCell } from '../../extension/protocol/mask';
import { type Size } from '../../extension/protocol/size';
import { corrected } from './cells';
import { percent, shareOf } from './words';

export type Correction = ReturnType<typeof useCorrection>;

/** A mask's correction with its own undo and redo. A stroke shows while it is drawn, and counts once it is committed. */
export function useCorrection(node: string, found: Segmentation) {
  const [history, setHistory] = useState({ past: [found.correction], at: 0 });
  const [saved, setSaved] = useState(found.correction);
  const [stroke, setStroke] = useState<{ correction: Uint8Array; last: [number, number] } | undefined>();
  const now = history.past[history.at] ?? found.correction;
  const shown = stroke?.correction ?? now;
  return {
    now,
    shown,
    mask: corrected(found.found, shown),
    changed: now !== saved,
    canUndo: history.at > 0,
    canRedo: history.at < history.past.length - 1,
    stroke,
    setStroke,
    commit(next: Uint8Array): void {
      if (next.every((value, cell) => value === now[cell])) return;
      const past = [...history.past.slice(0, history.at + 1), next];
      setHistory({ past, at: past.length - 1 });
      announce(`The mask covers ${percent(shareOf(corrected(found.found, next)))} of the picture.`);
    },
    go: (by: number): void =>
      setHistory(({ past, at }) => ({ past, at: Math.min(past.length - 1, Math.max(0, at + by)) })),
    async save(): Promise<void> {
      const png = await toPng(now, found.grid);
      if (!png) return;
      postToHost({ type: 'saveCorrection', node, param: 'override', png });
      setSaved(now);
    },
  };
}

/** White where a cell is put inside, black where it is put outside, transparent where the mask stays as found. */
async function toPng(correction: Uint8Array, { width, height }: Size): Promise<Uint8Array | undefined> {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  const image = new ImageData(width, height);
  for (const [cell, value] of correction.entries()) {
    const bright = value === maskCell.inside ? 255 : 0;
    image.data.set([bright, bright, bright, value === maskCell.kept ? 0 : 255], 4 * cell);
  }
  context.putImageData(image, 0, 0);
  return pngOf(canvas);
}
