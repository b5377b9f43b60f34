/** Width and height of a picture in pixels, or of a grid in cells. */
export interface Size {
  width: number;
  height: number;
}

/** "512 × 768". */
export const sizeText = ({ width, height }: Size): string => `${width} × ${height}`;

export const sameSize = (a: Size, b: Size): boolean => a.width === b.width && a.height === b.height;

export const longerSide = ({ width, height }: Size): number => Math.max(width, height);

export const shorterSide = ({ width, height }: Size): number => Math.min(width, height);

/** The size of something of this shape that fills its room, at least 80 on its shorter side. */
export function fitting(shape: Size, room: Size): Size {
  const scale = Math.max(
    80 / Math.min(shape.width, shape.height),
    Math.min(room.width / shape.width, room.height / shape.height),
  );
  return { width: Math.floor(shape.width * scale), height: Math.floor(shape.height * scale) };
}

/** The cell of a grid, counted row by row from the top left, that a place (0 … 1 of width and height) falls on. */
export function cellAt(x: number, y: number, { width, height }: Size): number {
  const along = (value: number, cells: number): number => Math.min(cells - 1, Math.max(0, Math.floor(value * cells)));
  return along(y, height) * width + along(x, width);
}

/** The middle of a cell, 0 … 1 of width and height. */
export function middleOf(cell: number, { width, height }: Size): [x: number, y: number] {
  return [((cell % width) + 0.5) / width, (Math.floor(cell / width) + 0.5) / height];
}
