import { type Size } from '../../extension/protocol/size';

/** Where an image lies in its room: its left upper corner, in CSS pixels, and how many of them a pixel of it takes. */
export interface View {
  x: number;
  y: number;
  scale: number;
}

/** Between the image and the room's edge when all of it shows. */
const MARGIN = 12;
const SCALE = { min: 1 / 16, max: 64 };

export function centred(size: Size, room: Size, scale: number): View {
  return { scale, x: (room.width - size.width * scale) / 2, y: (room.height - size.height * scale) / 2 };
}

/** All of the image, as large as the room has place for. */
export function fitView(size: Size, room: Size): View {
  const scale = Math.min((room.width - 2 * MARGIN) / size.width, (room.height - 2 * MARGIN) / size.height);
  return centred(size, room, Math.min(SCALE.max, Math.max(SCALE.min, scale)));
}

/** The place of the image that is under the pointer stays there. */
export function zoomAt({ x, y, scale }: View, factor: number, at: { x: number; y: number }): View {
  const next = Math.min(SCALE.max, Math.max(SCALE.min, scale * factor));
  return { scale: next, x: at.x - ((at.x - x) * next) / scale, y: at.y - ((at.y - y) * next) / scale };
}
