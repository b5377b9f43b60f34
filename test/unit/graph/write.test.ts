import { describe, expect, it } from 'vitest';
import { formatGraph, type GraphDocument, writeGraph } from '../../../extension/graph';
import { documentOf, standardText, strangeText } from './helpers';

describe('the canonical text', () => {
  it('is what the design shows, to the byte', () => {
    const document: GraphDocument = {
      layout: { swap: [640.4, 119.6], appearance: [-0.2, 220] },
      nodes: {
        swap: {
          params: { contrast: 1.67 },
          inputs: { structure: 'invert-structure.inversion', appearance: ['a.inversion', 'b.inversion'] },
          type: 'attention-swap',
        },
        appearance: { params: { path: 'images/zebra.png' }, muted: false, type: 'image', inputs: {} },
      },
      weft: 1,
    };
    expect(writeGraph(document)).toBe(`{
  "weft": 1,
  "nodes": {
    "appearance": {
      "type": "image",
      "params": {
        "path": "images/zebra.png"
      }
    },
    "swap": {
      "type": "attention-swap",
      "inputs": {
        "appearance": ["a.inversion", "b.inversion"],
        "structure": "invert-structure.inversion"
      },
      "params": {
        "contrast": 1.67
      }
    }
  },
  "layout": {
    "appearance": [0, 220],
    "swap": [640, 120]
  }
}
`);
  });

  it('comes back byte for byte after parsing what was written', () => {
    const text = standardText();
    expect(writeGraph(documentOf(text))).toBe(text);
  });

  it('keeps unknown types, parameters and fields', () => {
    expect(writeGraph(documentOf(strangeText))).toBe(strangeText);
  });

  it('orders ids by code unit, not by language', () => {
    const nodes = Object.fromEntries(
      ['b', 'a-2', 'a', 'a2', 'a-10', '10', '9', 'é', 'Z'].map((id) => [id, { type: 'denoise' }]),
    );
    const ids = [...writeGraph({ weft: 1, nodes }).matchAll(/^ {4}"(.+)": /gm)].map((match) => match[1]);
    expect(ids).toEqual(['10', '9', 'Z', 'a', 'a-10', 'a-2', 'a2', 'b', 'é']);
  });

  it('writes an empty graph in three lines and a newline', () => {
    expect(writeGraph({ weft: 1, nodes: {}, layout: {} })).toBe('{\n  "weft": 1,\n  "nodes": {}\n}\n');
  });
});

describe('format', () => {
  it('gives a hand-written file its canonical text, and leaves a canonical one alone', () => {
    const changes = formatGraph('{"nodes":{"b":{"type":"image"},"a":{"type":"save"}},"weft":1}');
    expect(changes?.[0]?.content).toContain('"weft": 1,\n  "nodes": {\n    "a"');
    expect(formatGraph(standardText())).toEqual([]);
  });

  it('refuses a file that it could not read whole', () => {
    expect(formatGraph('{"weft":1,"nodes":{"a":{"type":"image","muted":"yes"}}}')).toBeUndefined();
    expect(formatGraph('{"weft":1,"nodes":{"a":{"type":"image"},"a":{"type":"save"}}}')).toBeUndefined();
  });
});
