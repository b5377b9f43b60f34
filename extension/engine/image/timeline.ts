/** The pictures of a run's steps as one file: animated, or side by side. */
import { encodePng } from './png';
import { loadSharp } from './sharp';

export interface Frame {
  width: number;
  height: number;
  /** width · height · 4 bytes */
  rgba: Uint8Array;
}

const FRAME_MS = 80;
/** The last picture stays for a while before the animation starts over. */
const LAST_FRAME_MS = 1600;
const STRIP_FRAMES = 16;

/** All frames, which have one size, as an animated picture. Throws a RangeError without frames or with different sizes. */
export async function animate(frames: readonly Frame[], format: 'webp' | 'gif' = 'webp'): Promise<Uint8Array> {
  const { width, height } = sizeOf(frames);
  const sharp = await loadSharp();
  const tall = sharp(Buffer.concat(frames.map(({ rgba }) => rgba)), {
    raw: { width, height: height * frames.length, channels: 4, pageHeight: height },
    limitInputPixels: false,
  });
  const delay = frames.map((_, i) => (i === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS));
  return format === 'gif'
    ? tall.gif({ delay, loop: 0 }).toBuffer()
    : tall.webp({ delay, loop: 0, quality: 90 }).toBuffer();
}

/** Up to `most` frames, evenly chosen, the first and the last among them, from left to right as a PNG. */
export async function strip(frames: readonly Frame[], most = STRIP_FRAMES): Promise<Uint8Array> {
  const { width, height } = sizeOf(frames);
  const count = Math.min(frames.length, most);
  const chosen = Array.from({ length: count }, (_, i) =>
    count === 1 ? frames.at(-1)! : frames[Math.round((i * (frames.length - 1)) / (count - 1))]!,
  );
  const rgba = new Uint8Array(width * height * 4 * count);
  chosen.forEach((frame, i) => {
    for (let y = 0; y < height; y++) {
      rgba.set(frame.rgba.subarray(y * width * 4, (y + 1) * width * 4), (y * count + i) * width * 4);
    }
  });
  return encodePng({ width: width * count, height, rgba });
}

function sizeOf(frames: readonly Frame[]): { width: number; height: number } {
  const first = frames[0];
  if (!first) throw new RangeError('a timeline without frames');
  const { width, height } = first;
  for (const frame of frames) {
    if (frame.width !== width || frame.height !== height || frame.rgba.length !== width * height * 4) {
      throw new RangeError(`frames of ${width} × ${height} and ${frame.width} × ${frame.height} pixels`);
    }
  }
  return { width, height };
}
