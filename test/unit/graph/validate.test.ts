import { describe, expect, it } from 'vitest';
import {
  ablationGraph,
  blockingProblems,
  formatProblem,
  type GraphDocument,
  type GraphEdit,
  type GraphFacts,
  planGraph,
  standardGraph,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';
import { documentOf, edited, standard, standardText, strangeText } from './helpers';

const sentences = (text: string, facts?: GraphFacts) =>
  validateGraph(text, facts).map((problem) => formatProblem('g', problem));

/** Problems of the standard graph after a change of its data. */
function after(change: (nodes: GraphDocument['nodes'], document: GraphDocument) => void, facts?: GraphFacts): string[] {
  const document = standard();
  change(document.nodes, document);
  // Places are tested apart.
  return sentences(writeGraph(document), facts).map((sentence) => sentence.replace(/^g:\d+:\d+: /, ''));
}
const params = (id: string, values: Record<string, unknown>, facts?: GraphFacts) =>
  after((nodes) => Object.assign(nodes[id] ?? {}, { params: { ...nodes[id]?.params, ...values } }), facts);
const inputs = (id: string, values: Record<string, string | string[] | undefined>) =>
  after((nodes) => Object.assign(nodes[id] ?? {}, { inputs: { ...nodes[id]?.inputs, ...values } }));

describe('the graphs that Weft makes', () => {
  it('are free of problems', () => {
    const options = {
      structure: 'a.png',
      appearance: 'b.png',
      domain: 'animal',
      checkpoint: 'mini',
      seed: 1,
      steps: 20,
      skip: 6,
    };
    for (const freeu of [false, true]) {
      for (const masks of [false, true]) {
        expect(sentences(writeGraph(standardGraph({ ...options, freeu, masks })))).toEqual([]);
        expect(sentences(writeGraph(ablationGraph({ ...options, freeu, masks })))).toEqual([]);
      }
    }
  });
});

describe('places', () => {
  it('are the line and column of what is wrong', () => {
    const text = `{
  "weft": 1,
  "nodes": {
    "look": {
      "type": "image",
      "params": {
        "path": "/etc/passwd"
      }
    },
    "swap": {
      "type": "attention-swap",
      "inputs": {
        "appearance": ["look.image", "nobody.inversion"],
        "tone": "look.image"
      },
      "params": {
        "contrast": 99,
        "contrst": 2
      }
    }
  }
}
`;
    expect(sentences(text)).toEqual([
      'g:7:17: look.path: path must be relative to the graph file; "/etc/passwd" is absolute.',
      'g:10:5: swap.structure: swap.structure is not connected: it needs an inversion.',
      'g:13:24: swap.appearance: swap.appearance takes an inversion, but look.image is an image. Put an invert node between them.',
      'g:13:38: swap.appearance: swap.appearance is connected to nobody.inversion, but there is no node nobody.',
      'g:14:9: swap.tone: swap has no input tone; it has structure, appearance, masks and sources.',
      'g:17:21: swap.contrast: contrast must be between 0 and 10, not 99.',
      'g:18:9: swap.contrst: attention-swap has no parameter contrst. Did you mean contrast?',
    ]);
  });

  it('count columns in lines of any ending', () => {
    const text = standardText().replace('"path": "images/giraffe.png"', '"path": ""');
    for (const eol of ['\n', '\r\n', '\r']) {
      const [problem] = validateGraph(text.replaceAll('\n', eol));
      const lines = text.split('\n');
      expect(lines[(problem?.line ?? 0) - 1]?.slice((problem?.column ?? 0) - 1)).toBe('""');
    }
  });
});

describe('wires', () => {
  it('must lead from somewhere, in the form node.port', () => {
    expect(inputs('save', { image: 'denois.image' })).toEqual([
      'save.image: save.image is connected to denois.image, but there is no node denois. Did you mean denoise?',
    ]);
    expect(inputs('save', { image: 'denoise' })).toEqual([
      'save.image: save.image is connected to "denoise", which is not of the form "node.port".',
    ]);
    expect(inputs('save', { image: 'denoise.video' })).toEqual([
      'save.image: save.image is connected to denoise.video, but denoise has no output video; it has image and timeline.',
    ]);
    expect(inputs('save', { image: 'constructor.name' })[0]).toContain('there is no node constructor');
  });

  it('must be there, one at most where one is wanted', () => {
    expect(inputs('save', { image: undefined })).toEqual([
      'save.image: save.image is not connected: it needs an image or a timeline. Connect appearance.image, for instance.',
    ]);
    expect(inputs('swap', { appearance: [] })[0]).toContain('swap.appearance is not connected: it needs an inversion.');
    expect(inputs('save', { image: ['denoise.image', 'denoise.timeline'] })).toEqual([
      'save.image: save.image takes one wire but has 2. Remove the others.',
    ]);
    expect(inputs('adain', { structureMask: undefined, appearanceMask: undefined })).toEqual([]);
    expect(inputs('invert-structure', { prompt: undefined }).length).toBe(0);
  });

  it('of a list that goes with another list must each have one to go with', () => {
    expect(inputs('swap', { masks: ['mask-structure.mask', 'mask-appearance.mask'] })).toEqual([
      'swap.masks: swap.masks has 2 wires, but swap.appearance has one: each needs its counterpart there. Remove the extra wires.',
    ]);
    const twice = ['mask-appearance.mask', 'mask-appearance.mask'];
    expect(inputs('adain', { appearanceMask: twice })).toEqual([
      expect.stringMatching(/^adain\.appearanceMask: .* has 2 wires, but swap\.appearance has one/),
    ]);
    const two = after((nodes) => {
      nodes['swap']!.inputs!['appearance'] = ['invert-appearance.inversion', 'invert-appearance.inversion'];
      nodes['adain']!.inputs!['appearanceMask'] = twice;
    });
    expect(two).toEqual([]);
  });

  it('must not close a circle, which is named at one of them', () => {
    expect(inputs('adain', { transfer: 'guidance.transfer' })).toEqual([
      expect.stringMatching(
        /^(adain|guidance)\.transfer: The wires form a cycle: (adain → guidance → adain|guidance → adain → guidance)\. Remove/,
      ),
    ]);
    expect(inputs('adain', { transfer: 'adain.transfer' })).toEqual([
      'adain.transfer: The wires form a cycle: adain → adain. Remove one of them.',
    ]);
  });
});

describe('nodes', () => {
  it('need an id that people can read', () => {
    const renamed = standardText().replace('"save": {', '"Save 1": {');
    expect(sentences(renamed)).toContainEqual(
      expect.stringContaining('Save 1: "Save 1" is not a valid id: an id starts with a lower-case letter'),
    );
  });

  it('of unknown type are said, with what was probably meant', () => {
    expect(after((nodes) => Object.assign(nodes['swap'] ?? {}, { type: 'atention-swap' }))).toEqual([
      'swap: This version of Weft does not know the type "atention-swap". Did you mean "attention-swap"?',
    ]);
    expect(sentences(strangeText).join()).toContain(
      'does not know the type "dream-machine". It stays in the file, but can\'t run.',
    );
    expect(after((nodes) => Object.assign(nodes['swap'] ?? {}, { type: 'toString' }))[0]).toContain(
      'does not know the type "toString"',
    );
  });

  it('can be muted unless nothing could take their place', () => {
    const mute = (id: string) => after((nodes) => Object.assign(nodes[id] ?? {}, { muted: true }));
    for (const id of ['swap', 'adain', 'guidance', 'mask-structure', 'save']) expect(mute(id)).toEqual([]);
    expect(mute('structure')).toEqual([
      "structure: structure can't be muted: nothing can replace a source. Disconnect it instead.",
    ]);
    expect(mute('denoise')[0]).toContain("denoise can't be muted");
  });
});

describe('parameters', () => {
  it('must be of their kind and in their range', () => {
    expect(params('schedule', { steps: 10.5 })[0]).toBe(
      'schedule.steps: steps must be a whole number between 2 and 1000, not 10.5.',
    );
    expect(params('schedule', { steps: 1 })).toEqual(['schedule.steps: steps must be between 2 and 1000, not 1.']);
    expect(params('schedule', { seed: -1 })[0]).toContain('seed must be between 0 and 4294967295');
    expect(params('swap', { contrast: '2' })[0]).toBe(
      'swap.contrast: contrast must be a number between 0 and 10, not "2".',
    );
    expect(params('swap', { higherRange: [90, 10] })[0]).toBe(
      'swap.higherRange: higherRange is reversed: it starts at 90 per cent and ends at 10. Swap the two numbers.',
    );
    expect(params('swap', { higherRange: [10, 110] })[0]).toContain('must be between 0 and 100 per cent');
    expect(params('swap', { higherRange: [10] })[0]).toContain(
      'must be two numbers between 0 and 100, [from, to] in per cent',
    );
    expect(params('adain', { range: [30, 30] })).toEqual([]);
    expect(params('invert-structure', { method: 'magic' })[0]).toBe(
      'invert-structure.method: method must be "edit-friendly-ddpm", not "magic".',
    );
  });

  it('must be set where there is no default', () => {
    expect(after((nodes) => delete nodes['structure']?.params)).toEqual([
      'structure.path: path is not set. Choose a file.',
    ]);
    expect(params('prompt', { domain: ' ' })).toContain('prompt.domain: domain is empty. Enter a value.');
    expect(params('prompt', { text: '' })[0]).toBe('prompt.text: text is empty. Enter a value.');
  });

  it('that are unknown are kept, with a warning', () => {
    const text = edited(standardText(), { kind: 'setParam', id: 'guidance', param: 'end', value: 1 });
    expect(validateGraph(text)).toMatchObject([
      { code: 'unknown-param', severity: 'warning', node: 'guidance', param: 'end' },
    ]);
  });

  it('must leave steps to do', () => {
    expect(params('schedule', { steps: 20, skip: 20 })).toEqual([
      'schedule.skip: skip must be less than steps: skipping 20 of 20 steps leaves none to run.',
    ]);
    expect(params('schedule', { steps: 20, skip: 19 })).toEqual([]);
    const mini = { id: 'mini', domains: [], defaults: { schedule: { steps: 50, skip: 24 } } };
    // 24 of 50 becomes 9 of 20 where the file does not name it.
    expect(params('schedule', { steps: 20 }, { checkpoints: [mini] })).toEqual([]);
    expect(params('schedule', { skip: 60 }, { checkpoints: [mini] })[0]).toContain('60 of 50 steps');
    expect(params('schedule', { steps: 666, spacing: 'trailing' })).toEqual([]);
    expect(params('schedule', { steps: 667, spacing: 'trailing' })).toEqual([
      'schedule.steps: Trailing spacing takes at most 666 steps, not 667. Set fewer steps, or leading spacing.',
    ]);
    expect(params('schedule', { spacing: 'linspace' })).toEqual([
      'schedule.spacing: spacing must be "leading" or "trailing", not "linspace".',
    ]);
    expect(params('mask-structure', { step: 68 })[0]).toBe(
      'mask-structure.step: step must be less than 68: 32 of 100 steps are skipped, so 68 run.',
    );
  });
});

describe('paths', () => {
  const refused = (path: string) => params('structure', { path })[0];

  it('may not be absolute, on another machine, a device or an address', () => {
    expect(refused('/etc/passwd')).toContain('is absolute');
    expect(refused('C:/x.png')).toContain('is absolute');
    expect(refused('c:x.png')).toContain('is absolute');
    expect(refused('\\x.png')).toContain('is absolute');
    expect(refused('//server/share/x.png')).toContain('is a network or device path');
    expect(refused('\\\\.\\pipe\\x')).toContain('is a network or device path');
    expect(refused('\\\\?\\C:\\x.png')).toContain('is a network or device path');
    expect(refused('file:///x.png')).toContain('is a URL');
    expect(refused('https://example.org/x.png')).toContain('is a URL');
    expect(refused('images\\x.png')).toContain('forward slashes');
    expect(refused('images/x.png:stream')).toContain('colon');
    expect(refused('images/NUL.png')).toContain('"NUL.png" is one on Windows');
    expect(refused('con')).toContain('must not name a device');
    expect(refused('a\u0000.png')).toContain('control character');
    expect(refused('a'.repeat(2000))).toContain('longer than 1024');
  });

  it('may climb when read, and not when written', () => {
    expect(params('structure', { path: '../shared/x.png' })).toEqual([]);
    expect(params('save', { path: 'sub/../x.png' })[0]).toContain('must not contain ".."');
    expect(params('save', { path: '../x.png' })[0]).toBe(
      'save.path: path must be inside the output folder; "../x.png" is not.',
    );
    expect(params('save', { path: 'a/../../b/x.png' })[0]).toContain('must be inside the output folder');
    expect(params('save', { path: 'a/..' })[0]).toContain('is a folder');
    expect(params('save', { path: 'x.exe' })[0]).toContain('must end in .png');
  });

  it('must lead to a file, where that is known', () => {
    const facts = { fileExists: (file: string) => file !== 'images/zebra.png' };
    expect(after(() => undefined, facts)).toEqual([
      'appearance.path: There is no file "images/zebra.png". Choose another file, or put it there; paths are relative to the graph.',
    ]);
  });

  it('may not be written twice', () => {
    expect(
      after(
        (nodes) =>
          (nodes['save-2'] = { type: 'save', inputs: { image: 'structure.image' }, params: { path: './Result.png' } }),
      ),
    ).toEqual([
      'save-2.path: save writes "result.png" and save-2 writes "./Result.png", which are the same file on many machines. Give one of them another name.',
    ]);
  });
});

describe('checkpoints', () => {
  const mini = {
    id: 'mini',
    domains: [
      { noun: 'animal', kinds: ['zebra'] },
      { noun: 'house', kinds: [] },
    ],
  };

  it('must be in the library, and should know the domain', () => {
    expect(params('model', { id: 'sd15' }, { checkpoints: [mini] })).toEqual([
      'model.id: There is no checkpoint "sd15" in the library. The library has mini. Add it with "Weft: Add Checkpoint…" or, in a shell, "weft models add PATH".',
    ]);
    expect(params('prompt', { domain: 'Zebra' }, { checkpoints: [mini] })).toEqual([]);
    expect(params('prompt', { domain: 'teapot' }, { checkpoints: [mini] })).toEqual([
      'prompt.domain: The checkpoint mini does not know "teapot"; it knows animal and house.',
    ]);
    expect(params('prompt', { domain: 'teapot' }, { checkpoints: [{ ...mini, domains: [] }] })).toEqual([]);
  });
});

describe('what a swap joins', () => {
  it('must have one schedule', () => {
    const other = (values: Record<string, unknown>) =>
      after((nodes) => {
        nodes['late'] = { type: 'schedule', params: values };
        Object.assign(nodes['invert-appearance']?.inputs ?? {}, { schedule: 'late.schedule' });
      });
    expect(other({ steps: 50 })).toEqual([
      'swap.appearance: swap takes the structure from invert-structure (schedule: 100 steps, 32 skipped, seed 42) and the appearance from ' +
        'invert-appearance (late: 50 steps, 16 skipped, seed 42): their schedules differ. Connect both to one schedule.',
    ]);
    for (const one of [{ steps: 99 }, { skip: 30 }, { spacing: 'trailing' }, { noiseMaps: 'shifted' }, { seed: 7 }])
      expect(other(one)[0]).toContain('their schedules differ');
    expect(other({ spacing: 'trailing' })[0]).toContain('(late: 100 steps, 32 skipped, trailing, seed 42)');
    // Two nodes that say the same agree.
    expect(other({ steps: 100, skip: 32 })).toEqual([]);
  });

  it('must have one checkpoint, FreeU included', () => {
    const through = (change: (nodes: GraphDocument['nodes']) => void) =>
      after((nodes) => {
        change(nodes);
        Object.assign(nodes['invert-appearance']?.inputs ?? {}, { checkpoint: 'other.checkpoint' });
      });
    expect(through((nodes) => (nodes['other'] = { type: 'checkpoint', params: { id: 'sd15' } }))[0]).toContain(
      'invert-structure (checkpoint mini) and the appearance from invert-appearance (checkpoint sd15): their checkpoints differ.',
    );
    expect(through((nodes) => (nodes['other'] = { type: 'checkpoint' }))).toEqual([]);
    const freeu = { type: 'freeu', inputs: { checkpoint: 'model.checkpoint' } };
    expect(through((nodes) => (nodes['other'] = freeu))[0]).toContain('checkpoint mini with FreeU 1.2, 0.9, 1.4, 0.2');
    expect(through((nodes) => (nodes['other'] = { ...freeu, muted: true }))).toEqual([]);
  });

  it('holds one of each of its fields, unless one is muted', () => {
    const twice = (muted: boolean) =>
      after((nodes) => {
        nodes['adain-2'] = { type: 'adain', inputs: { transfer: 'guidance.transfer' } };
        nodes['denoise'] = { type: 'denoise', inputs: { transfer: 'adain-2.transfer' } };
        if (muted) Object.assign(nodes['adain'] ?? {}, { muted });
      });
    expect(twice(false)).toEqual([
      'adain-2.transfer: adain and adain-2 are two adain nodes on one wire, but a transfer takes only one. Remove or mute one of them.',
    ]);
    expect(twice(true)).toEqual([]);
  });
});

describe('a noun', () => {
  it('must occur in the prompt, whole and in any case', () => {
    expect(params('mask-structure', { noun: 'horse' })).toEqual([
      'mask-structure.noun: "horse" is not in the prompt of prompt, "a photo of a animal", so mask-structure finds no mask. Use a word from the prompt.',
    ]);
    expect(params('prompt', { text: 'Two ANIMALs' }).length).toBe(2);
    expect(params('prompt', { text: 'My Animal, drawn' })).toEqual([]);
    expect(params('prompt', { text: 'a drawn {domain}' })).toEqual([]);
    expect(params('prompt', { domain: 'polar bear', text: 'a polar  bear' })).toEqual([]);
  });
});

describe('a part', () => {
  it('is a place of the image, and needs no noun', () => {
    for (const part of ['0.4, 0.3', '.4,1', '0,0.123456']) expect(params('mask-structure', { part })).toEqual([]);
    for (const part of ['legs', '0.4', '0.4, 1.5', '-0.1, 0.5', '0.4, 0.5, 0.6'])
      expect(params('mask-structure', { part })).toEqual([
        `mask-structure.part: part must be a place of the image, x, y from 0 to 1 (for instance "0.4, 0.3"), not "${part}".`,
      ]);
    expect(params('mask-structure', { part: '0.4, 0.3', noun: 'horse' })).toEqual([]);
  });
});

describe('a run', () => {
  it('is held up by the errors of nodes that it visits, and by no others', () => {
    const loose: GraphEdit = { kind: 'addNode', type: 'adain' };
    const text = edited(standardText(), loose);
    const problems = validateGraph(text);
    const plan = (target?: string) => planGraph(documentOf(text), { target });
    expect(blockingProblems(problems, plan('save'))).toEqual([]);
    expect(blockingProblems(problems, plan()).map(({ node }) => node)).toEqual(['adain-2']);
    expect(blockingProblems(problems).length).toBe(1);
  });
});
