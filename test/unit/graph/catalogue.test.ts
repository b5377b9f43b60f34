import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  catalogue,
  catalogueMarkdown,
  checkValue,
  graphJsonSchema,
  isNodeType,
  NODE_ID,
  nodeTypes,
  portTypes,
} from '../../../extension/graph';

const root = path.resolve(import.meta.dirname, '../../..');

describe('the catalogue', () => {
  it('has the types and ports of the design', () => {
    const ports = Object.fromEntries(
      nodeTypes.map((type) => {
        const { inputs, outputs } = catalogue[type];
        const names = inputs.map(({ name, optional, list }) => `${name}${list ? '*' : ''}${optional ? '?' : ''}`);
        return [type, `${names.join(' ')} → ${outputs.map(({ name }) => name).join(' ')}`.trim()];
      }),
    );
    expect(ports).toEqual({
      image: '→ image',
      prompt: '→ prompt',
      schedule: '→ schedule',
      'mask-image': '→ mask',
      checkpoint: '→ checkpoint',
      freeu: 'checkpoint → checkpoint',
      lora: 'checkpoint → checkpoint',
      invert: 'image checkpoint prompt? schedule? → inversion',
      segment: 'inversion → mask',
      'attention-swap': 'structure appearance* masks*? sources*? → transfer',
      adain: 'transfer structureMask? appearanceMask*? → transfer',
      guidance: 'transfer → transfer',
      denoise: 'transfer → image timeline',
      compare: 'a b →',
      evaluate: 'image structure appearance checkpoint prompt? structureMask? appearanceMask? truth? → image',
      sweep: 'image → sheet',
      save: 'image →',
    });
  });

  it('is consistent in itself', () => {
    for (const type of nodeTypes) {
      const spec = catalogue[type];
      expect(spec.type).toBe(type);
      expect(spec.idBase ?? spec.type).toMatch(NODE_ID);
      const names = spec.params.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const name of spec.keyParams) expect(names).toContain(name);
      for (const input of spec.inputs) for (const port of input.types) expect(portTypes).toContain(port);
      for (const item of [spec, ...spec.inputs, ...spec.outputs, ...spec.params]) expect(item.help).toMatch(/\.$/);
      for (const param of spec.params) {
        // A default is allowed, and there is one, or a word about its absence.
        if (param.default !== undefined) expect(checkValue(param, param.default)).toBeUndefined();
        else expect(param.required === true || param.defaultNote !== undefined).toBe(true);
      }
      if (spec.mute === 'pass-through') {
        const [output] = spec.outputs;
        expect(spec.inputs.some(({ types }) => output && types.includes(output.type))).toBe(true);
      }
    }
  });

  it('knows its own types only', () => {
    expect(isNodeType('image')).toBe(true);
    for (const type of ['constructor', '__proto__', 'hasOwnProperty', '']) expect(isNodeType(type)).toBe(false);
  });
});

describe('what is made from the catalogue', () => {
  it('is up to date', () => {
    const published = JSON.parse(readFileSync(path.join(root, 'schemas/weft-graph.schema.json'), 'utf8')) as unknown;
    expect(published).toEqual(JSON.parse(JSON.stringify(graphJsonSchema())));
    expect(readFileSync(path.join(root, 'docs/nodes.md'), 'utf8')).toBe(catalogueMarkdown());
  });

  it('describes every parameter with its limits', () => {
    const text = JSON.stringify(graphJsonSchema());
    for (const type of nodeTypes)
      for (const { help } of catalogue[type].params) expect(text).toContain(JSON.stringify(help).slice(1, -2));
    expect(text).toContain('"minimum":0,"maximum":10');
  });
});
