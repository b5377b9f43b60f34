import { isLoraName } from '../../../graph';
import { WeftError } from '../../../protocol/errors';
import { resolveInput } from '../../paths';
import { type Executor, type RunContext } from '../context';
import { firstSeen } from '../firstSeen';
import { requiredInput } from '../inputs';
import { inputTrust } from '../planOutputs';

export const lora: Executor = async (execution) => {
  const { node, context } = execution;
  const model = requiredInput(execution, 'checkpoint', 'checkpoint');
  const { path, strength, textStrength } = node.params;
  const choice = {
    file: await fileOf(String(path), context),
    strength: strength as number,
    ...(typeof textStrength === 'number' ? { textStrength } : {}),
    onMatched: ({ message, left }: { message: string; left?: string }) => {
      context.emit({ event: 'log', level: 'info', message });
      if (left !== undefined) context.warn(node.id, left);
    },
  };
  const from = { ...model.from, loras: [...model.from.loras, choice] };
  const { size } = model.checkpoint;
  const checkpoint = (await context.checkpoint(from.id, from.vae, from.loras)).at(size, node.id);
  // What it says of its layers is said once.
  const said = { ...choice, onMatched: undefined };
  return {
    outputs: { checkpoint: { ...model, checkpoint, from: { ...from, loras: [...model.from.loras, said] } } },
    computed: await firstSeen(context.store, 'lora', [checkpoint.fingerprint, size]),
  };
};

/** The file of a path, or of the name of a LoRA that was downloaded or lies in a model folder. */
async function fileOf(path: string, context: RunContext): Promise<string> {
  if (!isLoraName(path)) return resolveInput(path, inputTrust(context.options));
  const loras = await context.loras();
  const named = loras.filter(({ name }) => name === path);
  if (named.length === 1) return named[0]!.file;
  // What it is, and what to do with it, is said of the file that is there.
  if (named.length === 0 && /\.(ckpt|pt|pth|bin|gguf|zip)$/i.test(path))
    return resolveInput(path, inputTrust(context.options));
  if (named.length > 1)
    throw new WeftError(
      'graph',
      `There are ${named.length} LoRAs called "${path}" (${named.map(({ file }) => file).join(', ')}). Give the path of one.`,
    );
  const known = [...new Set(loras.map(({ name }) => name))].slice(0, 20).join(', ') || 'none';
  throw new WeftError(
    'graph',
    `There is no LoRA called "${path}" on this machine; known: ${known}. Download it ("Weft: Download Checkpoint…", in a shell \`weft models download NAME\`), or give the path of a .safetensors file.`,
  );
}
