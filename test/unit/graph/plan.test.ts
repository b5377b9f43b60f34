import { describe, expect, it } from 'vitest';
import {
  ablationGraph,
  downstreamOf,
  upstreamOf,
  effectiveParams,
  type GraphDocument,
  planGraph,
  promptOf,
  transferOf,
} from '../../../extension/graph';
import { documentOf, standard, strangeText } from './helpers';

const changed = (change: (nodes: GraphDocument['nodes']) => void): GraphDocument => {
  const document = standard();
  change(document.nodes);
  return document;
};
const mute = (...ids: string[]) =>
  changed((nodes) => {
    for (const id of ids) Object.assign(nodes[id] ?? {}, { muted: true });
  });
const idsOf = (document: GraphDocument, target?: string) => planGraph(document, { target }).nodes.map(({ id }) => id);

describe('a plan', () => {
  it('visits every node of the standard graph, each after what it needs', () => {
    const plan = planGraph(standard());
    expect(plan.nodes.map(({ id }) => id).sort()).toEqual(Object.keys(standard().nodes).sort());
    const done = new Set<string>();
    for (const { id, inputs } of plan.nodes) {
      for (const source of Object.values(inputs).flat()) expect(done).toContain(source.node);
      done.add(id);
    }
  });

  it('visits what a target needs, and nothing else', () => {
    expect(idsOf(standard(), 'mask-structure').sort()).toEqual([
      'invert-structure',
      'mask-structure',
      'model',
      'prompt',
      'schedule',
      'structure',
    ]);
    expect(idsOf(standard(), 'prompt')).toEqual(['prompt']);
  });

  it('leaves out sources that nothing takes, and keeps loose ends that work', () => {
    const document = changed((nodes) => {
      nodes['spare'] = { type: 'image', params: { path: 'x.png' } };
      nodes['mask'] = { type: 'segment', inputs: { inversion: 'invert-structure.inversion' } };
    });
    expect(idsOf(document)).toContain('mask');
    expect(idsOf(document)).not.toContain('spare');
  });

  it('fills defaults in: the own over the checkpoint’s over the catalogue’s', () => {
    const plan = planGraph(
      changed(
        (nodes) =>
          (nodes['guidance'] = { type: 'guidance', inputs: { transfer: 'adain.transfer' }, params: { scale: 5 } }),
      ),
      {
        defaults: (type, checkpoint) =>
          checkpoint === 'mini'
            ? { schedule: { steps: 50, skip: 24 }, guidance: { scale: 3.5, endScale: 3 } }[type as string]
            : undefined,
      },
    );
    expect(plan.byId.get('schedule')?.params).toEqual({
      steps: 50,
      skip: 24,
      spacing: 'leading',
      noiseMaps: 'own',
      seed: 42,
    });
    expect(plan.byId.get('guidance')?.params).toEqual({ scale: 5, endScale: 2.5 });
    expect(plan.byId.get('swap')?.params).toEqual({
      higherRange: [10, 90],
      lowerRange: [10, 70],
      structureEvery: 5,
      structureUntil: 40,
      contrast: 1.67,
      pins: [],
    });
    expect(plan.byId.get('mask-structure')?.params).toEqual({ noun: 'animal', step: 10, clusters: 5 });
  });

  it('implies a schedule and a prompt where none is wired', () => {
    const document = changed((nodes) => {
      for (const id of ['invert-structure', 'invert-appearance']) {
        delete nodes[id]?.inputs?.['schedule'];
        delete nodes[id]?.inputs?.['prompt'];
      }
    });
    const plan = planGraph(document, { defaults: (type) => (type === 'prompt' ? { domain: 'thing' } : undefined) });
    expect(plan.byId.has('schedule')).toBe(false);
    expect(plan.byId.get('invert-structure')?.implied).toEqual({
      schedule: { steps: 100, skip: 32, spacing: 'leading', noiseMaps: 'own', seed: 42 },
      prompt: { domain: 'thing', text: 'a photo of a {domain}', clipSkip: 0 },
    });
    expect(plan.byId.get('mask-structure')?.params['noun']).toBe('thing');
    const inversion = plan.byId.get('invert-structure');
    expect(inversion && promptOf(inversion, plan)).toBe('a photo of a thing');
  });

  it('refuses a circle, an unknown type and an unknown target', () => {
    expect(() =>
      planGraph(changed((nodes) => Object.assign(nodes['adain']?.inputs ?? {}, { transfer: 'guidance.transfer' }))),
    ).toThrow('form a cycle');
    expect(() => planGraph(documentOf(strangeText))).toThrow('does not know the type "dream-machine"');
    expect(() => planGraph(standard(), { target: 'toString' })).toThrow('There is no node toString');
    expect(idsOf(documentOf(strangeText), 'swap')).toEqual(['swap']);
  });
});

