/** Arithmetic of matched parts. Grids are read row by row from the top. */
import { type InspectParts } from '../../extension/protocol/inspect';
import { countOf, strongestParts } from '../../extension/protocol/parts';
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

/** The match of each part of the structure; undefined where the run did not say. */
export function matchesOf(parts: InspectParts, regions: readonly Region[]): (Match | undefined)[] {
  const strongest = strongestParts(parts.appearances);
  return Array.from({ length: countOf(parts.structure) }, (_, structure) => {
    const total = parts.appearances.reduce((sum, { mass }) => sum + sumOf(mass[structure] ?? []), 0);
    const shareOf = ({ node, part }: PartOfLook): number =>
      (parts.appearances.find((one) => one.node === node)?.mass[structure]?.[part] ?? 0) / (total || 1);
    const region = regionOf(parts, regions, structure);
    const chosen = region && targetOf(parts, region);
    if (chosen) return { ...chosen, share: shareOf(chosen), corrected: true };
    // What attention finds where a region is gone, only the next run tells.
    if (parts.regions.some((was) => was.structure === structure)) return undefined;
    const best = strongest[structure];
    const node = best && parts.appearances[best.image]?.node;
    return best && node !== undefined ? { node, part: best.part, share: best.share, corrected: false } : undefined;
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
