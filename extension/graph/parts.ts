/** A part of an image: the cluster of its self-segmentation at a place. */

/** Where a segment node looks for its part, `x, y` in fractions of the width and the height; undefined where the text says something else. */
export function partPlace(text: unknown): readonly [x: number, y: number] | undefined {
  const match = typeof text === 'string' ? /^\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*$/.exec(text) : null;
  const [x, y] = [Number(match?.[1]), Number(match?.[2])];
  return match && x <= 1 && y <= 1 ? [x, y] : undefined;
}

/** A place as the file has it. Four decimals are less than a pixel of any image. */
export const partText = (...place: readonly [x: number, y: number]): string =>
  place.map((value) => Number(value.toFixed(4))).join(', ');
