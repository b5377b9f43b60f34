/**
 * What the numbers of an image mean as colours, and the way from there to sRGB. The image library converts 8-bit RGB and CMYK by the ICC
 * profile. It turns 16 bits into another space, rounds dark greys and overlooks the profile of 16-bit greyscale, and knows nothing of what
 * a PNG or an AVIF says of its colours without a profile: those are converted here.
 *
 * Sources: ICC.1:2022 §8 and §10 (profiles of primaries and curves), PNG third edition §11.3.2 (cHRM, gAMA, cICP), ITU-T H.273 (code
 * points), IEC 61966-2-1 (sRGB).
 */

/** A stored value to linear light, both from 0 to 1. */
type Curve = (value: number) => number;
type Row = readonly [number, number, number];
type Matrix = readonly [Row, Row, Row];
type Chromaticity = readonly [x: number, y: number];

/** Colours by primaries and curves: one curve for greyscale; three, and the way from linear light to that of sRGB, for RGB. */
export type ColourSpace =
  { curves: readonly [Curve]; matrix?: undefined } | { curves: readonly [Curve, Curve, Curve]; matrix: Matrix };

/** Samples as they are stored: 0 to 255, 0 to 65535, or 0 to 1. */
export type Samples = Uint8Array | Uint16Array | Float32Array;

/** Levels (of 255) that no colour of a space moves by when it counts as sRGB: profiles of sRGB are rounded here and there. */
const SAME_LEVELS = 1.5;

const STEPS = 65535;

const srgbCurve: Curve = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const srgbEncoded = (light: number): number =>
  light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055;
const gamma =
  (exponent: number): Curve =>
  (value) =>
    Math.max(value, 0) ** exponent;

/** XYZ of sRGB's primaries under D50, as columns: how every profile of sRGB states them. */
const SRGB_TO_D50: Matrix = [
  [0.4360657, 0.3851471, 0.1430664],
  [0.2224884, 0.7168732, 0.0606079],
  [0.013916, 0.0970764, 0.7140961],
];
const D50_TO_SRGB = inverse(SRGB_TO_D50);
const D50: Row = [0.9642, 1, 0.8249];
/** To the responses of the eye's cones, by Bradford. */
const BRADFORD: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];

/** What an ICC profile of an image says: a space; `unfit` for images of this kind (other programs ignore it too); `other`, such as tables. */
export function readProfile(profile: Uint8Array, greyscale: boolean): ColourSpace | 'unfit' | 'other' {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  const letters = (at: number): string => String.fromCharCode(...profile.subarray(at, at + 4));
  if (profile.length < 132 || letters(36) !== 'acsp') return 'unfit';
  if (letters(16) !== (greyscale ? 'GRAY' : 'RGB ')) return 'unfit';
  const tags = new Map<string, { at: number; length: number }>();
  for (let entry = 132; entry + 12 <= profile.length && tags.size < view.getUint32(128); entry += 12) {
    const at = view.getUint32(entry + 4);
    const length = view.getUint32(entry + 8);
    if (at + length > profile.length) return 'other';
    tags.set(letters(entry), { at, length });
  }
  // Tables go before primaries and curves, and lightness is not light.
  if (letters(20) !== 'XYZ ' || [...tags.keys()].some((tag) => /^[AD]2B/.test(tag))) return 'other';
  const curve = (tag: string): Curve | undefined => {
    const place = tags.get(tag);
    return place && readCurve(view, place.at, place.length);
  };
  if (greyscale) {
    const grey = curve('kTRC');
    return grey ? { curves: [grey] } : 'other';
  }
  const fixed = (at: number): number => view.getInt32(at) / 65536;
  const columns = ['rXYZ', 'gXYZ', 'bXYZ'].map((tag) => tags.get(tag));
  const [red, green, blue] = ['rTRC', 'gTRC', 'bTRC'].map(curve);
  if (!red || !green || !blue || !columns.every((place) => place && place.length >= 20)) return 'other';
  const row = (index: number): Row => columns.map((place) => fixed(place!.at + 8 + index * 4)) as unknown as Row;
  return { curves: [red, green, blue], matrix: product(D50_TO_SRGB, [row(0), row(1), row(2)]) };
}

