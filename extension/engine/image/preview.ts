/**
 * A picture for each step without running the VAE's decoder: one linear map, fitted once per checkpoint, from the channels
 * of a latent cell to a patch of pixels. SD's four channels give colours; sixteen give the detail of the patch as well.
 */

export interface PreviewMap {
  /** Pixels a side that one latent cell becomes. */
  patch: number;
  channels: number;
  /** [patch · patch · 3, channels], pixels of the patch from the top left; colours are 0 … 1. */
  weight: Float32Array;
  /** [patch · patch · 3] */
  bias: Float32Array;
}

export interface PreviewSamples {
  /** Latents [channels, h, w], scaled as the sampler has them. */
  latents: readonly Float32Array[];
  /** The pictures they were encoded from, pictureSize² · 3 bytes each. */
  pictures: readonly Uint8Array[];
  channels: number;
  /** h and w. */
  latentSize: readonly [number, number];
  pictureSize: number;
}

/** With this many channels a cell says more than a colour or two. */
const DETAILED_CHANNELS = 16;
/** Keeps channels that the samples never move from blowing up. */
const RIDGE = 1e-5;

/**
 * Fits the map by least squares over all latent cells of the samples. Throws a RangeError when sizes disagree.
 */
export function fitPreview({ latents, pictures, channels, latentSize, pictureSize }: PreviewSamples): PreviewMap {
  const [height, width] = latentSize;
  const cells = height * width;
  const factor = Math.floor(pictureSize / width);
  if (
    latents.length === 0 ||
    latents.length !== pictures.length ||
    factor * width !== pictureSize ||
    factor * height !== pictureSize ||
    latents.some((latent) => latent.length !== channels * cells) ||
    pictures.some((picture) => picture.length !== pictureSize * pictureSize * 3)
  ) {
    throw new RangeError(`latents of ${channels} × ${height} × ${width} and pictures of ${pictureSize} pixels`);
  }
  const patch = channels >= DETAILED_CHANNELS ? factor : factor % 2 === 0 ? 2 : 1;
  const block = factor / patch;
  const targets = patch * patch * 3;
  const inputs = channels + 1; // the last one is the constant

  // Normal equations (XᵀX) W = XᵀY over all cells.
  const gram = new Float64Array(inputs * inputs);
  const cross = new Float64Array(inputs * targets);
  const x = new Float64Array(inputs).fill(1);
  const y = new Float64Array(targets);
  latents.forEach((latent, sample) => {
    const picture = pictures[sample]!;
    for (let cell = 0; cell < cells; cell++) {
      for (let c = 0; c < channels; c++) x[c] = latent[c * cells + cell]!;
      patchMeans(picture, pictureSize, Math.floor(cell / width) * factor, (cell % width) * factor, patch, block, y);
      for (let a = 0; a < inputs; a++) {
        for (let b = 0; b < inputs; b++) gram[a * inputs + b]! += x[a]! * x[b]!;
        for (let t = 0; t < targets; t++) cross[a * targets + t]! += x[a]! * y[t]!;
      }
    }
  });
  let trace = 0;
  for (let c = 0; c < channels; c++) trace += gram[c * inputs + c]!;
  for (let c = 0; c < channels; c++) gram[c * inputs + c]! += (RIDGE * trace) / channels + Number.EPSILON;
  solveSymmetric(gram, cross, inputs, targets);

  const weight = new Float32Array(targets * channels);
  for (let t = 0; t < targets; t++)
    for (let c = 0; c < channels; c++) weight[t * channels + c] = cross[c * targets + t]!;
  return { patch, channels, weight, bias: Float32Array.from(cross.subarray(channels * targets)) };
}

/** The means, 0 … 1, of `patch` × `patch` blocks of `block` × `block` pixels into `out` [patch · patch · 3]. */
function patchMeans(
  picture: Uint8Array,
  pictureWidth: number,
  top: number,
  left: number,
  patch: number,
  block: number,
  out: Float64Array,
): void {
  out.fill(0);
  const share = 1 / (255 * block * block);
  for (let y = 0; y < patch * block; y++) {
    for (let x = 0; x < patch * block; x++) {
      const from = ((top + y) * pictureWidth + left + x) * 3;
      const to = (Math.floor(y / block) * patch + Math.floor(x / block)) * 3;
      for (let c = 0; c < 3; c++) out[to + c]! += picture[from + c]! * share;
    }
  }
}

