import { describe, expect, it } from 'vitest';
import { decodeInTiles, stretches } from '../../../../extension/engine/diffusion/tiles';

describe('stretches of an axis', () => {
  it('are one where it fits', () => {
    expect(stretches(64, 64, 16)).toEqual([{ start: 0, length: 64 }]);
    expect(stretches(40, 64, 16)).toEqual([{ start: 0, length: 40 }]);
  });

  it.each([
    [96, 64, 16],
    [128, 64, 16],
    [65, 64, 16],
    [200, 48, 12],
  ])('cover %i cells with tiles of %i that share at least %i', (cells, tile, overlap) => {
    const all = stretches(cells, tile, overlap);
    expect(all[0]!.start).toBe(0);
    expect(all.at(-1)!.start + tile).toBe(cells);
    for (const [index, { start, length }] of all.entries()) {
      expect(length).toBe(tile);
      // Rounding to whole cells may cost one.
      if (index > 0) expect(all[index - 1]!.start + tile - start).toBeGreaterThanOrEqual(overlap - 1);
    }
    expect(all.length).toBeLessThanOrEqual(Math.ceil((cells - overlap) / (tile - overlap)));
  });
});

const channels = 2;
const scale = 4;

/** A decoder that reaches two cells far and depends on the whole tile's mean by a factor. */
function decoder(shared: number) {
  return async (latents: Float32Array, [height, width]: [number, number]): Promise<Float32Array> => {
    const mean = latents.reduce((sum, value) => sum + value, 0) / latents.length;
    const out = new Float32Array(3 * height * width * scale * scale);
    for (let k = 0; k < 3; k++) {
      for (let y = 0; y < height * scale; y++) {
        for (let x = 0; x < width * scale; x++) {
          let sum = shared * mean;
          for (const [dy, dx] of [
            [0, 0],
            [-2, 1],
            [2, -1],
          ] as const) {
            const [cy, cx] = [Math.floor(y / scale) + dy, Math.floor(x / scale) + dx];
            if (cy < 0 || cx < 0 || cy >= height || cx >= width) continue;
            for (let c = 0; c < channels; c++) sum += (c + k + 1) * latents[(c * height + cy) * width + cx]!;
          }
          out[(k * height * scale + y) * width * scale + x] = sum;
        }
      }
    }
    return out;
  };
}

describe('a picture decoded in tiles', () => {
  const [height, width] = [40, 52];
  const size: [number, number] = [height, width];
  const latents = Float32Array.from(
    { length: channels * height * width },
    (_, i) => Math.sin(i * 1.7) + (i % width) / width,
  );
  const tiled = (shared: number, sizes: [number, number][] = []) =>
    decodeInTiles({
      latents,
      channels,
      size,
      scale,
      tile: 24,
      overlap: 8,
      decode: (part, cells) => {
        sizes.push(cells);
        return decoder(shared)(part, cells);
      },
    });

  it('is the whole one wherever no border of a tile is within reach', async () => {
    const whole = await decoder(0)(latents, size);
    const sizes: [number, number][] = [];
    const parts = await tiled(0, sizes);
    expect(parts).toHaveLength(whole.length);
    expect(Math.max(...sizes.flat())).toBe(24);
    // Borders inside the picture, in cells; what lies within two cells of one may differ.
    const [rows, columns] = [stretches(height, 24, 8), stretches(width, 24, 8)];
    const inner = (all: { start: number; length: number }[], cells: number) =>
      all.flatMap(({ start, length }) => [start, start + length]).filter((at) => at > 0 && at < cells);
    const near = (at: number, borders: number[]) => borders.some((border) => at >= border - 2 && at < border + 2);
    let compared = 0;
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        if (near(y / scale, inner(rows, height)) || near(x / scale, inner(columns, width))) continue;
        compared += 1;
        const at = y * width * scale + x;
        expect(Math.abs(parts[at]! - whole[at]!)).toBeLessThan(1e-4);
      }
    }
    expect(compared).toBeGreaterThan(0.4 * height * width * scale * scale);
  });

  it('has no seam where tiles disagree as wholes: the difference fades', async () => {
    const whole = await tiled(0);
    const apart = await tiled(100);
    // What the means of tiles add, along a row through the middle: no jump between neighbouring pixels.
    const row = (height / 2) * scale * width * scale;
    const added = Array.from({ length: width * scale }, (_, x) => apart[row + x]! - whole[row + x]!);
    const jumps = added.slice(1).map((value, x) => Math.abs(value - added[x]!));
    const spread = Math.max(...added) - Math.min(...added);
    expect(spread).toBeGreaterThan(1);
    expect(Math.max(...jumps)).toBeLessThan(spread / 6);
  });
});
