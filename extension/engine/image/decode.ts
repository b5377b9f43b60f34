/** An image file as upright RGB bytes in sRGB, cropped to a shape: what it is, what its numbers mean, and what it may cost. */
import type { Metadata } from 'sharp';
import { graphError, WeftError } from '../../protocol/errors';
import { type Size } from '../../protocol/size';
import { avifColour } from './avif';
import { isSrgb, readProfile, toSrgb, type ColourSpace, type Samples } from './colour';
import { centreCrop, type Crop } from './crop';
import { withEnd } from './jpeg';
import { pngParts } from './pngParts';
import { recognise } from './recognise';
import { loadSharp } from './sharp';
import { problemOfTiff } from './tiff';

/** What claims more is refused from its header. */
export const MAX_PIXELS = 100_000_000;
/** An AVIF is decoded whole, at 18 bytes a pixel. */
const MAX_AVIF_PIXELS = 64_000_000;
/** Samples as they are stored, of the whole image: 100 megapixels of 8 or 16 bits in four channels. */
const MAX_STORED_BYTES = 800_000_000;
const BYTES = { uchar: 1, ushort: 2, float: 4 } as const;
type Depth = keyof typeof BYTES;

export interface Decoded extends Size {
  rgb: Uint8Array;
  originalWidth: number;
  originalHeight: number;
}

/** How a file is given to the image library. */
interface Source {
  bytes: Uint8Array;
  failOn: 'error' | 'warning';
}

/**
 * The largest part of an image, around its centre, that has the shape of `shape`: first frame of an animation, upright by EXIF, converted
 * to sRGB by what the file says of its colours, alpha over a grey level of `background`. Throws a graph error that begins with `name`.
 */
export async function decode(bytes: Uint8Array, name: string, background: number, shape: Size): Promise<Decoded> {
  const refuse = (what: string): WeftError => graphError(`${name} ${what}`);
  const known = recognise(bytes);
  if ('problem' in known) throw refuse(known.problem);
  const { format } = known;
  const tiffProblem = format === 'tiff' ? problemOfTiff(bytes) : undefined;
  if (tiffProblem) throw refuse(tiffProblem);
  const { bytes: stripped, colour: stated } =
    format === 'png' ? pngParts(bytes) : { bytes, colour: format === 'avif' ? avifColour(bytes) : undefined };
  if (stated === 'HDR') throw refuse('is an HDR image (PQ or HLG), which Weft does not read. Export it as SDR.');

  const sharp = await loadSharp();
  const metadata = await sharp(stripped, { limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw damaged(name, error);
    });
  const depth = checkedDepth(metadata, format === 'avif' ? MAX_AVIF_PIXELS : MAX_PIXELS, refuse);
  const { width, height } = metadata.autoOrient;
  const crop = centreCrop({ width, height }, shape);
  const finish = (rgb: Uint8Array): Decoded => ({
    rgb,
    width: crop.width,
    height: crop.height,
    originalWidth: width,
    originalHeight: height,
  });
  const { profile, space } = coloursOf(metadata, stated);
  const read = async (source: Source): Promise<Decoded> => {
    if (depth === 'float' && profile) {
      throw refuse(
        'has float samples with a colour profile of tables, which Weft does not read. Save it with unsigned 16-bit samples.',
      );
    }
    if (depth === 'float' || space) {
      const { samples, channels } = await storedSamples(source, crop, metadata, depth);
      if (samples instanceof Float32Array) checkRange(samples, refuse);
      return finish(toSrgb(samples, channels, space, background));
    }
    // The library takes 16 bits with a profile to another space than sRGB, and grey ones nowhere: as 8 bits it does what is right.
    const input =
      profile && depth === 'ushort' && metadata.space !== 'cmyk'
        ? { ...source, bytes: await inEightBits(source, metadata) }
        : source;
    const { data, info } = await sharp(input.bytes, {
      limitInputPixels: MAX_PIXELS,
      failOn: input.failOn,
      // Converting from sRGB to sRGB through a profile would only shake the last digit.
      ignoreIcc: !profile,
    })
      .autoOrient()
      .extract(crop)
      .flatten({ background: { r: background, g: background, b: background } })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return finish(threeChannels(data, info.channels));
  };
  try {
    return await read({ bytes: stripped, failOn: 'error' });
  } catch (error) {
    if (error instanceof WeftError) throw error;
    const whole = format === 'jpeg' ? withEnd(stripped) : undefined;
    if (!whole) throw damaged(name, error);
    return read({ bytes: whole, failOn: 'warning' }).catch(() => {
      throw damaged(name, error);
    });
  }
}

