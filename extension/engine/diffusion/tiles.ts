/**
 * Decoding a picture in tiles that overlap: a VAE's decoder takes memory in proportion to the picture. Its convolutions reach a few cells
 * far, but normalisation and the attention in its middle see a whole tile: tiles are blended where they overlap, so that what
 * they disagree about fades from one to the next.
 */

/** A stretch of an axis, in cells. */
export interface Stretch {
  start: number;
  length: number;
}

/** Stretches of at most `tile` cells that cover an axis, neighbours overlapping by at least `overlap`, evenly spaced. */
export function stretches(cells: number, tile: number, overlap: number): Stretch[] {
  if (cells <= tile) return [{ start: 0, length: cells }];
  const count = Math.ceil((cells - overlap) / (tile - overlap));
  return Array.from({ length: count }, (_, index) => ({
    start: Math.round((index * (cells - tile)) / (count - 1)),
    length: tile,
  }));
}

/** How much each of `length` pixels counts: rising over the overlap with the neighbour before, falling over that with the one after. */
function ramp(length: number, before: number, after: number): Float32Array {
  return Float32Array.from({ length }, (_, at) =>
    Math.min(1, before > 0 ? (at + 0.5) / before : 1, after > 0 ? (length - at - 0.5) / after : 1),
  );
}

export interface TiledDecoding {
  /** Latents [C, h, w]. */
  latents: Float32Array;
  channels: number;
  size: readonly [height: number, width: number];
  /** Pixels a cell along each axis. */
  scale: number;
  /** Most cells a side of a tile, and fewest that neighbours share. */
  tile: number;
  overlap: number;
  /** A tile's latents [C, h', w'] → its pixels [3, h'·scale, w'·scale]. */
  decode: (latents: Float32Array, size: [number, number]) => Promise<Float32Array>;
}

/** The picture [3, h·scale, w·scale]. */
export async function decodeInTiles(of: TiledDecoding): Promise<Float32Array> {
  const { latents, channels, size, scale, tile, overlap, decode } = of;
  const [height, width] = size;
  const [pictureHeight, pictureWidth] = [height * scale, width * scale];
  const pixels = pictureHeight * pictureWidth;
  const sum = new Float32Array(3 * pixels);
  const weights = new Float32Array(pixels);
  const rows = stretches(height, tile, overlap);
  const columns = stretches(width, tile, overlap);
  for (const [r, row] of rows.entries()) {
    const down = rampOf(rows, r, scale);
    for (const [c, column] of columns.entries()) {
      const across = rampOf(columns, c, scale);
      const part = cut(latents, channels, size, row, column);
      const decoded = await decode(part, [row.length, column.length]);
      for (let y = 0; y < down.length; y++) {
        for (let x = 0; x < across.length; x++) {
          const weight = down[y]! * across[x]!;
          const to = (row.start * scale + y) * pictureWidth + column.start * scale + x;
          const from = y * across.length + x;
          weights[to]! += weight;
          for (let k = 0; k < 3; k++)
            sum[k * pixels + to]! += weight * decoded[k * down.length * across.length + from]!;
        }
      }
    }
  }
  for (let k = 0; k < 3; k++) for (let p = 0; p < pixels; p++) sum[k * pixels + p]! /= weights[p]!;
  return sum;
}

function rampOf(all: readonly Stretch[], index: number, scale: number): Float32Array {
  const { start, length } = all[index]!;
  const before = all[index - 1];
  const after = all[index + 1];
  return ramp(
    length * scale,
    before ? (before.start + before.length - start) * scale : 0,
    after ? (start + length - after.start) * scale : 0,
  );
}

/** A part of latents [C, h, w]. */
function cut(
  latents: Float32Array,
  channels: number,
  [height, width]: readonly [number, number],
  row: Stretch,
  column: Stretch,
): Float32Array {
  const part = new Float32Array(channels * row.length * column.length);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < row.length; y++) {
      const from = (c * height + row.start + y) * width + column.start;
      part.set(latents.subarray(from, from + column.length), (c * row.length + y) * column.length);
    }
  }
  return part;
}
