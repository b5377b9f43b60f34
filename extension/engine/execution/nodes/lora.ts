import { resolveInput } from '../../paths';
import { type Executor } from '../context';
import { firstSeen } from '../firstSeen';
import { requiredInput } from '../inputs';
import { inputTrust } from '../planOutputs';

export const lora: Executor = async (execution) => {
  const { node, context } = execution;
  const model = requiredInput(execution, 'checkpoint', 'checkpoint');
  const { path, strength, textStrength } = node.params;
  const choice = {
    file: await resolveInput(String(path), inputTrust(context.options)),
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
