import { type Score } from '../../extension/engine/evaluate/truth';

/** The mean of scores, field by field, over those that have the field. */
export function meanScore(scores: readonly Score[]): Score {
  const mean = (field: keyof Score): number | undefined => {
    const values = scores.flatMap((one) => one[field] ?? []);
    return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
  };
  const always = (field: keyof Score): number => mean(field) ?? NaN;
  return {
    psnr: always('psnr'),
    objectPsnr: always('objectPsnr'),
    partColour: always('partColour'),
    objectIou: always('objectIou'),
    pattern: mean('pattern'),
    edges: mean('edges'),
  };
}
