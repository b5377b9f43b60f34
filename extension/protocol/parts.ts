/** Parts of an image: a label for each cell of a grid, row by row from the top. */
import { middleOf, type Size } from './size';

/** How many parts the labels tell apart. */
export const countOf = (labels: Uint8Array): number => labels.reduce((most, label) => Math.max(most, label + 1), 0);

/** The cell of each part that lies farthest from its border, of several the one nearest its centre: where its number is drawn, and what names it in the file. */
export function middles(labels: Uint8Array, { width, height }: Size): number[] {
  const far = labels.length;
  const depth = new Uint32Array(labels.length).fill(far);
  const relax = (cell: number, x: number, y: number, dx: number, dy: number) => {
    const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
    const other = cell + dy * width + dx;
    const beyond = !inside || labels[other] !== labels[cell] ? 0 : depth[other]!;
    depth[cell] = Math.min(depth[cell]!, beyond + 1);
  };
  for (let cell = 0; cell < labels.length; cell++) {
    const [x, y] = [cell % width, Math.floor(cell / width)];
    relax(cell, x, y, -1, 0);
    relax(cell, x, y, 0, -1);
  }
  for (let cell = labels.length - 1; cell >= 0; cell--) {
    const [x, y] = [cell % width, Math.floor(cell / width)];
    relax(cell, x, y, 1, 0);
    relax(cell, x, y, 0, 1);
  }
  return Array.from({ length: countOf(labels) }, (_, part) => {
    const cells = [...labels.keys()].filter((cell) => labels[cell] === part);
    const deepest = cells.reduce((most, cell) => Math.max(most, depth[cell]!), 0);
    const centre = [0, 1].map(
      (axis) => cells.reduce((sum, cell) => sum + middleOf(cell, { width, height })[axis]!, 0) / cells.length,
    );
    const apart = (cell: number): number => {
      const [x, y] = middleOf(cell, { width, height });
      return Math.hypot(x - centre[0]!, y - centre[1]!);
    };
    const candidates = cells.filter((cell) => depth[cell] === deepest);
    return candidates.reduce((best, cell) => (apart(cell) < apart(best) ? cell : best), candidates[0] ?? -1);
  });
}

/** For each part of the structure the part, of which image, that got most of its attention; undefined where none got any. */
export function strongestParts(
  images: readonly { mass: readonly (readonly number[])[] }[],
): ({ image: number; part: number; share: number } | undefined)[] {
  return (images[0]?.mass ?? []).map((_, structure) => {
    const all = images.flatMap(({ mass }, image) =>
      (mass[structure] ?? []).map((share, part) => ({ image, part, share })),
    );
    const total = all.reduce((sum, { share }) => sum + share, 0);
    const [first, ...rest] = all;
    if (!first || total === 0) return undefined;
    const best = rest.reduce((most, one) => (one.share > most.share ? one : most), first);
    return { ...best, share: best.share / total };
  });
}
