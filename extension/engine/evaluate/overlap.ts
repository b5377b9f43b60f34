/** Intersection over union of two masks of 0 and 1; two empty masks give 0. */
export function maskIou(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let both = 0;
  let either = 0;
  for (let p = 0; p < a.length; p++) {
    if (a[p] && b[p]) both += 1;
    if (a[p] || b[p]) either += 1;
  }
  return both / Math.max(either, 1);
}
