/**
 * Bytes of a message. VS Code carries typed arrays as they are, but a Node Buffer arrives as what its toJSON says,
 * `{type: 'Buffer', data: [...]}`.
 */
export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data)) {
    return Uint8Array.from(value.data as number[]);
  }
  return new Uint8Array();
}

/** What is drawn, as a PNG. */
export async function pngOf(canvas: HTMLCanvasElement): Promise<Uint8Array | undefined> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  return blob ? new Uint8Array(await blob.arrayBuffer()) : undefined;
}

/** A PNG of a message, as an address of the page; to be given back with `URL.revokeObjectURL`. */
export function pngUrl(png: unknown): string {
  return URL.createObjectURL(new Blob([new Uint8Array(bytesOf(png))], { type: 'image/png' }));
}
