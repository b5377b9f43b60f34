/** Pictures and masks in: whatever a camera, a browser or a stranger made becomes RGB bytes of the size asked for, or a sentence. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Metadata } from 'sharp';
import { WeftError } from '../../protocol/errors';
import { type Size } from '../../protocol/size';
import { centreCrop } from './crop';
import { areaMean, resizeBicubic } from './resize';
import { loadSharp } from './sharp';

export interface Picture {
  /** height × width × 3 bytes, rows from the top, sRGB. */
  rgb: Uint8Array;
  width: number;
  height: number;
  /** Size of the file's picture after its orientation was applied, before the crop. */
  originalWidth: number;
  originalHeight: number;
}

/** Decoding allocates four bytes a pixel: what claims more than this is refused from its header. */
export const MAX_PIXELS = 100_000_000;
const MAX_FILE_BYTES = 512 * 1024 * 1024;
const FORMATS = 'PNG, JPEG, WebP, GIF, TIFF or AVIF';

/**
 * Reads a picture: EXIF orientation applied, first frame of an animation, alpha over white, centre crop to the shape of `size`,
 * antialiased bicubic resize to it; a picture of that size keeps its bytes. `source` is a path or the file's bytes,
 * `name` how errors call it (default the path). Throws a graph error: missing, not a picture, too large, damaged.
 */
export async function loadPicture(source: string | Uint8Array, size: Size, name?: string): Promise<Picture> {
  const decoded = await decode(source, name ?? nameOf(source), '#ffffff', size);
  return {
    rgb: resizeBicubic(decoded.rgb, decoded.width, decoded.height, size.width, size.height),
    width: size.width,
    height: size.height,
    originalWidth: decoded.originalWidth,
    originalHeight: decoded.originalHeight,
  };
}

/**
 * Reads a mask onto the latent grid: cropped like a picture, transparent parts count as black, each latent cell is 1 where
 * the mean brightness (0..1, Rec. 709 weights) of its area exceeds `threshold`. Gives [latentHeight · latentWidth] of 0
 * and 1. Throws like {@link loadPicture}.
 */
export async function loadMask(
  source: string | Uint8Array,
  latentHeight: number,
  latentWidth: number,
  threshold = 0.4,
  name?: string,
): Promise<Float32Array> {
  const grid = { width: latentWidth, height: latentHeight };
  const { rgb, width, height } = await decode(source, name ?? nameOf(source), '#000000', grid);
  const brightness = new Float32Array(width * height);
  for (let i = 0; i < brightness.length; i++) {
    brightness[i] = (0.2126 * rgb[i * 3]! + 0.7152 * rgb[i * 3 + 1]! + 0.0722 * rgb[i * 3 + 2]!) / 255;
  }
  return areaMean(brightness, width, height, latentWidth, latentHeight).map((mean) => (mean > threshold ? 1 : 0));
}

interface Decoded extends Size {
  rgb: Uint8Array;
  originalWidth: number;
  originalHeight: number;
}

function nameOf(source: string | Uint8Array): string {
  return typeof source === 'string' ? path.basename(source) : 'the picture';
}

/** The largest part of the picture, around its centre, that has the shape of `shape`. */
async function decode(source: string | Uint8Array, name: string, background: string, shape: Size): Promise<Decoded> {
  const bytes = typeof source === 'string' ? await readPictureFile(source, name) : source;
  if (!looksLikePicture(bytes)) {
    throw new WeftError('graph', `${name} is not a picture that Weft reads. Give it a ${FORMATS} file.`);
  }
  const sharp = await loadSharp();
  let metadata: Metadata;
  try {
    metadata = await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw damaged(name, error);
  }
  const { width, height } = metadata;
  if (width * height > MAX_PIXELS) {
    throw new WeftError(
      'graph',
      `${name} says it has ${width} × ${height} pixels; Weft reads up to ${MAX_PIXELS / 1e6} megapixels. Scale it down first.`,
    );
  }
  const { width: orientedWidth, height: orientedHeight } = metadata.autoOrient;
  const crop = centreCrop({ width: orientedWidth, height: orientedHeight }, shape);
  try {
    const { data, info } = await sharp(bytes, {
      limitInputPixels: MAX_PIXELS,
      failOn: 'error',
      // Converting from sRGB to sRGB through a profile would only shake the last digit.
      ignoreIcc: isSrgbProfile(metadata.icc),
    })
      .autoOrient()
      .extract(crop)
      .flatten({ background })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return {
      rgb: threeChannels(data, info.channels),
      width: crop.width,
      height: crop.height,
      originalWidth: orientedWidth,
      originalHeight: orientedHeight,
    };
  } catch (error) {
    throw damaged(name, error);
  }
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

async function readPictureFile(file: string, name: string): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK (absent on Windows) opening a named pipe would wait for its writer.
    handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw unreadable(name, error);
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new WeftError('graph', `${name} is not a file. Give the path of a ${FORMATS} file.`);
    if (stat.size > MAX_FILE_BYTES) {
      throw new WeftError('graph', `${name} has ${Math.round(stat.size / 1e6)} MB; Weft reads pictures up to 512 MB.`);
    }
    return await handle.readFile();
  } catch (error) {
    throw error instanceof WeftError ? error : unreadable(name, error);
  } finally {
    await handle.close();
  }
}

function unreadable(name: string, error: unknown): WeftError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new WeftError('graph', `${name} does not exist. Check the path; it is relative to the graph file.`);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new WeftError('graph', `${name} may not be read. Check the file's permissions.`);
  }
  if (code === 'EISDIR') return new WeftError('graph', `${name} is a folder. Give the path of a ${FORMATS} file.`);
  return new WeftError('graph', `${name} can't be read (${code ?? String(error)}).`);
}

function damaged(name: string, error: unknown): WeftError {
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim();
  return new WeftError('graph', `${name} is damaged or cut short and can't be decoded (${reason}). Save it again.`);
}

/** By its first bytes: keeps SVG, PDF and other programs-as-pictures from ever reaching a decoder. */
function looksLikePicture(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, 16));
  return (
    text.startsWith('\x89PNG\r\n\x1a\n') ||
    text.startsWith('\xff\xd8\xff') ||
    text.startsWith('GIF87a') ||
    text.startsWith('GIF89a') ||
    (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') ||
    text.startsWith('II*\0') ||
    text.startsWith('MM\0*') ||
    (text.slice(4, 8) === 'ftyp' && /^(avif|avis|mif1|miaf|heic|heix)$/.test(text.slice(8, 12)))
  );
}

/** An ICC profile whose description (ASCII, or UTF-16 since version 4) says sRGB. */
function isSrgbProfile(profile: Uint8Array | undefined): boolean {
  if (!profile) return false;
  const text = Buffer.from(profile.buffer, profile.byteOffset, profile.byteLength).toString('latin1');
  return text.includes('sRGB') || text.includes('\0s\0R\0G\0B');
}
