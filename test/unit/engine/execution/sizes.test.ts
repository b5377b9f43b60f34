/** Pictures of other sizes than the checkpoint's own. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { standardGraph, validateGraph, writeGraph } from '../../../../extension/graph';
import { type Bench, makeEngine, shortGraph, withParam } from '../../../support/mini';
import { writeReference } from '../../../support/referenceFolder';

let bench: Bench;
let folder: string;
beforeAll(async () => {
  bench = makeEngine();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-sizes-'));
  // A checkpoint of Stable Diffusion's topology whose graphs have dynamic sides.
  await bench.engine.handlers['models.add']({ paths: [writeReference(path.join(folder, 'small'))], id: 'small' });
});
afterAll(() => {
  for (const used of [bench.home, bench.out, folder]) fs.rmSync(used, { recursive: true, force: true });
});

/** All of the method in four steps, masks and previews included. */
const graph = (width?: number, height?: number) =>
  standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'dog',
    checkpoint: 'small',
    steps: 5,
    skip: 1,
    width,
    height,
    freeu: true,
  });

describe('a checkpoint with dynamic sides', () => {
  it.each([
    [128, 64],
    [64, 192],
  ])('makes a picture of %i × %i', async (width, height) => {
    const { result, values } = await bench.run(graph(width, height), {
      timeline: true,
      previewEvery: 1,
      previewSize: 64,
      keepAttention: true,
      runId: `${width}`,
    });
    const { info } = await sharp(result.files[0]).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width, height });
    const picture = values.get('denoise')!['image']!;
    expect(picture).toMatchObject({ width, height });

    // Previews and masks have its shape.
    const shapes = bench.events.flatMap((event) =>
      event.event === 'preview' && event.runId === `${width}` ? [event.width / event.height] : [],
    );
    expect(shapes.length).toBeGreaterThan(0);
    for (const shape of shapes) expect(shape).toBeCloseTo(width / height, 1);
    const found = bench.events.find(
      (event) => event.event === 'segmentation' && event.runId === `${width}` && event.node === 'mask-structure',
    );
    expect(found).toMatchObject({ grid: { width: width / 8, height: height / 8 } });

    // The swap follows, and can be asked about.
    const { handlers } = bench.engine;
    const info2 = await handlers['inspect.open']({ runId: `${width}`, node: 'denoise' });
    expect(info2.size).toEqual({ width, height });
    expect(info2.levels.map(({ grid }) => grid)).toEqual([
      { width: width / 8, height: height / 8 },
      { width: width / 16, height: height / 16 },
    ]);
    const step = info2.steps.findIndex(({ high }) => high !== undefined);
    const drawn = await handlers['inspect.draw']({
      runId: `${width}`,
      node: 'denoise',
      step,
      level: 'high',
      what: 'heat',
      point: [0.9, 0.9],
      size: 256,
    });
    expect(await sharp(drawn.png).metadata()).toMatchObject(
      width > height ? { width: 256, height: 128 } : { width: 128, height: 384 },
    );
  });

  it('reconstructs the structure where the swap is off, as it does at its own shape', async () => {
    // Muted swap, no AdaIN and equal guidance: the output is the structure's own path, which ends in its picture's latents.
    const plain = graph(128, 64);
    plain.nodes['swap']!.muted = true;
    plain.nodes['adain']!.muted = true;
    plain.nodes['guidance']!.muted = true;
    for (const node of ['invert-structure', 'invert-appearance'])
      plain.nodes[node]!.params = { ...plain.nodes[node]!.params, guidanceScale: 1 };
    const { values } = await bench.run(plain);
    const inversion = values.get('invert-structure')!['inversion']!;
    if (inversion.kind !== 'inversion') throw new Error('no inversion');
    const timeline = values.get('denoise')!['timeline']!;
    if (timeline.kind !== 'timeline') throw new Error('no timeline');
    const { trajectory } = inversion;
    const last = trajectory.length - 1;
    const retraced = await trajectory.latentsAt(last);
    expect(retraced).toHaveLength(4 * 8 * 16);
    const frame = timeline.frames[last]!.latents;
    for (let i = 0; i < retraced.length; i++) expect(Math.abs(frame[i]! - retraced[i]!)).toBeLessThan(1e-4);
  });

  it('decodes in tiles where memory is short: a picture of the same size, close to the whole one', async () => {
    const wide = graph(512, 256);
    const whole = await bench.run(wide, { target: 'denoise', memoryGb: 8, useCache: false });
    const tiled = await bench.run(wide, { target: 'denoise', memoryGb: 0.3, useCache: false });
    const [a, b] = [whole, tiled].map((run) => {
      const image = run.values.get('denoise')!['image']!;
      if (image.kind !== 'image' || image.from !== 'run') throw new Error('no picture');
      expect(image).toMatchObject({ width: 512, height: 256 });
      return image.rgb;
    }) as [Uint8Array, Uint8Array];
    const mean = a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
    // Not the same, as the decoder's normalisation sees a tile: 6.5 of 255 with these random weights.
    expect(mean).toBeGreaterThan(0);
    expect(mean).toBeLessThan(12);
  });

  it('says which sizes it takes, in the graph and in the engine', async () => {
    const text = writeGraph(graph(100, 128));
    const checkpoints = await bench.engine.handlers['models.list']({});
    const problem = validateGraph(text, { checkpoints }).find(({ code }) => code === 'size-not-possible');
    expect(problem).toMatchObject({ node: 'model', param: 'width', severity: 'error' });
    expect(problem!.message).toBe(
      'model asks for 100 × 128 pixels, but "small" needs multiples of 64: 128 × 128, for instance.',
    );
    await expect(bench.run(text)).rejects.toThrow(/model asks for 100 × 128 pixels/);
  });

  it('refuses two pictures of different sizes, naming both', async () => {
    const two = graph(64, 64);
    two.nodes['other'] = { type: 'checkpoint', params: { id: 'small', width: 128 } };
    two.nodes['invert-appearance']!.inputs!['checkpoint'] = 'other.checkpoint';
    two.nodes['invert-structure']!.inputs!['checkpoint'] = 'model.checkpoint';
    await expect(bench.run(two)).rejects.toThrow(
      /invert-structure \(checkpoint small at 64 × 64\) and the appearance from invert-appearance \(checkpoint small at 128 × its own\)/,
    );
  });
});

it('mini, whose graphs have fixed sides, says so by name', async () => {
  const wide = withParam(shortGraph(), 'model', 'width', 192);
  await expect(bench.run(wide)).rejects.toThrow(
    'model asks for 192 × 128 pixels, but the graphs of "mini" were exported only for 128 × 128',
  );
  await expect(bench.run(withParam(wide, 'model', 'width', 128), { target: 'structure' })).resolves.toBeDefined();
});
