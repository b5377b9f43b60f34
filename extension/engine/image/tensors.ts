/** Between interleaved RGB bytes and the planes a VAE reads and writes. */

/** RGB bytes [H·W·3] → planes [3, H, W] in [−1, 1]. */
export function toModelInput(rgb: Uint8Array, out: Float32Array = new Float32Array(rgb.length)): Float32Array {
  const pixels = rgb.length / 3;
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) out[c * pixels + i] = rgb[i * 3 + c]! / 127.5 - 1;
  }
  return out;
}

/** Planes [3, H, W] around [−1, 1] → RGB bytes [H·W·3]; what lies beyond is clamped, NaN becomes black. */
export function fromModelOutput(planes: Float32Array): Uint8Array {
  const pixels = planes.length / 3;
  const rgb = new Uint8Array(planes.length);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const value = Math.round((planes[c * pixels + i]! + 1) * 127.5);
      rgb[i * 3 + c] = value > 255 ? 255 : value > 0 ? value : 0;
    }
  }
  return rgb;
}
