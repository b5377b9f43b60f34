/** Rearranges q or k from [heads, tokens, d] to heads merged, [tokens, heads·d]. */
export function mergeHeads(split: Float32Array, heads: number, tokens: number): Float32Array {
  const size = split.length / heads / tokens;
  if (!Number.isInteger(size)) throw new RangeError(`${split.length} values for ${heads} heads of ${tokens} tokens`);
  const out = new Float32Array(split.length);
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < tokens; t++) {
      const from = (h * tokens + t) * size;
      out.set(split.subarray(from, from + size), (t * heads + h) * size);
    }
  }
  return out;
}
