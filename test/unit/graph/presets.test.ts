/** Presets: what they write into a new graph. */
import { describe, expect, it } from 'vitest';
import {
  planGraph,
  type PresetName,
  standardGraph,
  templates,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';

const pair = { structure: 'a.png', appearance: 'b.png', domain: 'cat' };
const scheduleOf = (preset: PresetName, more: object = {}) => {
  const graph = standardGraph({ ...pair, preset, ...more });
  expect(validateGraph(writeGraph(graph))).toEqual([]);
  return planGraph(graph).byId.get('schedule')!.params;
};

describe('a preset', () => {
  it('writes its schedule, under what is said besides', () => {
    expect(scheduleOf('paper')).toEqual({ steps: 100, skip: 32, spacing: 'leading', noiseMaps: 'own', seed: 42 });
    expect(scheduleOf('quick')).toEqual({ steps: 30, skip: 9, spacing: 'leading', noiseMaps: 'own', seed: 42 });
    expect(scheduleOf('draft')).toEqual({ steps: 8, skip: 2, spacing: 'trailing', noiseMaps: 'own', seed: 42 });
    expect(scheduleOf('draft-12', { skip: 5, seed: 7 })).toEqual({
      steps: 12,
      skip: 5,
      spacing: 'trailing',
      noiseMaps: 'own',
      seed: 7,
    });
  });

  it('of few steps puts its LoRA before FreeU, where both inversions see it', () => {
    for (const freeu of [false, true]) {
      const { nodes, layout } = standardGraph({ ...pair, preset: 'draft', freeu });
      expect(nodes['lora']).toMatchObject({
        params: { path: 'hyper-sd15-8steps' },
        inputs: { checkpoint: 'model.checkpoint' },
      });
      const last = freeu ? 'freeu.checkpoint' : 'lora.checkpoint';
      for (const id of ['invert-structure', 'invert-appearance']) expect(nodes[id]!.inputs!['checkpoint']).toBe(last);
      if (freeu) expect(nodes['freeu']!.inputs!['checkpoint']).toBe('lora.checkpoint');
      const places = Object.values(layout!).map(String);
      expect(new Set(places).size).toBe(places.length);
    }
  });

  it('is a template of its own', () => {
    const made = (id: string) => templates.find((template) => template.id === id)!.make(pair).nodes;
    expect(made('quick')['schedule']!.params).toEqual({ steps: 30 });
    expect(made('draft')['model']!.params).toEqual({ id: 'sd15' });
    expect(made('draft')['schedule']!.params).toEqual({ steps: 8, spacing: 'trailing' });
  });
});
