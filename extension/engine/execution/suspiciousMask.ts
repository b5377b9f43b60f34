import { SUSPICIOUS_SHARE } from '../../protocol/mask';
import { type RunContext } from './context';

/** Says so, before the denoising spends time, when a mask covers next to nothing or nearly everything. */
export function warnOfShare(share: number, node: string, context: RunContext): void {
  const percent = (100 * share).toFixed(share < 0.1 || share > 0.99 ? 1 : 0);
  if (share < SUSPICIOUS_SHARE.least) {
    context.warn(
      node,
      `The mask covers only ${percent} % of the image. Check it before you trust the result, and correct it if necessary.`,
    );
  } else if (share > SUSPICIOUS_SHARE.most) {
    context.warn(
      node,
      `The mask covers ${percent} % of the image, almost all of it. Check it before you trust the result, and correct it if necessary.`,
    );
  }
}
