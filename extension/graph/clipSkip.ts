/**
 * Why a prompt can't leave out so many layers of a checkpoint's text encoder, as a sentence; undefined if it can, or if that is not known yet.
 * `clipSkip`: how many can be left out.
 */
export function clipSkipProblem(
  { id, clipSkip: most }: { id: string; clipSkip?: number },
  wanted: number,
): string | undefined {
  if (most === undefined || wanted <= most) return undefined;
  if (most === 0)
    return (
      `clipSkip can't be used with the checkpoint ${id}: the ONNX graph of its text encoder does not show its layers. ` +
      'Set clipSkip to 0, or add the same model as a .safetensors file.'
    );
  return `clipSkip is ${wanted}, but the text encoder of the checkpoint ${id} has ${most + 1} layers: at most ${most} can be left out.`;
}
