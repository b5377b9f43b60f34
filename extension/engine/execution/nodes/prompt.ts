import { promptText } from '../../../graph';
import { graphError } from '../../../protocol/errors';
import { type Executor } from '../context';
import { firstSeen } from '../firstSeen';

export const prompt: Executor = async ({ node, context }) => {
  const text = promptText(node.params);
  if (!text?.trim()) throw graphError(`${node.id} has no text. Set its domain to a noun that names the object.`);
  const domain = String(node.params['domain'] ?? '');
  const clipSkip = node.params['clipSkip'] as number;
  return {
    outputs: { prompt: { kind: 'prompt', text, domain, clipSkip } },
    computed: await firstSeen(context.store, 'prompt', [text, domain, ...(clipSkip > 0 ? [clipSkip] : [])]),
  };
};
