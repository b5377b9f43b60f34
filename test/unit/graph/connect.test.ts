import { describe, expect, it } from 'vitest';
import { checkConnection, inputsAccepting, nodesBetween, outputsFitting } from '../../../extension/graph';
import { documentOf, standard, strangeText } from './helpers';

const check = (from: string, to: string) => {
  const [fromNode, fromPort] = from.split('.') as [string, string];
  const [toNode, toPort] = to.split('.') as [string, string];
  return checkConnection(standard(), fromNode, fromPort, toNode, toPort);
};

describe('a wire', () => {
  it('is allowed where it fits, also where another one is', () => {
    expect(check('invert-structure.inversion', 'swap.appearance')).toBeUndefined();
    expect(check('denoise.timeline', 'save.image')).toBeUndefined();
  });

  it('is refused in a sentence that names both ends and the way', () => {
    expect(check('structure.image', 'swap.structure')).toBe(
      'swap.structure takes an inversion, but structure.image is an image. Put an invert node between them.',
    );
    expect(check('structure.image', 'adain.structureMask')).toBe(
      'adain.structureMask takes a mask, but structure.image is an image. Put an invert and a segment node between them.',
    );
    expect(check('prompt.prompt', 'save.image')).toMatch(
      /^save\.image takes an image or a timeline, but prompt\.prompt is a prompt\./,
    );
  });

  it('is refused when it would close a circle, which is spelt out', () => {
    expect(check('guidance.transfer', 'adain.transfer')).toBe(
      "guidance.transfer can't be connected to adain.transfer: it would form a cycle, adain → guidance → adain.",
    );
    expect(check('adain.transfer', 'adain.transfer')).toContain("can't feed itself");
  });

  it('is refused where an end is missing or unknown', () => {
    expect(check('nobody.image', 'save.image')).toContain('there is no node nobody');
    expect(check('denoise.video', 'save.image')).toContain('denoise has no output video');
    expect(check('denoise.image', 'save.b')).toContain('save has no input b');
    expect(check('constructor.name', 'toString.call')).toContain('there is no node constructor');
    expect(checkConnection(documentOf(strangeText), 'swap', 'transfer', 'dream', 'x')).toContain(
      'does not know the type "dream-machine"',
    );
  });
});

describe('what fits', () => {
  it('is found in the catalogue, from either end', () => {
    const inputs = inputsAccepting('transfer').map(({ spec, input }) => `${spec.type}.${input.name}`);
    expect(inputs).toEqual(['adain.transfer', 'guidance.transfer', 'denoise.transfer']);
    const outputs = outputsFitting(['mask']).map(({ spec, output }) => `${spec.type}.${output.name}`);
    expect(outputs).toEqual(['mask-image.mask', 'segment.mask']);
    expect(nodesBetween('image', ['transfer'])?.map(({ type }) => type)).toEqual(['invert', 'attention-swap']);
    expect(nodesBetween('mask', ['checkpoint'])).toBeUndefined();
  });
});
