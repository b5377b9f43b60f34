import { pinsOf } from '../pins';
import { clip, show } from '../problems';
import { type Checking, type NodeSpec, type NodeView } from './types';

const percent = { unit: '%', min: 0, max: 100, step: 1 } as const;

/** Structure and appearances must share a checkpoint and a schedule; pins must name appearances that are there. */
function check(node: NodeView, { report }: Checking): void {
  checkPins(node, report);
  const structure = node.source('structure');
  if (structure?.type !== 'invert') return;
  const [model, schedule] = [structure.source('checkpoint')?.model, structure.conditions('schedule')];
  for (const [wire, appearance] of node.sources('appearance').entries()) {
    if (appearance?.type !== 'invert' || appearance.id === structure.id) continue;
    const disagree = (one: () => string, other: () => string, what: string): void =>
      report({
        code: 'disagreement',
        message: () =>
          `${clip(node.id)} takes the structure from ${clip(structure.id)} (${one()}) and the appearance from ${clip(appearance.id)} (${other()}): ${what}`,
        port: 'appearance',
        wire,
      });
    const other = appearance.source('checkpoint')?.model;
    if (model && other && model.key !== other.key)
      disagree(
        () => model.words,
        () => other.words,
        'their checkpoints differ. Connect both to one checkpoint.',
      );
    const its = appearance.conditions('schedule');
    if (['steps', 'skip', 'spacing', 'noiseMaps', 'seed'].some((name) => schedule[name] !== its[name]))
      disagree(
        () => scheduleWords(structure),
        () => scheduleWords(appearance),
        'their schedules differ. Connect both to one schedule.',
      );
  }
}

function checkPins(node: NodeView, report: Checking['report']): void {
  const wires = node.sources('appearance').length;
  if (wires === 0) return;
  const pins = pinsOf(node.params['pins']);
  const index = pins.findIndex(({ appearance = 1, muted }) => !muted && appearance > wires);
  if (index < 0) return;
  const has = wires === 1 ? 'one wire' : `${wires} wires`;
  report({
    code: 'bad-value',
    message: () =>
      `pins, pin ${index + 1}: it takes its look from appearance ${pins[index]?.appearance ?? 1}, but ${clip(node.id)}.appearance has ${has}.`,
    param: 'pins',
  });
}

function scheduleWords(inversion: NodeView): string {
  const wired = inversion.source('schedule');
  const { steps, skip, spacing, noiseMaps, seed } = inversion.conditions('schedule');
  const name = wired?.type === 'schedule' ? clip(wired.id) : 'the default schedule';
  return `${name}: ${show(steps)} steps, ${show(skip)} skipped, ${spacing === 'trailing' ? 'trailing, ' : ''}${noiseMaps === 'shifted' ? 'shifted noise maps, ' : ''}seed ${show(seed)}`;
}

export const attentionSwap: NodeSpec = {
  type: 'attention-swap',
  title: 'Attention swap',
  category: 'transfer',
  help: "Cross-image attention: the structure's queries attend to the keys and values of the appearance.",
  inputs: [
    { name: 'structure', label: 'Structure', help: 'The inverted image that gives the shapes.', types: ['inversion'] },
    {
      name: 'appearance',
      label: 'Appearance',
      help: 'The inverted image, or images, that give the look.',
      types: ['inversion'],
      list: true,
      repeats: true,
    },
    {
      name: 'masks',
      label: 'Masks',
      help: 'The region of the structure for each appearance: the first mask is for the first appearance, and so on. Overlapping masks share their region. An appearance without a mask gets the uncovered region; if all have masks, the first gets it.',
      types: ['mask'],
      optional: true,
      list: true,
      repeats: true,
      pairsWith: { port: 'appearance', on: 'node' },
    },
    {
      name: 'sources',
      label: 'Sources',
      help: 'The region of each appearance that its look is taken from: the first mask is for the first appearance, and so on. An appearance without one gives its look from everywhere.',
      types: ['mask'],
      optional: true,
      list: true,
      repeats: true,
      pairsWith: { port: 'appearance', on: 'node' },
    },
  ],
  outputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer, ready to denoise.', type: 'transfer' }],
  params: [
    {
      kind: 'range',
      name: 'higherRange',
      label: 'Higher resolution',
      help: "The steps that swap attention at the decoder's highest resolution, in per cent of all steps.",
      default: [10, 90],
      ...percent,
    },
    {
      kind: 'range',
      name: 'lowerRange',
      label: 'Lower resolution',
      help: "The steps that swap attention at the decoder's second highest resolution, in per cent of all steps.",
      default: [10, 70],
      ...percent,
    },
    {
      kind: 'integer',
      name: 'structureEvery',
      label: 'Structure every',
      help: "Uses the structure's own keys and values every N steps, to keep its shapes.",
      default: 5,
      unit: 'steps',
      min: 1,
      max: 1000,
      step: 1,
      slider: [1, 20],
    },
    {
      kind: 'number',
      name: 'structureUntil',
      label: 'Structure until',
      help: "The last step that may use the structure's own keys and values, in per cent of all steps; 0 for never.",
      default: 40,
      ...percent,
    },
    {
      kind: 'number',
      name: 'contrast',
      label: 'Contrast',
      help: 'Sharpens the swapped attention maps; 1 does not change them.',
      default: 1.67,
      min: 0,
      max: 10,
      step: 0.01,
      slider: [0, 5],
    },
    {
      kind: 'pins',
      name: 'pins',
      label: 'Pins',
      help: 'Places of the structure that take their look from chosen places of the appearance. Later pins cover earlier ones.',
      default: [],
    },
  ],
  mute: 'reconstruct',
  check,
  keyParams: ['contrast', 'higherRange'],
  idBase: 'swap',
};
