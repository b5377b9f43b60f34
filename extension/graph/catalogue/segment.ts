import { partPlace } from '../parts';
import { clip, show } from '../problems';
import { promptText } from './prompt';
import { type Checking, type NodeSpec, type NodeView, type ParamValues } from './types';

/** Letters of a prompt's text, and of its noun, up to which it is searched for the noun of a mask. */
const LONGEST_PROMPT = 1000;

/** The step whose attention gives the masks when none is named: where AdaIN's default range begins, at least 1. */
export function defaultSegmentStep(steps: number): number {
  return Math.max(1, Math.ceil((20 * steps) / 100));
}

/** The noun and the step come from the prompt and the schedule of the inversion. */
function inherit(node: NodeView): ParamValues {
  const inversion = node.source('inversion');
  const steps = inversion?.conditions('schedule')['steps'];
  return {
    noun: inversion?.conditions('prompt')['domain'],
    step: typeof steps === 'number' ? defaultSegmentStep(steps) : undefined,
  };
}

function check(node: NodeView, { report }: Checking): void {
  const { part } = node.written;
  if (typeof part === 'string' && !partPlace(part)) {
    const message = () =>
      `part must be a place of the image, x, y from 0 to 1 (for instance "0.4, 0.3"), not ${show(part)}.`;
    report({ code: 'bad-value', message, param: 'part' });
  }
  const inversion = node.source('inversion');
  if (node.muted || inversion?.type !== 'invert') return;
  const prompt = inversion.source('prompt');
  const noun = node.written['noun'] ?? prompt?.written['domain'];
  if (
    part === undefined &&
    prompt?.type === 'prompt' &&
    typeof noun === 'string' &&
    noun.trim() !== '' &&
    lacks(prompt.written, noun)
  ) {
    const message = (): string =>
      `${show(noun)} is not in the prompt of ${clip(prompt.id)}, ${show(promptText(prompt.written))}, so ${clip(node.id)} finds no mask. Use a word from the prompt.`;
    report({ code: 'noun-not-in-prompt', message, param: 'noun', severity: 'warning' });
  }
  const { step } = node.written;
  const { steps, skip } = inversion.conditions('schedule');
  if (typeof step !== 'number' || typeof steps !== 'number' || typeof skip !== 'number' || skip >= steps) return;
  if (step < steps - skip) return;
  const message = () =>
    `step must be less than ${steps - skip}: ${skip} of ${steps} steps are skipped, so ${steps - skip} run.`;
  report({ code: 'step-out-of-reach', message, param: 'step' });
}

/** The words of each prompt that was asked for. */
const plainPrompts = new WeakMap<ParamValues, string>();

/** Whether a prompt is without a noun. Of one that is far too long for the model nothing is said. */
function lacks(prompt: ParamValues, noun: string): boolean {
  let words = plainPrompts.get(prompt);
  if (words === undefined) {
    const { domain = '', text = '' } = prompt;
    const short = [domain, text].every((one) => typeof one === 'string' && one.length <= LONGEST_PROMPT);
    words = plainWords((short && promptText(prompt)) || '');
    plainPrompts.set(prompt, words);
  }
  return words.trim() !== '' && !words.includes(plainWords(noun));
}

/** The words of a text in small letters, with a space before, between and after them: words are searched whole and in a row. */
function plainWords(text: string): string {
  const words = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
  return ` ${words} `;
}

export const segment: NodeSpec = {
  type: 'segment',
  title: 'Segment',
  category: 'inversion',
  help: "Finds the object in an image from the model's attention maps.",
  inputs: [{ name: 'inversion', label: 'Inversion', help: 'The inverted image.', types: ['inversion'] }],
  outputs: [{ name: 'mask', label: 'Mask', help: 'Where the object is.', type: 'mask' }],
  params: [
    {
      kind: 'text',
      name: 'noun',
      label: 'Noun',
      help: 'The word of the prompt that names the object.',
      defaultNote: 'the domain',
    },
    {
      kind: 'integer',
      name: 'step',
      label: 'Step',
      help: 'The step whose attention maps are used, counted from the first step that is not skipped.',
      defaultNote: '20 % of the steps, at least 1',
      unit: 'step',
      min: 1,
      max: 999,
      step: 1,
    },
    {
      kind: 'integer',
      name: 'clusters',
      label: 'Clusters',
      help: 'The number of regions that the image is divided into. The object is one or more of them.',
      default: 5,
      min: 2,
      max: 20,
      step: 1,
    },
    {
      kind: 'text',
      name: 'part',
      label: 'Part',
      help: 'A place of the image, x, y from 0 to 1: the mask is then the region at this place, whatever the noun.',
      defaultNote: 'none: the regions of the noun',
    },
    {
      kind: 'path',
      name: 'override',
      label: 'Correction',
      help: 'A small PNG over the mask: white for object, black for background, transparent for no change. The mask editor writes it.',
      defaultNote: 'none',
      filter: { label: 'PNG images', extensions: ['png'] },
      access: 'read',
      ofNode: true,
    },
  ],
  mute: 'no-mask',
  inherit,
  check,
  keyParams: ['noun'],
  idBase: 'mask',
};