/** Refuses from its header what is too large, or whose samples have no agreed meaning as a picture. */
function checkedDepth(
  { width, height, channels, depth, space }: Metadata,
  maxPixels: number,
  refuse: (what: string) => WeftError,
): Depth {
  if (width * height > maxPixels) {
    throw refuse(
      `says it has ${width} × ${height} pixels; Weft reads up to ${maxPixels / 1e6} megapixels. Scale it down first.`,
    );
  }
  if (!(depth in BYTES) || (depth === 'float' && !['b-w', 'srgb', 'scrgb'].includes(space))) {
    throw refuse(
      `has samples of a kind that Weft does not read (${SAMPLES[depth] ?? depth}). Save it with unsigned 8-bit or 16-bit samples.`,
    );
  }
  if (width * height * channels * BYTES[depth as Depth] > MAX_STORED_BYTES) {
    throw refuse(
      `needs more than ${MAX_STORED_BYTES / 1e6} MB once unpacked (${width} × ${height} pixels). Scale it down first.`,
    );
  }
  return depth as Depth;
}

const SAMPLES: Readonly<Record<string, string>> = {
  char: 'signed 8-bit integers',
  short: 'signed 16-bit integers',
  uint: '32-bit integers',
  int: 'signed 32-bit integers',
  double: '64-bit floats',
  float: 'floats that are not RGB or greyscale',
};

/** Either a profile that the library converts by, or a space that we convert by ourselves, or neither: sRGB. */
function coloursOf(
  { icc, space, depth }: Metadata,
  stated: ColourSpace | undefined,
): { profile?: true; space?: ColourSpace } {
  // Ink without a profile gets the library's own.
  if (space === 'cmyk') return { profile: true };
  const other = (found: ColourSpace): { space?: ColourSpace } => (isSrgb(found) ? {} : { space: found });
  if (stated) return other(stated);
  if (!icc) return {};
  const found = readProfile(icc, space === 'b-w' || space === 'grey16');
  if (found === 'unfit') return {};
  if (found === 'other') return { profile: true };
  return depth === 'uchar' && found.matrix && !isSrgb(found) ? { profile: true } : other(found);
}

async function storedSamples(
  { bytes, failOn }: Source,
  crop: Crop,
  { space }: Metadata,
  depth: Depth,
): Promise<{ samples: Samples; channels: number }> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn, ignoreIcc: true })
    .autoOrient()
    .extract(crop)
    // To what it is already: no conversion.
    .toColourspace(space)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  const samples = { uchar: Uint8Array, ushort: Uint16Array, float: Float32Array }[depth];
  const count = data.byteLength / BYTES[depth];
  const aligned = data.byteOffset % BYTES[depth] === 0 ? data : Uint8Array.from(data);
  return { samples: new samples(aligned.buffer as ArrayBuffer, aligned.byteOffset, count), channels: info.channels };
}

/** Rounding on the way to a file. */
const BEYOND = 1 / 255;

/** Floats have no largest value to scale by: 0 to 1 is what most programs write, and anything else would be a guess. */
function checkRange(samples: Float32Array, refuse: (what: string) => WeftError): void {
  let [least, most] = [0, 1];
  for (const value of samples) {
    if (value < least) least = value;
    else if (value > most) most = value;
    else if (Number.isNaN(value))
      throw refuse('has samples that are not numbers (NaN). Save it with unsigned 8-bit or 16-bit samples.');
  }
  if (least >= -BEYOND && most <= 1 + BEYOND) return;
  const value = Number((least < -BEYOND ? least : most).toPrecision(4));
  throw refuse(
    `has float samples of ${value}; Weft reads floats from 0 to 1. Save it with unsigned 8-bit or 16-bit samples.`,
  );
}

/** The same image, with the same profile. */
async function inEightBits({ bytes, failOn }: Source, { space }: Metadata): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn, ignoreIcc: true })
    .keepMetadata()
    .toColourspace(space === 'grey16' ? 'b-w' : 'srgb')
    .png({ compressionLevel: 1 })
    .toBuffer();
}

function threeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + (channels >= 3 ? c : 0)]!;
  }
  return rgb;
}

function damaged(name: string, error: unknown): WeftError {
  const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
  const reason = message.replace(/^Input buffer (contains unsupported image format|has corrupt header:)/, '').trim();
  const told = reason && ` (${reason})`;
  if (/not (implemented|configured)/i.test(reason)) {
    return graphError(`${name} is packed in a way that Weft does not read${told}. Save it as PNG.`);
  }
  return graphError(`${name} is damaged or cut short and can't be decoded${told}. Save it again.`);
}