describe('muted', () => {
  it('adain, guidance and freeu pass their input on', () => {
    const plan = planGraph(mute('adain', 'guidance'));
    expect(plan.byId.get('denoise')?.inputs).toEqual({ transfer: [{ node: 'swap', port: 'transfer' }] });
    expect(plan.byId.has('adain')).toBe(false);
    expect(plan.muted).toEqual(['adain', 'guidance']);
    // Its masks are needed by nobody else, but they are ends that work by themselves.
    expect(plan.byId.has('mask-structure')).toBe(true);
    expect(idsOf(mute('adain', 'guidance'), 'save')).not.toContain('mask-structure');
    const freeu = changed((nodes) => {
      nodes['freeu'] = { type: 'freeu', muted: true, inputs: { checkpoint: 'model.checkpoint' } };
      Object.assign(nodes['invert-structure']?.inputs ?? {}, { checkpoint: 'freeu.checkpoint' });
    });
    expect(planGraph(freeu).byId.get('invert-structure')?.inputs['checkpoint']).toEqual([
      { node: 'model', port: 'checkpoint' },
    ]);
  });

  it('segment gives no mask, save does not run, and what they would have taken still does', () => {
    const plan = planGraph(mute('mask-structure', 'save'));
    expect(Object.keys(plan.byId.get('adain')?.inputs ?? {}).sort()).toEqual(['appearanceMask', 'transfer']);
    expect(plan.byId.has('mask-structure')).toBe(false);
    expect(plan.byId.has('save')).toBe(false);
    expect(plan.byId.has('denoise')).toBe(true);
    expect(idsOf(mute('save'), 'save')).toEqual([]);
  });

  it('a swap is still visited, and gives the reconstruction', () => {
    expect(planGraph(mute('swap')).byId.get('swap')).toMatchObject({ muted: true });
    expect(planGraph(standard()).byId.get('swap')).toMatchObject({ muted: false });
  });

  it('sources stay what they are', () => {
    expect(planGraph(mute('structure')).byId.get('structure')).toMatchObject({ muted: false });
  });

  it('a target shows what passes through it', () => {
    const ids = idsOf(mute('adain'), 'adain');
    expect(ids).toContain('swap');
    expect(ids).not.toContain('mask-structure');
  });
});

describe('a transfer', () => {
  it('is read off its wire in any order', () => {
    const swapped = changed((nodes) => {
      nodes['guidance'] = { type: 'guidance', inputs: { transfer: 'swap.transfer' } };
      nodes['adain'] = { type: 'adain', inputs: { transfer: 'guidance.transfer' } };
      nodes['denoise'] = { type: 'denoise', inputs: { transfer: 'adain.transfer' } };
    });
    for (const document of [standard(), swapped]) {
      const plan = planGraph(document);
      const source = plan.byId.get('denoise')?.inputs['transfer']?.[0] ?? { node: '', port: '' };
      const { swap, adain, guidance } = transferOf(plan, source);
      expect([swap.id, adain?.id, guidance?.id]).toEqual(['swap', 'adain', 'guidance']);
    }
    const bare = planGraph(mute('adain', 'guidance'));
    expect(transferOf(bare, { node: 'swap', port: 'transfer' })).toEqual({ swap: bare.byId.get('swap') });
  });

  it('with two of one kind is refused', () => {
    const plan = planGraph(
      changed((nodes) => {
        nodes['adain-2'] = { type: 'adain', inputs: { transfer: 'guidance.transfer' } };
        nodes['denoise'] = { type: 'denoise', inputs: { transfer: 'adain-2.transfer' } };
      }),
    );
    expect(() => transferOf(plan, { node: 'adain-2', port: 'transfer' })).toThrow(
      'adain and adain-2 are two adain nodes on one wire',
    );
  });
});

