/** Guidance: combining two predictions of the noise, and the scale that falls along a run. */

/**
 * `count` scales from `start` to `end`, both included (numpy.linspace); one value is `start`.
 * The authors' swap guidance is linspace(3.5, max(3.5 / 2, 1), n).
 */
export function guidanceScales(start: number, end: number, count: number): Float64Array {
  const out = new Float64Array(Math.max(count, 0));
  for (let i = 0; i < count; i++) out[i] = count === 1 ? start : start + ((end - start) * i) / (count - 1);
  return out;
}

/**
 * ε = base + scale · (towards − base), elementwise over predictions of equal length (Ho & Salimans, "Classifier-Free
 * Diffusion Guidance", eq. 6, with base for the unconditional one).
 */
export function guide(base: Float32Array, towards: Float32Array, scale: number): Float32Array {
  if (base.length !== towards.length)
    throw new RangeError(`predictions of ${base.length} and ${towards.length} values`);
  return base.map((value, i) => value + scale * (towards[i]! - value));
}
