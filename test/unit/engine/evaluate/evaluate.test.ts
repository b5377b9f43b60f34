/** The evaluate node on the embedded checkpoint. */
import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readPngTexts } from '../../../../extension/platform/pngText';
import { type GraphDocument } from '../../../../extension/graph';
import { type EngineEvent } from '../../../../extension/protocol/engine';
import { type Bench, makeEngine, pictures, shortGraph } from '../../../support/mini';

/** `image` measured against a structure and an appearance, all files beside the examples. */
function comparison(image: string, structure: string, appearance: string): GraphDocument {
  return {
    weft: 1,
    nodes: {
      model: { type: 'checkpoint' },
      prompt: { type: 'prompt', params: { domain: 'animal' } },
      image: { type: 'image', params: { path: image } },
      structure: { type: 'image', params: { path: structure } },
      appearance: { type: 'image', params: { path: appearance } },
      evaluate: {
        type: 'evaluate',
        inputs: {
          image: 'image.image',
          structure: 'structure.image',
          appearance: 'appearance.image',
          checkpoint: 'model.checkpoint',
          prompt: 'prompt.prompt',
        },
      },
    },
  };
}
let bench: Bench;
const measure = async (graph: GraphDocument): Promise<Record<string, number>> =>
  (await bench.run(graph)).result.report.nodes['evaluate']!.metrics!;

beforeAll(() => {
  bench = makeEngine();
});