describe('downstream', () => {
  it('is what a change touches', () => {
    expect([...downstreamOf(standard(), ['swap'])].sort()).toEqual(['adain', 'denoise', 'guidance', 'save', 'swap']);
  });
});

describe('upstream', () => {
  it('is what a result is made from, the nearest first', () => {
    const above = [...upstreamOf(standard(), 'denoise')];
    expect(above[0]).toBe('denoise');
    expect(above).toEqual(expect.arrayContaining(['swap', 'schedule', 'structure', 'appearance', 'model']));
    expect(above).not.toContain('save');
    expect(above.indexOf('swap')).toBeLessThan(above.indexOf('invert-structure'));
    expect(above.indexOf('invert-structure')).toBeLessThan(above.indexOf('structure'));
  });

  it('ends, however the wires of a file run', () => {
    const nodes = {
      a: { type: 'image', inputs: { x: 'b.y' } },
      b: { type: 'image', inputs: { x: ['a.y', 'constructor.y'] } },
    };
    expect([...upstreamOf({ format: 1, nodes } as never, 'a')]).toEqual(['a', 'b', 'constructor']);
  });
});

describe('defaults', () => {
  it('are those of the method', () => {
    expect(effectiveParams('schedule')).toEqual({
      steps: 100,
      skip: 32,
      spacing: 'leading',
      noiseMaps: 'own',
      seed: 42,
    });
    expect(effectiveParams('guidance')).toEqual({ scale: 3.5, endScale: 1.75 });
    expect(effectiveParams('freeu')).toEqual({ b1: 1.2, s1: 0.9, b2: 1.4, s2: 0.2 });
    expect(effectiveParams('invert')).toEqual({ guidanceScale: 3.5, method: 'edit-friendly-ddpm' });
    expect(effectiveParams('adain')).toEqual({ range: [20, 100] });
    expect(effectiveParams('mask-image')).toEqual({ threshold: 0.4 });
    expect(effectiveParams('save')).toEqual({ path: 'result.png' });
  });

  it('follow the other parameters', () => {
    expect(effectiveParams('schedule', { steps: 25 })).toEqual({
      steps: 25,
      skip: 8,
      spacing: 'leading',
      noiseMaps: 'own',
      seed: 42,
    });
    expect(effectiveParams('schedule', { steps: 2 })['skip']).toBe(0);
    expect(effectiveParams('guidance', { scale: 1.5 })['endScale']).toBe(1);
    expect(effectiveParams('schedule', { steps: 100 }, { steps: 50, skip: 24 })['skip']).toBe(48);
  });

  it('of a checkpoint that make no sense are passed over', () => {
    expect(effectiveParams('schedule', {}, { steps: 'many', seed: -5 })).toEqual({
      steps: 100,
      skip: 32,
      spacing: 'leading',
      noiseMaps: 'own',
      seed: 42,
    });
  });
});

describe('the ablation', () => {
  it('shares its inversions among four results', () => {
    const plan = planGraph(ablationGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' }));
    const count = (type: string) => plan.nodes.filter((node) => node.type === type).length;
    expect([count('invert'), count('segment'), count('denoise'), count('save')]).toEqual([2, 2, 4, 4]);
    const results = plan.nodes.filter(({ type }) => type === 'denoise');
    expect(new Set(results.map(({ inputs }) => JSON.stringify(inputs))).size).toBe(4);
  });
});
