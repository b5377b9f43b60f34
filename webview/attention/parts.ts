/** Arithmetic of matched parts. Grids are read row by row from the top. */
import { type InspectParts } from '../../extension/protocol/inspect';
import { cellAt, middleOf, type Size } from '../../extension/protocol/size';
import { type Region } from '../model/regions';

/** A part of an appearance. */
export interface PartOfLook {
  node: string;
  part: number;
}

/** Where the look of a part of the structure comes from, and how it is known. */
export interface Match extends PartOfLook {
  /** Share of the part's attention that goes there, as the run had it. */
  share: number;
  /** The graph says so; else attention does. */
  corrected: boolean;
}

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
      (axis) => sumOf(cells.map((cell) => middleOf(cell, { width, height })[axis]!)) / cells.length,
    );
    const apart = (cell: number): number => {
      const [x, y] = middleOf(cell, { width, height });
      return Math.hypot(x - centre[0]!, y - centre[1]!);
    };
    const candidates = cells.filter((cell) => depth[cell] === deepest);
    return candidates.reduce((best, cell) => (apart(cell) < apart(best) ? cell : best), candidates[0] ?? -1);
  });
}

/** The match of each part of the structure; undefined where the run did not say. */
export function matchesOf(parts: InspectParts, regions: readonly Region[]): (Match | undefined)[] {
  return Array.from({ length: countOf(parts.structure) }, (_, structure) => {
    const total = parts.appearances.reduce((sum, { mass }) => sum + sumOf(mass[structure] ?? []), 0);
    const shareOf = ({ node, part }: PartOfLook): number =>
      (parts.appearances.find((one) => one.node === node)?.mass[structure]?.[part] ?? 0) / (total || 1);
    const region = regionOf(parts, regions, structure);
    const chosen = region && targetOf(parts, region);
    if (chosen) return { ...chosen, share: shareOf(chosen), corrected: true };
    // What attention finds where a region is gone, only the next run tells.
    if (parts.regions.some((was) => was.structure === structure)) return undefined;
    const all = parts.appearances.flatMap(({ node, mass }) =>
      (mass[structure] ?? []).map((_, part): PartOfLook => ({ node, part })),
    );
    const [first, ...rest] = all;
    if (!first || total === 0) return undefined;
    const best = rest.reduce((most, one) => (shareOf(one) > shareOf(most) ? one : most), first);
    return { ...best, share: shareOf(best), corrected: false };
  });
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The region that lies in a part of the structure. */
export const regionOf = (parts: InspectParts, regions: readonly Region[], structure: number): Region | undefined =>
  regions.find(({ toPlace }) => parts.structure[cellAt(...toPlace, parts.grid)] === structure);

/** The part that a region takes its look from. */
function targetOf(parts: InspectParts, { appearance, fromPlace }: Region): PartOfLook | undefined {
  const labels = parts.appearances.find(({ node }) => node === appearance)?.labels;
  const part = labels?.[cellAt(...fromPlace, parts.grid)];
  return part === undefined ? undefined : { node: appearance, part };
}

/** Whether the run had other regions than the graph has now. */
export function isStale(parts: InspectParts, regions: readonly Region[]): boolean {
  const key = (structure: number | undefined, { node, part }: PartOfLook) => `${structure} ${node} ${part}`;
  const now = regions.map((region) => {
    const target = targetOf(parts, region) ?? { node: region.appearance, part: -1 };
    return key(parts.structure[cellAt(...region.toPlace, parts.grid)], target);
  });
  const then = parts.regions.map((region) => key(region.structure, region));
  return now.sort().join() !== then.sort().join();
}

/** A part's middle in words: "40 % across, 20 % down". */
export function placeOfPart(cell: number, grid: Size): string {
  const [x, y] = middleOf(cell, grid).map((share) => Math.round(100 * share));
  return `${x} % across, ${y} % down`;
}
