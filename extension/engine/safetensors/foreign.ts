/** What files that are no .safetensors are, by how they begin: names are no evidence. */
import { notTheBytes } from '../onnx/notTheFile';

/** FILE instead of its name: that comes from a stranger, and this line is there to be pasted into a shell. */
export const PICKLE =
  'is a PyTorch pickle (.ckpt, .pt, .pth, .bin), which can run any program when it is opened, so Weft does not open it: get the ' +
  '.safetensors file of the same model, or convert it where PyTorch is installed, loading nothing but its numbers: ' +
  `python -c "import torch, safetensors.torch as s; d = torch.load('FILE', map_location='cpu', weights_only=True); d = d.get('state_dict', d); ` +
  `s.save_file({k: v.clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}, 'model.safetensors')"`;

/** By the bytes that a file begins with. */
const SIGNATURES: [bytes: string, what: string][] = [
  [
    'GGUF',
    'is a GGUF file, a quantised format that Weft does not run. Get the .safetensors file of the same model in float16 or float32.',
  ],
  ['\x89PNG', 'is a picture, not a model. Choose a .safetensors file.'],
  ['\xff\xd8\xff', 'is a picture, not a model. Choose a .safetensors file.'],
  ['\x89HDF', 'is an HDF5 file (Keras), which Weft does not read. Get the .safetensors file of the same model.'],
  ['\x1f\x8b', 'is a compressed file. Unpack it, and choose the .safetensors file inside.'],
  ['7z\xbc\xaf', 'is a 7z archive. Unpack it, and choose the .safetensors file inside.'],
  ['Rar!', 'is a RAR archive. Unpack it, and choose the .safetensors file inside.'],
];

/** The rest of a sentence that begins with the file's name: what it is instead, and what to do. Undefined when it may be a .safetensors file. */
export function foreignFile(first: Buffer, name: string): string | undefined {
  const elsewhere = notTheBytes(first);
  if (elsewhere !== undefined) return elsewhere;
  const head = first.toString('latin1');
  const known = SIGNATURES.find(([bytes]) => head.startsWith(bytes));
  if (known !== undefined) return known[1];
  if (head.startsWith('PK\x03\x04'))
    return /data\.pkl/.test(head) || /\.(ckpt|pt|pth|bin)$/i.test(name)
      ? PICKLE
      : 'is a ZIP archive. Unpack it, and choose the .safetensors file inside.';
  // Opcode PROTO and a version.
  if (first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5) return PICKLE;
  if (/\.(ckpt|pt|pth)$/i.test(name)) return PICKLE;
  if (first.length < 8) return `has ${first.length} bytes: too few for a model. Download it again.`;
  // A header begins with a brace, at the byte after its length, and that length has zeros in it.
  if (head[8] === '{' || first[7] === 0) return undefined;
  // eslint-disable-next-line no-control-regex -- control characters are what text has none of
  if (/^[^\x00-\x08\x0e-\x1f]+$/.test(head))
    return 'is a text, not a model. Download it again, and look at what you get.';
  return `is not a .safetensors file. Choose the .safetensors file of a Stable Diffusion model, or a folder in diffusers' or ONNX form.`;
}
