/** Which sizes of pictures a checkpoint can work at. */

export interface SizeFacts {
  id: string;
  /** Side of its own, square pictures, in pixels. */
  pictureSize: number;
  sizes: {
    /** Its graphs were exported for its own size alone. */
    fixed: boolean;
    /** Width and height are multiples of this: pixels of a latent cell × what the UNet halves. */
    multipleOf: number;
  };
}

/** Why a checkpoint can't work at a size, as the end of a sentence that names who asks; undefined if it can. */
export function sizeProblem(checkpoint: SizeFacts, width: number, height: number): string | undefined {
  const { id, pictureSize: own, sizes } = checkpoint;
  if (width === own && height === own) return undefined;
  const asks = `asks for ${width} × ${height} pixels`;
  if (sizes.fixed)
    return `${asks}, but the graphs of "${id}" were exported only for ${own} × ${own}. Reset width and height, or choose a checkpoint that was exported with dynamic sizes.`;
  const { multipleOf } = sizes;
  if (width % multipleOf === 0 && height % multipleOf === 0) return undefined;
  const nearest = (pixels: number): number => Math.max(multipleOf, Math.round(pixels / multipleOf) * multipleOf);
  return `${asks}, but "${id}" needs multiples of ${multipleOf}: ${nearest(width)} × ${nearest(height)}, for instance.`;
}
