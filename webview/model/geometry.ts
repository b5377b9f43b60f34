/** Rectangles and points of the canvas, in flow coordinates (pixels at 100 % zoom). */
export interface Point {
  x: number;
  y: number;
}

export interface Rect extends Point {
  width: number;
  height: number;
}

export function centre(rect: Rect): Point {
  return { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 };
}

export function contains(outer: Rect, inner: Rect): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

export function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** The smallest rectangle around all of them; undefined when there are none. */
export function boundsOf(rects: readonly Rect[]): Rect | undefined {
  if (rects.length === 0) return undefined;
  const left = Math.min(...rects.map((rect) => rect.x));
  const top = Math.min(...rects.map((rect) => rect.y));
  const right = Math.max(...rects.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

export function grow(rect: Rect, by: number): Rect {
  return { x: rect.x - by, y: rect.y - by, width: rect.width + 2 * by, height: rect.height + 2 * by };
}

/** A place at or near `wanted` where a box of this size covers nothing: below, in steps, then to the right. */
export function freePlace(
  wanted: Point,
  size: { width: number; height: number },
  taken: readonly Rect[],
  gap = 20,
): Point {
  for (let ring = 0; ring < 40; ring++) {
    const candidates = [
      { x: wanted.x, y: wanted.y + ring * gap },
      { x: wanted.x + ring * gap, y: wanted.y },
    ];
    for (const place of candidates) {
      const box = { ...place, ...size };
      if (!taken.some((rect) => overlaps(box, rect))) return { x: Math.round(place.x), y: Math.round(place.y) };
    }
  }
  return { x: Math.round(wanted.x), y: Math.round(wanted.y) };
}

/** The frame around these boxes: room for its title above and a margin on every side. */
export function frameAround(rects: readonly Rect[]): [number, number, number, number] | undefined {
  const bounds = boundsOf(rects);
  if (!bounds) return undefined;
  const { x, y, width, height } = grow(bounds, 24);
  return [Math.round(x), Math.round(y - 26), Math.round(width), Math.round(height + 26)];
}
