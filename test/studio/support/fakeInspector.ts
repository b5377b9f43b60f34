import { type Pin } from '../../../extension/graph';
import {
  type InspectInfo,
  type InspectMapRequest,
  type InspectMethod,
  type InspectParts,
} from '../../../extension/protocol/inspect';
import { cellAt, middleOf } from '../../../extension/protocol/size';
import { type Region } from '../../../webview/model/regions';

const grid = { width: 16, height: 16 };

/** Answers as an engine would in whose run every place attended to its mirror image, left for right, and to nothing else. Parts are upright bands. */
export function inspected(
  method: InspectMethod,
  params: unknown,
  run: {
    runId: string;
    node: string;
    pins: readonly Pin[];
    appearances: string[];
    regions: readonly Region[];
    png: Uint8Array;
  },
): unknown {
  const answer = { grid, source: 'appearance' as const, ms: 1 };
  const mirror = (cell: number): number => cell - (cell % grid.width) + (grid.width - 1 - (cell % grid.width));
  const cells = grid.width * grid.height;
  switch (method) {
    case 'inspect.open':
      return {
        runId: run.runId,
        node: run.node,
        steps: Array.from({ length: 26 }, (_, step) => ({ timestep: 991 - 20 * step, high: 'appearance' as const })),
        contrast: 1.67,
        levels: [{ level: 'high', grid, layers: [{ index: 0, heads: 2 }] }],
        structure: 'invert-structure',
        appearances: run.appearances,
        numbers: run.appearances.map((_, index) => index + 1),
        pins: [...run.pins],
        size: { width: 128, height: 128 },
      } satisfies InspectInfo;
    case 'inspect.picture':
      return { png: run.png };
    case 'inspect.map': {
      const { points, peaksOnly = false } = params as InspectMapRequest;
      const targets = points.map(([x, y]) => mirror(cellAt(x, y, grid)));
      const weights = new Float32Array(peaksOnly ? 0 : points.length * cells);
      if (!peaksOnly) for (const [index, target] of targets.entries()) weights[index * cells + target] = 1;
      const peaks = targets.map((target) => {
        const [x, y] = middleOf(target, grid);
        return { x, y, weight: 1 };
      });
      return { ...answer, weights: new Uint8Array(weights.buffer), peaks };
    }
    case 'inspect.correspondence': {
      const targets = Uint16Array.from({ length: cells }, (_, cell) => mirror(cell));
      const weights = new Float32Array(cells).fill(1);
      return { ...answer, targets: new Uint8Array(targets.buffer), weights: new Uint8Array(weights.buffer) };
    }
    case 'inspect.parts': {
      const { clusters = 5 } = params as { clusters?: number };
      const band = (x: number): number => Math.min(clusters - 1, Math.floor(x * clusters));
      const labels = Uint8Array.from({ length: cells }, (_, cell) => band(middleOf(cell, grid)[0]));
      const regions = run.regions.map(({ toPlace, appearance: node, fromPlace }) => ({
        ...{ structure: band(toPlace[0]), node },
        part: band(fromPlace[0]),
      }));
      const mass = (node: string) =>
        Array.from({ length: clusters }, (_, part) => {
          const region = regions.find(({ structure }) => structure === part);
          const row = Array.from({ length: clusters }, (): number => (region ? 0 : 0.1));
          if (!region) row[clusters - 1 - part] = node === run.appearances.at(-1) ? 0.9 : 0.2;
          else if (region.node === node) row[region.part] = 1;
          return row;
        });
      const images = [...new Set(run.appearances)];
      const appearances = images.map((node) => ({
        ...{ node, labels },
        look: run.appearances.indexOf(node),
        mass: mass(node),
      }));
      return { grid, structure: labels, appearances, regions } satisfies InspectParts;
    }
    default:
      throw new Error(`The page asks for ${method}.`);
  }
}
