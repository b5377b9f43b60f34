/** Values on the latent grid [h·w] as their means on the coarser grid of a layer, whose sides are halved `halvings` times; absent: 1. */
export function tokenMeans(
  values: Float32Array | undefined,
  [height, width]: readonly [number, number],
  halvings: number,
): Float32Array {
  const [rows, columns] = [height >> halvings, width >> halvings];
  if (!values) return new Float32Array(rows * columns).fill(1);
  const side = 1 << halvings;
  const means = new Float32Array(rows * columns);
  for (let y = 0; y < rows * side; y++) {
    for (let x = 0; x < columns * side; x++) {
      means[(y >> halvings) * columns + (x >> halvings)]! += values[y * width + x]! / side ** 2;
    }
  }
  return means;
}
