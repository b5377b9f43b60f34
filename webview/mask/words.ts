import { maskCell, SUSPICIOUS_SHARE } from '../../extension/protocol/mask';
import { type Segmentation } from '../model/segmentations';

/** How much of the picture a mask covers, 0 … 1. */
export function shareOf(mask: Uint8Array): number {
  return mask.reduce((sum, value) => sum + value, 0) / mask.length;
}

/** Almost nothing or almost all of the picture: most likely not what was meant. */
export function isSuspicious(share: number): boolean {
  return share < SUSPICIOUS_SHARE.least || share > SUSPICIOUS_SHARE.most;
}

export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

export function sentence(found: Segmentation, correction: Uint8Array, share: number): string {
  const count = correction.reduce((sum, value) => sum + (value === maskCell.kept ? 0 : 1), 0);
  const covers = `The mask covers ${percent(share)} of the picture`;
  const doubt =
    share < SUSPICIOUS_SHARE.least ? ', almost nothing' : share > SUSPICIOUS_SHARE.most ? ', almost all of it' : '';
  const edits = count === 0 ? '' : `; ${count} of ${found.labels.length} cells are corrected`;
  return `${covers}${doubt}${edits}.`;
}
