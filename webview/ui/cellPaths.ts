/** Cells of a grid, row by row from the top, as SVG paths. */
import { type Size } from '../../extension/protocol/size';

/** The outline of a mask as an SVG path in cells: an edge wherever inside and outside meet. */
export function outline(mask: Uint8Array, { width, height }: Size): string {
  const at = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && (mask[y * width + x] ?? 0) > 0;
  let path = '';
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      if (x < width && at(x, y) !== at(x, y - 1)) path += `M${x} ${y}h1`;
      if (y < height && at(x, y) !== at(x - 1, y)) path += `M${x} ${y}v1`;
    }
  }
  return path;
}

/** Borders between clusters as an SVG path in cells. */
export function borders(labels: Uint8Array, { width, height }: Size): string {
  let path = '';
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (y > 0 && labels[y * width + x] !== labels[(y - 1) * width + x]) path += `M${x} ${y}h1`;
      if (x > 0 && labels[y * width + x] !== labels[y * width + x - 1]) path += `M${x} ${y}v1`;
    }
  }
  return path;
}

/** The cluster under a place, in cells, as an SVG path. */
export function clusterPath(labels: Uint8Array, { width }: Size, [x, y]: [number, number]): string {
  const label = labels[Math.floor(y) * width + Math.floor(x)];
  return [...labels.keys()]
    .filter((cell) => labels[cell] === label)
    .map((cell) => `M${cell % width} ${Math.floor(cell / width)}h1v1h-1z`)
    .join('');
}
