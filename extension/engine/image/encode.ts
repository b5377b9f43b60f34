/** Pictures out, in the format that a file's extension names. */
import { graphError } from '../../protocol/errors';
import { encodePng, rawInput, type Pixels } from './png';
import { loadSharp } from './sharp';

const QUALITY = 95;

/**
 * Encodes a picture for a file with `extension` (".png", ".jpg", ".jpeg", ".webp", lower case). `texts` go into PNG alone:
 * the other formats have no place for them that editors keep. Throws a graph error for another extension.
 */
export async function encodePicture(
  pixels: Pixels,
  extension: string,
  texts: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  if (extension === '.png') return encodePng(pixels, texts);
  const sharp = await loadSharp();
  const { data, raw } = rawInput(pixels);
  switch (extension) {
    case '.jpg':
    case '.jpeg':
      return sharp(data, { raw }).flatten({ background: '#ffffff' }).jpeg({ quality: QUALITY }).toBuffer();
    case '.webp':
      return sharp(data, { raw }).webp({ quality: QUALITY }).toBuffer();
    default:
      throw graphError(
        `A picture can't be saved as "${extension || 'a file without an extension'}". End the path in .png, .jpg or .webp.`,
      );
  }
}
