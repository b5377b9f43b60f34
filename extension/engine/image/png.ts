/** PNG out. The same pixels and texts give the same bytes. */
import { insertPngText } from '../../platform/pngText';
import { loadSharp } from './sharp';

/** Interleaved bytes, rows from the top: height × width × 3. */
export interface RgbPicture {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** Interleaved bytes, rows from the top: RGB or RGBA. */
export type Pixels =
  (RgbPicture & { rgba?: undefined }) | { width: number; height: number; rgba: Uint8Array; rgb?: undefined };

/** What sharp needs to know of raw bytes. Throws a RangeError when they don't fill the picture. */
export function rawInput(pixels: Pixels): {
  data: Uint8Array;
  raw: { width: number; height: number; channels: 3 | 4 };
} {
  const { width, height } = pixels;
  const data = pixels.rgb ?? pixels.rgba;
  const channels = pixels.rgb ? 3 : 4;
  if (data.length !== width * height * channels) {
    throw new RangeError(`${data.length} bytes for ${width} × ${height} pixels of ${channels} channels`);
  }
  return { data, raw: { width, height, channels } };
}

/** Pictures by their pixels: what a run shows it often writes to a file as well. */
const encoded = new WeakMap<Uint8Array, Promise<Uint8Array>>();

/** Encodes a picture as PNG, with `texts` as iTXt chunks (`weft.graph`, `weft.run`). Pixels that were given here must not change any more. */
export async function encodePng(pixels: Pixels, texts: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  const { data, raw } = rawInput(pixels);
  const encoding =
    encoded.get(data) ??
    loadSharp().then((sharp) =>
      sharp(data, { raw }).png({ compressionLevel: 6, adaptiveFiltering: true, palette: false }).toBuffer(),
    );
  encoded.set(data, encoding);
  const png = await encoding;
  return Object.keys(texts).length > 0 ? insertPngText(png, texts) : png;
}
