/** The first directory of a TIFF (TIFF 6.0 §2; BigTIFF): what the image library would pass over or take for something else. */

const tags = {
  subfileType: 254,
  bitsPerSample: 258,
  photometric: 262,
  samplesPerPixel: 277,
  tileOffsets: 324,
  tileByteCounts: 325,
  subDirectories: 330,
  sampleFormat: 339,
  dngVersion: 50706,
} as const;
/** Bytes of a value of each type of field; others are never needed here. */
const BYTES: Readonly<Record<number, 1 | 2 | 4 | 8>> = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 };
/** Photometric interpretations: a sensor's own numbers, and the three forms of CIELAB. */
const SENSOR = [32803, 34892];
const LAB = [8, 9, 10];
const WHITE_IS_ZERO = 0;
const INKS = 5;
const FLOAT = 3;

interface Field {
  type: number;
  count: number;
  /** Where its values begin. */
  at: number;
}

/**
 * Why a TIFF is not the image that it seems, as the end of a sentence: a camera's RAW file, of which the library would show the thumbnail;
 * numbers that it takes for others; tiles beyond the file's end, which it leaves black.
 */
export function problemOfTiff(bytes: Uint8Array): string | undefined {
  const directory = new Directory(bytes);
  const subfile = directory.value(tags.subfileType) ?? 0;
  const photometric = directory.value(tags.photometric) ?? -1;
  if (
    directory.has(tags.dngVersion) ||
    SENSOR.includes(photometric) ||
    ((subfile & 1) === 1 && directory.has(tags.subDirectories))
  ) {
    return 'is a camera RAW image, which Weft does not read. Develop it and export it as TIFF, PNG or JPEG.';
  }
  if (LAB.includes(photometric)) return 'holds CIELAB colours, which Weft does not read. Save it as RGB.';
  const channels = directory.value(tags.samplesPerPixel) ?? 1;
  if (channels > (photometric === INKS ? 5 : 4)) {
    return `has ${channels} channels; Weft reads greyscale, RGB and CMYK, with or without alpha. Save it as RGB.`;
  }
  if ((directory.value(tags.bitsPerSample) ?? 8) > 32) {
    return 'has samples of more than 32 bits, which Weft does not read. Save it with unsigned 8-bit or 16-bit samples.';
  }
  if (photometric === WHITE_IS_ZERO && directory.value(tags.sampleFormat) === FLOAT) {
    return 'has float samples with white at 0, which Weft does not read. Save it with unsigned 8-bit or 16-bit samples.';
  }
  const offsets = directory.values(tags.tileOffsets);
  const lengths = directory.values(tags.tileByteCounts);
  if (offsets?.some((offset, index) => offset + (lengths?.[index] ?? 0) > bytes.length)) {
    return 'is cut short: some of its tiles are missing. Save it again.';
  }
  return undefined;
}

class Directory {
  private readonly view: DataView;
  private readonly little: boolean;
  private readonly big: boolean;
  private readonly fields = new Map<number, Field>();

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.little = bytes[0] === 0x49;
    this.big = bytes.length >= 16 && this.number(2, 2) === 43;
    const entry = this.big ? 20 : 12;
    const room = this.big ? 8 : 4;
    const start = this.number(this.big ? 8 : 4, room);
    const count = this.number(start, this.big ? 8 : 2);
    for (let index = 0, at = start + (this.big ? 8 : 2); index < count; index++, at += entry) {
      if (at + entry > bytes.length) break;
      const type = this.number(at + 2, 2);
      const values = this.number(at + 4, room);
      const inside = values * (BYTES[type] ?? 1) <= room;
      const place = at + 4 + room;
      this.fields.set(this.number(at, 2), { type, count: values, at: inside ? place : this.number(place, room) });
    }
  }

  has(tag: number): boolean {
    return this.fields.has(tag);
  }

  value(tag: number): number | undefined {
    return this.values(tag, 1)?.[0];
  }

  /** Up to `most` values; those beyond the file's end count as missing. */
  values(tag: number, most = Infinity): number[] | undefined {
    const field = this.fields.get(tag);
    const size = field && BYTES[field.type];
    if (!field || !size) return undefined;
    const there = Math.max(0, Math.floor((this.view.byteLength - field.at) / size));
    return Array.from({ length: Math.min(field.count, most, there) }, (_, i) => this.number(field.at + i * size, size));
  }

  /** 0 beyond the end. */
  private number(at: number, size: 1 | 2 | 4 | 8): number {
    if (at + size > this.view.byteLength) return 0;
    switch (size) {
      case 1:
        return this.view.getUint8(at);
      case 2:
        return this.view.getUint16(at, this.little);
      case 4:
        return this.view.getUint32(at, this.little);
      default:
        return Number(this.view.getBigUint64(at, this.little));
    }
  }
}
