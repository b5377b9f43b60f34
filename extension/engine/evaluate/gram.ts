/** Gram matrices as a measure of look (Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016, eq. 5). */

/**
 * G = Σ_i w_i f_i f_iᵀ / Σ_i w_i of features [tokens, channels] under weights [tokens]: [channels, channels]. The division by the
 * weights makes objects of different sizes comparable. Throws a RangeError when sizes disagree or no token has weight.
 */
export function gramMatrix(features: Float32Array, weights: Float32Array): Float32Array {
  const tokens = weights.length;
  const channels = features.length / tokens;
  if (!Number.isInteger(channels)) throw new RangeError(`${features.length} features for ${tokens} tokens`);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) throw new RangeError('no token has weight');
  const gram = new Float64Array(channels * channels);
  for (let token = 0; token < tokens; token++) {
    const weight = weights[token]! / total;
    if (weight === 0) continue;
    const at = token * channels;
    for (let row = 0; row < channels; row++) {
      const factor = features[at + row]! * weight;
      for (let column = row; column < channels; column++)
        gram[row * channels + column]! += factor * features[at + column]!;
    }
  }
  const whole = new Float32Array(channels * channels);
  for (let row = 0; row < channels; row++) {
    for (let column = row; column < channels; column++) {
      whole[row * channels + column] = whole[column * channels + row] = gram[row * channels + column]!;
    }
  }
  return whole;
}

/** ‖A − B‖ / ½(‖A‖ + ‖B‖) in Frobenius norms: 0 for equal matrices, at most 2; independent of the features' scale. */
export function gramDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`Gram matrices of ${a.length} and ${b.length} elements`);
  let difference = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    squareA += a[i]! ** 2;
    squareB += b[i]! ** 2;
  }
  const size = (Math.sqrt(squareA) + Math.sqrt(squareB)) / 2;
  return size === 0 ? 0 : Math.sqrt(difference) / size;
}
