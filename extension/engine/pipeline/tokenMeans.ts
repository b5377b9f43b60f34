import { tokenGrid } from '../onnx/types';

/** Values on the latent grid [h·w] as their means on the tokens of a layer; absent: 1. Without a layer the tokens are the latents'. */
export function tokenMeans(
  values: Float32Array | undefined,
  latentSize: readonly [number, number],
  layer?: { halvings: number },
): Float32Array {
  const [rows, columns] = tokenGrid(latentSize, layer);
  if (!values) return new Float32Array(rows * columns).fill(1);
  const side = Math.floor(latentSize[0] / rows);
  const means = new Float32Array(rows * columns);
  for (let y = 0; y < rows * side; y++) {
    for (let x = 0; x < columns * side; x++) {
      means[Math.floor(y / side) * columns + Math.floor(x / side)]! += values[y * latentSize[1] + x]! / side ** 2;
    }
  }
  return means;
}
