/**
 * Colours of attention, the same on the page and in pictures written by the engine. Both scales are laid out in OKLab (Björn
 * Ottosson, "A perceptual color space for image processing", 2020), where equal distances look equally far apart.
 */

export type Rgb = readonly [red: number, green: number, blue: number];

/** sRGB bytes of an OKLab colour; what no screen can show is clipped. */
export function fromOklab(lightness: number, a: number, b: number): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const byte = (linear: number): number => {
    const clipped = Math.min(1, Math.max(0, linear));
    const encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(255 * encoded);
  };
  return [
    byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    byte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** Lightness rises evenly while the hue turns from violet over red and orange to pale yellow. */
const HEAT: Rgb[] = Array.from({ length: 256 }, (_, index) => {
  const t = index / 255;
  const hue = ((-70 + 170 * t) * Math.PI) / 180;
  const chroma = 0.05 + 0.15 * Math.sin(Math.PI * Math.min(1, 0.12 + 0.8 * t));
  return fromOklab(0.22 + 0.75 * t, chroma * Math.cos(hue), chroma * Math.sin(hue));
});

/** Colour of a share 0 … 1 of the strongest attention. */
export function heatColour(share: number): Rgb {
  return HEAT[Math.round(255 * Math.min(1, Math.max(0, share)))]!;
}

/** Colour of a place of a picture, x and y in 0 … 1: neighbours look alike, every corner has its own hue. */
export function placeColour(x: number, y: number): Rgb {
  const [u, v] = [2 * x - 1, 2 * y - 1];
  // A quarter turn puts warm colours above and cool ones below; the middle is grey.
  return fromOklab(0.72 - 0.1 * v, 0.17 * u - 0.05 * v, -0.16 * v - 0.03 * u);
}

/** Colour of one of so many clusters: hues all around, neighbours in number differ in lightness too. */
export function clusterColour(cluster: number, clusters: number): Rgb {
  const hue = (2 * Math.PI * cluster) / clusters;
  return fromOklab(cluster % 2 === 0 ? 0.76 : 0.66, 0.16 * Math.cos(hue), 0.16 * Math.sin(hue));
}

/** How strongly heat covers the picture below it: nothing where there is none, so that the picture stays readable. */
export function heatOpacity(share: number): number {
  return 0.9 * Math.min(1, Math.max(0, share)) ** 0.6;
}