function readCurve(view: DataView, at: number, length: number): Curve | undefined {
  if (length < 12) return undefined;
  const type = view.getUint32(at);
  if (type === 0x63757276 /* curv */) {
    const count = view.getUint32(at + 8);
    if (count > (length - 12) / 2) return undefined;
    if (count === 0) return (value) => value;
    if (count === 1) return gamma(view.getUint16(at + 12) / 256);
    return (value) => {
      const place = Math.min(Math.max(value, 0), 1) * (count - 1);
      const before = Math.min(Math.floor(place), count - 2);
      const low = view.getUint16(at + 12 + before * 2);
      const high = view.getUint16(at + 14 + before * 2);
      return (low + (high - low) * (place - before)) / 65535;
    };
  }
  if (type !== 0x70617261 /* para */) return undefined;
  const kind = view.getUint16(at + 8);
  const count = [1, 3, 4, 5, 7][kind];
  if (count === undefined || length < 12 + count * 4) return undefined;
  const [g, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from(
    { length: count },
    (_, index) => view.getInt32(at + 12 + index * 4) / 65536,
  ) as [number, ...number[]];
  const power = gamma(g);
  switch (kind) {
    case 0:
      return power;
    case 1:
      return (value) => (value >= -b / a ? power(a * value + b) : 0);
    case 2:
      return (value) => (value >= -b / a ? power(a * value + b) + c : c);
    default:
      return (value) => (value >= d ? power(a * value + b) + e : c * value + f);
  }
}

/** By chromaticities (x, y) and a curve for all three channels. Undefined for primaries that span nothing. */
export function spaceOf(
  [red, green, blue]: readonly [Chromaticity, Chromaticity, Chromaticity],
  white: Chromaticity,
  curve: Curve,
): ColourSpace | undefined {
  const xyz = ([x, y]: Chromaticity): Row => [x / y, 1, (1 - x - y) / y];
  const primaries = transposed([xyz(red), xyz(green), xyz(blue)]);
  const amounts = times(inverse(primaries), xyz(white));
  const cones = times(BRADFORD, xyz(white));
  const wanted = times(BRADFORD, D50);
  const adapt = product(
    inverse(BRADFORD),
    BRADFORD.map((row, i) => row.map((value) => (value * wanted[i]!) / cones[i]!)) as unknown as Matrix,
  );
  const scaled = primaries.map((row) => row.map((value, i) => value * amounts[i]!)) as unknown as Matrix;
  const matrix = product(D50_TO_SRGB, product(adapt, scaled));
  return matrix.flat().every(Number.isFinite) ? { curves: [curve, curve, curve], matrix } : undefined;
}

const D65: Chromaticity = [0.3127, 0.329];
const SRGB_PRIMARIES: readonly [Chromaticity, Chromaticity, Chromaticity] = [
  [0.64, 0.33],
  [0.3, 0.6],
  [0.15, 0.06],
];

/** What a PNG says of its colours without a profile: gAMA (the exponent it was encoded with) and cHRM (white, red, green, blue). */
export function pngSpace(
  encodedWith: number | undefined,
  chromaticities: readonly Chromaticity[] | undefined,
  greyscale: boolean,
): ColourSpace | undefined {
  // Writers of sRGB state 1 / 2.2, which stands for sRGB's own curve: libpng counts exponents within 5 % as the same.
  const curve =
    encodedWith === undefined || Math.abs(encodedWith * 2.2 - 1) < 0.05 ? srgbCurve : gamma(1 / encodedWith);
  if (greyscale) return { curves: [curve] };
  const [white = D65, ...primaries] = chromaticities ?? [];
  const [red, green, blue] = primaries.length === 3 ? primaries : SRGB_PRIMARIES;
  return spaceOf([red!, green!, blue!], white, curve);
}

const PRIMARIES: Readonly<Record<number, readonly [Chromaticity, Chromaticity, Chromaticity]>> = {
  1: SRGB_PRIMARIES,
  5: [
    [0.64, 0.33],
    [0.29, 0.6],
    [0.15, 0.06],
  ],
  6: [
    [0.63, 0.34],
    [0.31, 0.595],
    [0.155, 0.07],
  ],
  9: [
    [0.708, 0.292],
    [0.17, 0.797],
    [0.131, 0.046],
  ],
  12: [
    [0.68, 0.32],
    [0.265, 0.69],
    [0.15, 0.06],
  ],
};
/** Video's curves (1, 6, 14, 15) are shown as sRGB's, as players do. */
const CURVES: Readonly<Record<number, Curve>> = {
  1: srgbCurve,
  4: gamma(2.2),
  5: gamma(2.8),
  6: srgbCurve,
  8: (value) => value,
  13: srgbCurve,
  14: srgbCurve,
  15: srgbCurve,
};
/** PQ and HLG. */
const HDR_CURVES = [16, 18];

/** The code points of H.273 in a PNG's cICP or an AVIF's nclx; what is not stated or not known counts as sRGB's. */
export function codedSpace(primaries: number, transfer: number, greyscale: boolean): ColourSpace | 'HDR' | undefined {
  if (HDR_CURVES.includes(transfer)) return 'HDR';
  const curve = CURVES[transfer] ?? srgbCurve;
  return greyscale ? { curves: [curve] } : spaceOf(PRIMARIES[primaries] ?? SRGB_PRIMARIES, D65, curve);
}

/** Whether a space is sRGB by what it does: no colour moves by more than {@link SAME_LEVELS}. */
export function isSrgb(space: ColourSpace): boolean {
  const channels = space.curves.length;
  const samples: number[] = [];
  for (let level = 0; level < 256; level++) samples.push(...Array<number>(channels).fill(level));
  if (channels === 3) {
    for (let colour = 0; colour < 6 ** 3; colour++) {
      samples.push((colour % 6) * 51, (Math.floor(colour / 6) % 6) * 51, Math.floor(colour / 36) * 51);
    }
  }
  const levels = converted(space, 255);
  const out = [0, 0, 0];
  for (let at = 0; at < samples.length; at += channels) {
    levels(samples, at, out);
    if (out.some((level, c) => Math.abs(level - samples[at + (channels === 3 ? c : 0)]!) > SAME_LEVELS)) return false;
  }
  return true;
}

/**
 * Stored samples of 1 to 4 channels (grey or RGB, and alpha where there is one more) as RGB bytes over a background level.
 * Without a space the stored values are sRGB's, scaled by their format.
 */
export function toSrgb(
  samples: Samples,
  channels: number,
  space: ColourSpace | undefined,
  background: number,
): Uint8Array {
  const most = samples instanceof Uint8Array ? 255 : samples instanceof Uint16Array ? 65535 : 1;
  const colours = channels >= 3 ? 3 : 1;
  const levels = space ? converted(space, most) : scaled(most, colours);
  const pixels = samples.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  const level = [0, 0, 0];
  for (let i = 0; i < pixels; i++) {
    levels(samples, i * channels, level);
    const alpha = channels > colours ? Math.min(Math.max(samples[i * channels + colours]! / most, 0), 1) : 1;
    for (let c = 0; c < 3; c++) {
      rgb[i * 3 + c] = Math.round(level[c]! * alpha + background * (1 - alpha));
    }
  }
  return rgb;
}

/** Levels from 0 to 255 of the pixel that starts at `at`. */
type Levels = (samples: ArrayLike<number>, at: number, out: number[]) => void;

function scaled(most: number, colours: number): Levels {
  return (samples, at, out) => {
    for (let c = 0; c < 3; c++) {
      const value = samples[at + (colours === 3 ? c : 0)]! / most;
      out[c] = 255 * Math.min(Math.max(value, 0), 1);
    }
  };
}

function converted(space: ColourSpace, most: number): Levels {
  const tables = space.curves.map((curve) =>
    Float32Array.from({ length: STEPS + 1 }, (_, step) => curve(step / STEPS)),
  );
  const place = (value: number): number => Math.round(Math.min(Math.max(value, 0), 1) * STEPS);
  const { matrix } = space;
  if (!matrix) {
    return (samples, at, out) => {
      const light = tables[0]![place(samples[at]! / most)]!;
      out.fill(encodings()[place(light)]!);
    };
  }
  const [red, green, blue] = tables as [Float32Array, Float32Array, Float32Array];
  return (samples, at, out) => {
    const r = red[place(samples[at]! / most)]!;
    const g = green[place(samples[at + 1]! / most)]!;
    const b = blue[place(samples[at + 2]! / most)]!;
    for (let c = 0; c < 3; c++) {
      const row = matrix[c]!;
      out[c] = encodings()[place(row[0] * r + row[1] * g + row[2] * b)]!;
    }
  };
}

let encoded: Float32Array | undefined;
/** sRGB levels (0 to 255) of linear light in steps of 1 / 65535. */
function encodings(): Float32Array {
  encoded ??= Float32Array.from({ length: STEPS + 1 }, (_, step) => 255 * srgbEncoded(step / STEPS));
  return encoded;
}

function times(matrix: Matrix, vector: Row): Row {
  return matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i]!, 0)) as unknown as Row;
}

function transposed(matrix: Matrix): Matrix {
  return [0, 1, 2].map((i) => matrix.map((row) => row[i]!)) as unknown as Matrix;
}

function product(left: Matrix, right: Matrix): Matrix {
  return transposed(transposed(right).map((column) => times(left, column)) as unknown as Matrix);
}

function inverse(matrix: Matrix): Matrix {
  const [[a, b, c], [d, e, f], [g, h, i]] = matrix;
  const [x, y, z] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const determinant = a * x + b * y + c * z;
  const adjugate: Matrix = [
    [x, c * h - b * i, b * f - c * e],
    [y, a * i - c * g, c * d - a * f],
    [z, b * g - a * h, a * e - b * d],
  ];
  return adjugate.map((row) => row.map((value) => value / determinant)) as unknown as Matrix;
}
