import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPngTexts } from '../../../../extension/platform/pngText';
import { type GraphDocument } from '../../../../extension/graph';
import { makeEngine, pictures, ran, resultOf, shortGraph, withParam } from '../../../support/mini';

const bench = makeEngine();

const muted = (graph: GraphDocument, ...ids: string[]): GraphDocument => {
  const copy = structuredClone(graph);
  for (const id of ids) copy.nodes[id]!.muted = true;
  return copy;
};
const meanDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;

describe('a transfer', () => {
  it('changes the structure picture, and by muting the swap gives its reconstruction', async () => {
    const { loadPicture } = await import('../../../../extension/engine/image/load');
    const { rgb } = await loadPicture(fs.readFileSync(path.join(pictures, 'giraffe.png')), { width: 128, height: 128 });
    const transferred = resultOf(await bench.run(shortGraph()));
    const reconstructed = resultOf(await bench.run(muted(shortGraph(), 'swap', 'adain', 'guidance')));
    expect(meanDifference(reconstructed, rgb)).toBeLessThan(8);
    expect(meanDifference(transferred, rgb)).toBeGreaterThan(20);
  });

  it('is another picture with each part muted', async () => {
    const graph = withParam(shortGraph(), 'guidance', 'scale', 2);
    const whole = resultOf(await bench.run(graph));
    for (const id of ['adain', 'guidance']) {
      expect(meanDifference(resultOf(await bench.run(muted(graph, id))), whole), id).toBeGreaterThan(0);
    }
  });

  it('does not write what a muted save would have', async () => {
    const quiet = await bench.run(muted(shortGraph({ output: 'never.png' }), 'save'));
    expect(quiet.result.files).toEqual([]);
    expect(fs.existsSync(path.join(bench.out, 'never.png'))).toBe(false);
  });

  it('carries its graph and what made it in the picture, without timings', async () => {
    const run = await bench.run(shortGraph());
    const text = readPngTexts(fs.readFileSync(run.result.files[0]!));
    expect(JSON.parse(text.get('weft.graph')!)).toMatchObject({ weft: 1, nodes: { swap: { type: 'attention-swap' } } });
    expect(text.get('weft.run')).toContain('mini@');
    expect(text.get('weft.run')).not.toMatch(/seconds|time/);
  });

  it('writes its report beside the picture', async () => {
    const run = await bench.run(shortGraph());
    const report: unknown = JSON.parse(fs.readFileSync(path.join(bench.out, 'run.json'), 'utf8'));
    expect(report).toEqual(run.result.report);
    expect(report).toMatchObject({ checkpoint: { id: 'mini' }, provider: 'cpu', seed: 42, outputs: ['result.png'] });
  });

  it('runs to a node and no further', async () => {
    const run = await bench.run(shortGraph(), { target: 'mask-structure' });
    expect(Object.keys(run.result.report.nodes)).not.toContain('denoise');
    expect(run.values.get('mask-structure')).toHaveProperty('mask');
  });

  it('writes a timeline as an animated picture and as a strip', async () => {
    const { default: sharp } = await import('sharp');
    const run = await bench.run(shortGraph(), { timeline: true });
    const [, animated, strip] = run.result.files;
    expect((await sharp(animated, { animated: true }).metadata()).pages).toBe(8);
    expect((await sharp(strip).metadata()).width).toBeGreaterThan(8 * 100);
  });

  it('takes its schedule and prompt from the checkpoint where none is wired', async () => {
    const graph = shortGraph();
    for (const side of ['structure', 'appearance']) {
      delete graph.nodes[`invert-${side}`]!.inputs!['schedule'];
      delete graph.nodes[`invert-${side}`]!.inputs!['prompt'];
    }
    delete graph.nodes['schedule'];
    delete graph.nodes['prompt'];
    const run = await bench.run(graph, { target: 'invert-structure' });
    const inversion = run.values.get('invert-structure')!['inversion'];
    expect(inversion).toMatchObject({ schedule: { steps: 50, skip: 24, seed: 42 }, prompt: { domain: 'animal' } });
  });

  it('falls back to the whole picture when the noun is not in the prompt, and says so', async () => {
    const graph = withParam(shortGraph(), 'mask-structure', 'noun', 'submarine');
    const run = await bench.run(graph);
    expect(run.result.warnings.map(({ node }) => node)).toContain('mask-structure');
    expect(run.result.warnings[0]!.message).toContain('submarine');
    expect(resultOf(run)).toHaveLength(128 * 128 * 3);
  });

  it('sends the end of an inversion that was kept, so that its node has a picture', async () => {
    const fresh = makeEngine();
    await fresh.run(shortGraph());
    const again = makeEngine(fresh.home);
    const run = await again.run(shortGraph(), { previewEvery: 1 });
    expect(run.result.report.nodes['invert-structure']!.cached).toBe(true);
    const previews = again.events.flatMap((event) =>
      event.event === 'preview' && event.node === 'invert-structure' ? [event] : [],
    );
    expect(previews).toHaveLength(1);
    expect(previews[0]!.index).toBeGreaterThan(4);
    expect(Math.max(...previews[0]!.rgba.filter((_, index) => index % 4 < 3))).toBeGreaterThan(128);
  });

  it('sends previews in order, each a picture of the step', async () => {
    const fresh = makeEngine();
    await fresh.run(shortGraph(), { previewEvery: 1, previewSize: 128 });
    const previews = fresh.events.flatMap((event) =>
      event.event === 'preview' && event.node === 'denoise' ? [event] : [],
    );
    expect(previews.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(previews[0]!.rgba).toHaveLength(previews[0]!.width * previews[0]!.height * 4);
    expect(Math.max(...previews.at(-1)!.rgba)).toBe(255);
  });

  it('counts the steps of an inversion as its timeline does, also where some of them were kept', async () => {
    const fresh = makeEngine();
    const node = 'invert-appearance';
    const whole = shortGraph();
    const { skip } = whole.nodes['schedule']!.params as { skip: number };
    await fresh.run(withParam(whole, 'schedule', 'skip', skip + 3), { target: node });
    fresh.events.length = 0;
    await fresh.run(whole, { target: node, previewEvery: 1 });
    const counted = fresh.events.flatMap((event) =>
      event.event === 'node' && event.node === node && event.step !== undefined
        ? [`${event.step} of ${event.total}`]
        : [],
    );
    const shown = fresh.events.flatMap((event) =>
      event.event === 'preview' && event.node === node ? [`${event.index + 1} of ${event.total}`] : [],
    );
    expect(counted.length).toBeGreaterThan(0);
    expect(counted).toEqual(shown);
  });

  it('leaves previews that come too fast for when the run is over, but for the last of each node', async () => {
    const fresh = makeEngine();
    const previews = (): string[] =>
      fresh.events.flatMap((event) => (event.event === 'preview' ? [`${event.node} ${event.index}`] : []));
    const run = await fresh.run(shortGraph(), { previewEvery: 1, previewPaceMs: 1e6 });
    const during = previews();
    expect(during.slice(-3)).toEqual(['invert-appearance 7', 'invert-structure 6', 'denoise 7']);
    // The very first waits for nothing, unless the steps behind it came in the same batch.
    expect(during.length).toBeLessThanOrEqual(4);
    await expect.poll(previews).toHaveLength(8 + 7 + 8);
    expect(previews().slice(during.length, during.length + 7)).toEqual(
      [6, 5, 4, 3, 2, 1, 0].map((index) => `denoise ${index}`),
    );
    expect(new Set(previews()).size).toBe(23);
    expect(run.result.report.outputs).toHaveLength(1);
  });

  it('stops within a step and writes nothing', async () => {
    const fresh = makeEngine();
    const running = fresh.run(shortGraph({ steps: 200, skip: 20 }));
    while (!fresh.events.some((event) => event.event === 'node' && event.step))
      await new Promise((resolve) => setImmediate(resolve));
    await fresh.engine.handlers.cancel({ runId: 'run-1' });
    await expect(running).rejects.toMatchObject({ kind: 'interrupted' });
    expect(fs.readdirSync(fresh.out)).toEqual([]);
    // What was computed is kept for the next run.
    expect(ran(await fresh.run(shortGraph()))).toContain('denoise');
  });
});

describe('what a run refuses', () => {
  const refused = (graph: GraphDocument | string, options = {}): Promise<unknown> =>
    bench.run(graph, options).then(
      () => undefined,
      (error: unknown) => error,
    );

  it.each([
    ['/etc/passwd', /absolute/i],
    ['..\\..\\secret.png', /forward slashes|backslash/i],
    ['C:/pictures/a.png', /drive|absolute/i],
    ['//server/share/a.png', /absolute|server/i],
    ['../../../../etc/hostname', /outside|no such|there is no|does not exist/i],
  ])('reads nothing through the path %s', async (hostile, sentence) => {
    const error = await refused(withParam(shortGraph(), 'structure', 'path', hostile));
    expect(error).toMatchObject({ kind: 'graph', node: 'structure' });
    expect((error as Error).message).toMatch(sentence);
  });

  it('refuses a picture behind a link that leaves the folder', async () => {
    const folder = fs.mkdtempSync(path.join(bench.out, 'links-'));
    fs.copyFileSync(path.join(pictures, 'zebra.png'), path.join(folder, 'zebra.png'));
    fs.symlinkSync(path.join(pictures, 'giraffe.png'), path.join(folder, 'giraffe.png'));
    const graphPath = path.join(folder, 'g.weft.json');
    expect(await refused(shortGraph(), { graphPath })).toMatchObject({ kind: 'graph', node: 'structure' });
    expect((await bench.run(shortGraph(), { graphPath, allowOutside: true })).result.files).toHaveLength(1);
  });

  it.each(['../escape.png', '/tmp/escape.png', 'a/../../escape.png'])('writes nothing to %s', async (target) => {
    expect(await refused(shortGraph({ output: target }))).toMatchObject({ kind: 'graph' });
  });

  it('names the place of what is wrong in the file', async () => {
    const error = await refused('{\n  "weft": 1,\n  "nodes": {"swap": {"type": "attention-swap"}}\n}\n');
    expect((error as Error).message).toMatch(/test\.weft\.json:3:\d+: swap/);
  });

  it('refuses two saves to one file, naming both', async () => {
    const graph = shortGraph();
    graph.nodes['copy'] = structuredClone(graph.nodes['save']!);
    expect(((await refused(graph)) as Error).message).toMatch(/copy.*save|save.*copy/);
  });

  it('refuses a checkpoint that the library lacks, as a checkpoint error', async () => {
    expect(await refused(withParam(shortGraph(), 'model', 'id', 'nowhere'))).toMatchObject({ kind: 'checkpoint' });
  });

  it('refuses more skipped steps than steps', async () => {
    expect(((await refused(withParam(shortGraph(), 'schedule', 'skip', 12))) as Error).message).toMatch(/skip/);
  });

  it('says of a picture that is none what it is and which node has it', async () => {
    fs.writeFileSync(path.join(bench.out, 'note.png'), 'not a picture');
    const error = await refused(withParam(shortGraph(), 'structure', 'path', 'note.png'), {
      graphPath: path.join(bench.out, 'g.weft.json'),
      roots: [pictures],
      allowOutside: true,
    });
    expect(error).toMatchObject({ kind: 'graph' });
  });
});

describe('the timeline of a run', () => {
  it('can be looked at while the run is under way, and afterwards', async () => {
    const { default: sharp } = await import('sharp');
    const fresh = makeEngine();
    const frameOf = (index: number, kind: 'x0' | 'xt', runId = 'run-1'): Promise<{ png?: Uint8Array }> =>
      fresh.engine.handlers['timeline.frame']({ runId, node: 'denoise', index, kind, size: 128 });
    const running = fresh.run(shortGraph());
    while (!fresh.events.some((event) => event.event === 'node' && event.node === 'denoise' && event.step === 3)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await sharp((await frameOf(2, 'xt')).png).metadata()).width).toBe(128);
    await running;
    expect((await frameOf(7, 'x0')).png).not.toEqual((await frameOf(7, 'xt')).png);
    // A step that was not made is no failure; a run that nobody remembers is.
    expect(await frameOf(99, 'x0')).toEqual({});
    await expect(frameOf(7, 'x0', 'forgotten')).rejects.toMatchObject({ node: 'denoise' });
  });
});
