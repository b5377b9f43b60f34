import { clipSkipProblem } from '../clipSkip';
import { listed, show } from '../problems';
import { type Checking, type NodeSpec, type NodeView, type ParamValues } from './types';

/** The prompt when none is written; `{domain}` stands for the noun. */
export const DEFAULT_PROMPT = 'a photo of a {domain}';

/** The words that condition the model: a prompt node's text with its noun filled in, undefined when it has neither. */
export function promptText(params: ParamValues): string | undefined {
  const { domain, text } = params;
  const template = typeof text === 'string' ? text : typeof domain === 'string' ? DEFAULT_PROMPT : undefined;
  return typeof domain === 'string' ? template?.replaceAll('{domain}', () => domain) : template;
}

function check({ written, checkpoint: id }: NodeView, { checkpoints, report }: Checking): void {
  const { domain, clipSkip } = written;
  const checkpoint = checkpoints?.find((known) => known.id === id);
  if (!checkpoint) return;
  const problem = typeof clipSkip === 'number' && clipSkipProblem(checkpoint, clipSkip);
  if (problem) report({ code: 'clip-skip-not-possible', message: () => problem, param: 'clipSkip' });
  const { domains } = checkpoint;
  if (typeof domain !== 'string' || domain.trim() === '' || domains.length === 0) return;
  if (domains.flatMap(({ noun, kinds }) => [noun, ...kinds]).includes(domain.trim().toLowerCase())) return;
  const known = listed(domains.map(({ noun }) => noun).slice(0, 20));
  const message = () => `The checkpoint ${checkpoint.id} does not know ${show(domain)}; it knows ${known}.`;
  report({ code: 'unknown-domain', message, param: 'domain', severity: 'warning' });
}

export const prompt: NodeSpec = {
  type: 'prompt',
  title: 'Prompt',
  category: 'source',
  help: 'What the images show. One noun is enough.',
  inputs: [],
  outputs: [{ name: 'prompt', label: 'Prompt', help: 'The prompt.', type: 'prompt' }],
  params: [
    {
      kind: 'domain',
      name: 'domain',
      label: 'Domain',
      help: 'The noun for the object in both images, for example "animal".',
      required: true,
      unless: 'text',
    },
    {
      kind: 'text',
      name: 'text',
      label: 'Prompt',
      help: 'The whole prompt. {domain} is replaced by the noun.',
      defaultNote: `"${DEFAULT_PROMPT}"`,
      derive: (_params, overrides) => (typeof overrides['text'] === 'string' ? overrides['text'] : DEFAULT_PROMPT),
    },
    {
      kind: 'integer',
      name: 'clipSkip',
      label: 'Clip skip',
      help: 'Number of layers to leave out at the end of the text encoder. "Clip skip 2" in AUTOMATIC1111 is 1 here.',
      default: 0,
      unit: 'layers',
      min: 0,
      max: 23,
      step: 1,
    },
  ],
  mute: 'never',
  check,
  keyParams: ['domain'],
};
