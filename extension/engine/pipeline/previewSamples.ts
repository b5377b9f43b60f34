/** Pictures that a checkpoint's preview map is fitted on: smooth and sharp colour at several scales, the same for everyone. */

const COUNT = 6;

/** A small deterministic generator (mulberry32): these pictures need variety, not quality. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** `COUNT` pictures of size × size × 3 bytes: a gradient under rectangles of random colours. */
export function previewSamples(size: number): Uint8Array[] {
  return Array.from({ length: COUNT }, (_, index) => {
    const random = generator(index + 1);
    const picture = new Uint8Array(size * size * 3);
    const corners = Array.from({ length: 4 }, () => [random(), random(), random()]);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const [u, v] = [x / size, y / size];
        for (let c = 0; c < 3; c++) {
          const top = corners[0]![c]! * (1 - u) + corners[1]![c]! * u;
          const bottom = corners[2]![c]! * (1 - u) + corners[3]![c]! * u;
          picture[(y * size + x) * 3 + c] = Math.round(255 * (top * (1 - v) + bottom * v));
        }
      }
    }
    for (let shape = 0; shape < 24; shape++) {
      const colour = [random(), random(), random()].map((value) => Math.round(255 * value));
      const side = size * (0.04 + 0.3 * random());
      const [left, top] = [random() * size, random() * size];
      for (let y = Math.floor(top); y < Math.min(size, top + side); y++) {
        for (let x = Math.floor(left); x < Math.min(size, left + side); x++) picture.set(colour, (y * size + x) * 3);
      }
    }
    return picture;
  });
}
