import { sizeProblem } from '../pictureSize';
import { clip, listed, show } from '../problems';
import { type CheckpointFacts, type Checking, type IntegerParam, type NodeSpec, type NodeView } from './types';

/** A side of the pictures. */
const side = (name: string, label: string): IntegerParam => ({
  kind: 'integer',
  name,
  label,
  help: `${label} of the images. Stable Diffusion needs a multiple of 64 and works best near its own size.`,
  defaultNote: "the checkpoint's own",
  unit: 'px',
  min: 64,
  max: 4096,
  step: 64,
});

function check(node: NodeView, checking: Checking): void {
  const { checkpoints, report } = checking;
  const { checkpoint: id } = node;
  if (!checkpoints || id === undefined) return;
  const found = checkpoints.find((known) => known.id === id);
  if (found) return checkSize(node, found, checking);
  const message = (): string => {
    const ids = checkpoints.slice(0, 10).map((known) => known.id);
    const has = ids.length === 0 ? 'The library is empty.' : `The library has ${listed(ids)}.`;
    return `There is no checkpoint ${show(id)} in the library. ${has} Add it with "Weft: Add Checkpoint…" or, in a shell, "weft models add PATH".`;
  };
  report({ code: 'unknown-checkpoint', message, param: 'id' });
}

/** Width and height as far as they are written, against what the checkpoint can do. */
function checkSize(node: NodeView, { id, pictureSize, sizes }: CheckpointFacts, { report }: Checking): void {
  if (pictureSize === undefined || sizes === undefined) return;
  const { width = pictureSize, height = pictureSize } = node.written;
  if (typeof width !== 'number' || typeof height !== 'number') return;
  const problem = sizeProblem({ id, pictureSize, sizes }, width, height);
  if (problem === undefined) return;
  const param = width === pictureSize ? 'height' : 'width';
  report({ code: 'size-not-possible', message: () => `${clip(node.id)} ${problem}`, param });
}

function words({ id, checkpoint: name = id, written: { width, height, vae } }: NodeView): string {
  const pixels = (value: unknown): string => (typeof value === 'number' ? String(value) : 'its own');
  const size = width === undefined && height === undefined ? '' : ` at ${pixels(width)} × ${pixels(height)}`;
  return `checkpoint ${clip(name)}${size}${vae === undefined ? '' : ` with the VAE ${show(vae)}`}`;
}

export const checkpoint: NodeSpec = {
  type: 'checkpoint',
  title: 'Checkpoint',
  category: 'model',
  help: 'The diffusion model to use, and the image size it works at.',
  inputs: [],
  outputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint.', type: 'checkpoint' }],
  params: [
    {
      kind: 'checkpoint',
      name: 'id',
      label: 'Checkpoint',
      help: 'The id of a checkpoint in the library. "mini" is included.',
      default: 'mini',
    },
    {
      kind: 'path',
      name: 'vae',
      label: 'VAE',
      help: 'A .safetensors file with another VAE, such as vae-ft-mse-840000-ema-pruned.safetensors. The path is relative to the graph file.',
      defaultNote: "the checkpoint's own",
      access: 'read',
      filter: { label: 'VAE', extensions: ['safetensors'] },
    },
    side('width', 'Width'),
    side('height', 'Height'),
  ],
  mute: 'never',
  check,
  words,
  keyParams: ['id'],
  idBase: 'model',
};