describe('an evaluate node', () => {
  it('finds a picture equal to itself in every respect', async () => {
    const { structure, appearance, colour } = await measure(comparison('zebra.png', 'zebra.png', 'zebra.png'));
    expect(structure).toBe(1);
    expect(appearance).toBe(0);
    expect(colour).toBe(0);
  });

  it('tells a kept shape from a lost one, and the right look from a wrong one', async () => {
    const unchanged = await measure(comparison('giraffe.png', 'giraffe.png', 'zebra.png'));
    const other = await measure(comparison('zebra.png', 'giraffe.png', 'zebra.png'));
    expect(unchanged['structure']).toBe(1);
    expect(other['structure']).toBeLessThan(0.6);
    // The zebra's own colours in the giraffe's place are nearer to the zebra's than the giraffe's are.
    expect(other['colour']).toBeLessThan(unchanged['colour']!);
    expect(other['appearance']).toBeLessThan(unchanged['appearance']!);
  });

  it('costs one row a picture and question, and nothing when it has seen them', async () => {
    const fresh = makeEngine();
    const graph = comparison('dog.png', 'giraffe.png', 'zebra.png');
    const cold = (await fresh.run(graph)).result.report;
    expect(cold.unet.encoder).toBe(3 + 2);
    const warm = (await fresh.run(graph)).result.report;
    expect(warm.unet.encoder).toBe(0);
    expect(warm.nodes['evaluate']!.cached).toBe(true);
    expect(warm.nodes['evaluate']!.metrics).toEqual(cold.nodes['evaluate']!.metrics);
    // Only the result is new.
    const other = (await fresh.run(comparison('cow.png', 'giraffe.png', 'zebra.png'))).result.report;
    expect(other.unet.encoder).toBe(1 + 1);
  });

  it('with a truth and its parts adds the numbers that need one', async () => {
    const { data, info } = await sharp(path.join(pictures, 'giraffe.png'))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    // Every byte one off: 20 log10(255) dB exactly.
    const shifted = data.map((byte) => (byte < 255 ? byte + 1 : byte - 1));
    const raw = { width: info.width, height: info.height, channels: 3 as const };
    const folder = fs.mkdtempSync(path.join(bench.out, 'truth-'));
    await sharp(Buffer.from(shifted), { raw }).png().toFile(path.join(folder, 'truth.png'));
    const parts = Buffer.alloc(raw.width * raw.height);
    parts.fill(1, 0, parts.length / 2);
    await sharp(parts, { raw: { ...raw, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(path.join(folder, 'parts.png'));
    const graph = comparison('giraffe.png', 'giraffe.png', 'zebra.png');
    for (const id of ['image', 'structure', 'appearance']) {
      const name = String(graph.nodes[id]!.params!['path']);
      fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
    }
    graph.nodes['truth'] = { type: 'image', params: { path: 'truth.png' } };
    graph.nodes['evaluate']!.inputs!['truth'] = 'truth.image';
    const graphPath = path.join(folder, 'truth.weft.json');
    const without = (await bench.run(graph, { graphPath })).result.report.nodes['evaluate']!.metrics!;
    expect(without['psnr']).toBeCloseTo(20 * Math.log10(255), 2);
    expect(without).not.toHaveProperty('partColour');
    graph.nodes['evaluate']!.params = { parts: 'parts.png' };
    const whole = (await bench.run(graph, { graphPath })).result.report.nodes['evaluate']!.metrics!;
    expect(whole['objectPsnr']).toBeCloseTo(20 * Math.log10(255), 2);
    expect(whole['partColour']).toBeGreaterThan(0);
    expect(whole['partColour']).toBeLessThan(Math.sqrt(3) + 1e-6);
  });

  it('names a file of parts that has another size, and what to do without a prompt', async () => {
    const folder = fs.mkdtempSync(path.join(bench.out, 'parts-'));
    await sharp({ create: { width: 20, height: 10, channels: 3, background: '#000' } })
      .toColourspace('b-w')
      .png()
      .toFile(path.join(folder, 'small.png'));
    for (const name of ['giraffe.png', 'zebra.png'])
      fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
    const graph = comparison('giraffe.png', 'giraffe.png', 'zebra.png');
    graph.nodes['evaluate']!.inputs!['truth'] = 'structure.image';
    graph.nodes['evaluate']!.params = { parts: 'small.png' };
    await expect(bench.run(graph, { graphPath: path.join(folder, 'x.weft.json') })).rejects.toMatchObject({
      node: 'evaluate',
      message: expect.stringMatching(/small\.png has 20 × 10 pixels; .* 128 × 128/) as string,
    });
  });

  it('warns when the object is not found, and measures the whole picture', async () => {
    const graph = comparison('giraffe.png', 'giraffe.png', 'zebra.png');
    graph.nodes['evaluate']!.params = { noun: 'submarine' };
    const { result } = await bench.run(graph);
    expect(result.warnings.map(({ message }) => message).join('\n')).toMatch(
      /No "submarine" was found in the structure/,
    );
    const metrics = result.report.nodes['evaluate']!.metrics!;
    expect(metrics).not.toHaveProperty('structure');
    expect(metrics['colour']).toBeGreaterThan(0);
  });

  it('puts its numbers under the cells of a sweep and into the picture that is saved; muted, it lets the picture through', async () => {
    const graph = shortGraph();
    graph.nodes['evaluate'] = {
      type: 'evaluate',
      inputs: {
        image: 'denoise.image',
        structure: 'structure.image',
        appearance: 'appearance.image',
        checkpoint: 'model.checkpoint',
        prompt: 'prompt.prompt',
      },
    };
    graph.nodes['save']!.inputs = { image: 'evaluate.image' };
    const one = await bench.run(graph);
    const saved = readPngTexts(fs.readFileSync(one.result.files[0]!));
    const { metrics } = one.result.report.nodes['evaluate']!;
    expect(Object.keys(metrics!)).toEqual(['structure', 'appearance', 'colour']);
    expect(JSON.parse(saved.get('weft.run')!)).toMatchObject({ metrics });
    expect(bench.events.findLast((event) => event.event === 'metrics')).toMatchObject({ node: 'evaluate', metrics });

    graph.nodes['sweep'] = {
      type: 'sweep',
      inputs: { image: 'evaluate.image' },
      params: { columns: 'swap.contrast=1,1.67' },
    };
    graph.nodes['save']!.inputs = { image: 'sweep.sheet' };
    bench.events.length = 0;
    await bench.run(graph);
    const cells = bench.events.filter(
      (event): event is Extract<EngineEvent, { event: 'cell' }> => event.event === 'cell' && event.state === 'done',
    );
    expect(cells).toHaveLength(2);
    expect(cells[1]!.metrics).toEqual(metrics);
    expect(cells[0]!.metrics).not.toEqual(metrics);

    graph.nodes['evaluate'].muted = true;
    bench.events.length = 0;
    await bench.run(graph);
    expect(bench.events.filter((event) => event.event === 'cell' && event.metrics)).toHaveLength(0);
  });
});