/** Solves A W = B for a symmetric positive definite A [n, n], B [n, m], by Cholesky's method; W replaces B. */
function solveSymmetric(a: Float64Array, b: Float64Array, n: number, m: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j]!;
    }
  }
  for (let t = 0; t < m; t++) {
    for (let i = 0; i < n; i++) {
      let sum = b[i * m + t]!;
      for (let k = 0; k < i; k++) sum -= a[i * n + k]! * b[k * m + t]!;
      b[i * m + t] = sum / a[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = b[i * m + t]!;
      for (let k = i + 1; k < n; k++) sum -= a[k * n + i]! * b[k * m + t]!;
      b[i * m + t] = sum / a[i * n + i]!;
    }
  }
}

/** The map for pictures of at most `maxSize` pixels a side, where the latent grid itself is no larger. */
export function previewMapFor(map: PreviewMap, height: number, width: number, maxSize: number): PreviewMap {
  let size = map.patch;
  while (size > 1 && (map.patch % size !== 0 || Math.max(height, width) * size > maxSize)) size -= 1;
  return reduced(map, size);
}

/** The map with each patch averaged down to `patch` pixels a side, for small pictures. Kept with the map it came from. */
const reductions = new WeakMap<PreviewMap, Map<number, PreviewMap>>();
function reduced(map: PreviewMap, patch: number): PreviewMap {
  if (patch === map.patch) return map;
  const kept = reductions.get(map) ?? new Map<number, PreviewMap>();
  reductions.set(map, kept);
  const found = kept.get(patch);
  if (found) return found;
  const { channels } = map;
  const block = map.patch / patch;
  const weight = new Float32Array(patch * patch * 3 * channels);
  const bias = new Float32Array(patch * patch * 3);
  const share = 1 / (block * block);
  for (let y = 0; y < map.patch; y++) {
    for (let x = 0; x < map.patch; x++) {
      for (let c = 0; c < 3; c++) {
        const from = (y * map.patch + x) * 3 + c;
        const to = (Math.floor(y / block) * patch + Math.floor(x / block)) * 3 + c;
        bias[to]! += map.bias[from]! * share;
        for (let k = 0; k < channels; k++) weight[to * channels + k]! += map.weight[from * channels + k]! * share;
      }
    }
  }
  const result = { patch, channels, weight, bias };
  kept.set(patch, result);
  return result;
}

/**
 * Draws latents [channels, height, width] as opaque RGBA, at most `maxSize` pixels a side where the latent grid itself is
 * no larger: one multiplication per pixel, colour and channel.
 */
export function previewRgba(
  latents: Float32Array,
  height: number,
  width: number,
  map: PreviewMap,
  maxSize = Infinity,
): { width: number; height: number; rgba: Uint8Array } {
  const cells = height * width;
  if (latents.length !== map.channels * cells) {
    throw new RangeError(`latents of ${latents.length} values for ${map.channels} × ${height} × ${width}`);
  }
  const { patch, channels, weight, bias } = previewMapFor(map, height, width, maxSize);
  const rowLength = width * patch;
  const rgba = new Uint8Array(cells * patch * patch * 4).fill(255);
  const sums = new Float32Array(cells);
  // Cell after cell for each number of the patch: sums over four channels at a time run through memory in a straight line.
  for (let row = 0; row < patch * patch * 3; row++) {
    sums.fill(bias[row]!);
    let c = 0;
    for (; c + 3 < channels; c += 4) {
      const at = row * channels + c;
      const w0 = weight[at]!;
      const w1 = weight[at + 1]!;
      const w2 = weight[at + 2]!;
      const w3 = weight[at + 3]!;
      const from = c * cells;
      for (let cell = 0; cell < cells; cell++) {
        const i = from + cell;
        sums[cell]! +=
          w0 * latents[i]! + w1 * latents[i + cells]! + (w2 * latents[i + 2 * cells]! + w3 * latents[i + 3 * cells]!);
      }
    }
    for (; c < channels; c++) {
      const w = weight[row * channels + c]!;
      for (let cell = 0; cell < cells; cell++) sums[cell]! += w * latents[c * cells + cell]!;
    }
    const colour = row % 3;
    const place = (row - colour) / 3;
    const corner = (Math.floor(place / patch) * rowLength + (place % patch)) * 4 + colour;
    for (let cell = 0; cell < cells; cell++) {
      const byte = sums[cell]! * 255 + 0.5;
      const pixel = corner + (Math.floor(cell / width) * patch * rowLength + (cell % width) * patch) * 4;
      rgba[pixel] = byte >= 255 ? 255 : byte > 0 ? byte : 0;
    }
  }
  return { width: rowLength, height: height * patch, rgba };
}
