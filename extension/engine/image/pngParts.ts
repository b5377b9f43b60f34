/** A PNG as the decoder gets it, and what it says of its colours (PNG specification, third edition, §11.3). */
import { inflateSync } from 'node:zlib';
import { pngChunks } from '../../platform/pngText';
import { codedSpace, pngSpace, type ColourSpace } from './colour';

/** A profile with large tables has a few megabytes. */
const MAX_PROFILE_BYTES = 16 * 1024 * 1024;

/** Chunks beside the critical ones that change what is seen: transparency, orientation. */
const KEPT = ['tRNS', 'eXIf'];
const COLOURS = ['cICP', 'iCCP', 'sRGB', 'gAMA', 'cHRM'];

export interface PngParts {
  /** The same image without texts, each of which the image library would inflate to any size. */
  bytes: Uint8Array;
  /** What cICP says, or without a profile gAMA and cHRM. */
  colour?: ColourSpace | 'HDR';
}

/** Never throws: what is damaged is left to the decoder. */
export function pngParts(png: Uint8Array): PngParts {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  /** Ranges of the file that are kept; neighbours are one. */
  const kept: [from: number, to: number][] = [[0, 8]];
  /** The first of each chunk about colours; a profile that can't be unpacked is none, and no second one is tried. */
  const first = new Map<string, Uint8Array>();
  let profile = false;
  let after = 8;
  let greyscale = false;
  let pixels = false;
  for (const { type, at, end, data } of pngChunks(png)) {
    after = end;
    if (type === 'IHDR') greyscale = data[9] === 0 || data[9] === 4;
    pixels ||= type === 'IDAT';
    const counts = COLOURS.includes(type) && !pixels && !first.has(type);
    if (counts) first.set(type, data);
    const holdsProfile = counts && type === 'iCCP' && isProfile(data);
    profile ||= holdsProfile;
    // Lower case begins the names of chunks that a decoder may do without.
    if (/^[a-z]/.test(type) && !KEPT.includes(type) && !holdsProfile) continue;
    if (kept.at(-1)![1] === at) kept.at(-1)![1] = end;
    else kept.push([at, end]);
  }
  // A last chunk that is cut.
  if (after < png.length) kept.push([after, png.length]);
  const bytes = kept.length === 1 ? png : Buffer.concat(kept.map(([from, to]) => png.subarray(from, to)));

  const number = (type: string, index = 0): number => {
    const data = first.get(type)!;
    return data.length >= index * 4 + 4 ? view.getUint32(data.byteOffset - png.byteOffset + index * 4) / 100_000 : NaN;
  };
  const coded = first.get('cICP');
  if (coded && coded.length >= 4) return { bytes, colour: codedSpace(coded[0]!, coded[1]!, greyscale) };
  if (profile || first.has('sRGB') || !(first.has('gAMA') || first.has('cHRM'))) return { bytes };
  const gamma = first.has('gAMA') ? number('gAMA') : undefined;
  const places = first.has('cHRM')
    ? ([0, 2, 4, 6].map((index) => [number('cHRM', index), number('cHRM', index + 1)] as const) as [number, number][])
    : undefined;
  const sound = (gamma === undefined || gamma > 0) && !places?.some(([x, y]) => !(x >= 0 && y > 0));
  return { bytes, colour: sound ? pngSpace(gamma, places, greyscale) : undefined };
}

/** Whether an iCCP chunk (name, NUL, method, zlib) holds a profile within the limit. */
function isProfile(data: Uint8Array): boolean {
  const name = data.indexOf(0);
  try {
    inflateSync(data.subarray(name + 2), { maxOutputLength: MAX_PROFILE_BYTES });
    return name > 0;
  } catch {
    return false;
  }
}
