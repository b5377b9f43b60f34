import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeEngine, ran, resultOf, shortGraph, withParam } from '../../../support/mini';

describe('what a run computes and what it takes from the cache', () => {
  it('computes everything once, then nothing, in the same process and in another', async () => {
    const first = makeEngine();
    const cold = await first.run(shortGraph());
    expect(ran(cold)).toEqual(
      expect.arrayContaining(['structure', 'invert-structure', 'mask-appearance', 'denoise', 'save']),
    );
    expect(cold.result.report.unet.encoder).toBeGreaterThan(0);

    const again = await first.run(shortGraph());
    expect(ran(again)).toEqual([]);
    expect(again.result.report.unet).toEqual({ encoder: 0, decoder: 0 });
    expect(resultOf(again)).toEqual(resultOf(cold));

    const elsewhere = await makeEngine(first.home).run(shortGraph());
    expect(ran(elsewhere)).toEqual([]);
    expect(resultOf(elsewhere)).toEqual(resultOf(cold));
  });

  it('runs denoise and what follows after a change of contrast, and nothing else', async () => {
    const bench = makeEngine();
    await bench.run(shortGraph());
    const warm = await bench.run(withParam(shortGraph(), 'swap', 'contrast', 1.2));
    expect(ran(warm)).toEqual(['denoise', 'save']);
  });

  it('gives the same picture warm as cold', async () => {
    const bench = makeEngine();
    await bench.run(shortGraph());
    const changed = withParam(withParam(shortGraph(), 'swap', 'contrast', 1.2), 'adain', 'range', [50, 100]);
    const warm = await bench.run(changed);
    const cold = await makeEngine().run(changed);
    expect(resultOf(warm)).toEqual(resultOf(cold));
    expect(ran(warm)).toEqual(['denoise', 'save']);
  });

  it('resumes at the first step that a change touches', async () => {
    const bench = makeEngine();
    const graph = withParam(shortGraph(), 'adain', 'range', [20, 50]);
    await bench.run(graph);
    const longer = await bench.run(withParam(graph, 'adain', 'range', [20, 100]));
    // Half of 12 steps is step 6: of the eight steps that run, the last two know of the change.
    expect(longer.result.report.unet.encoder).toBe(2);
    expect(ran(longer)).toEqual(['denoise', 'save']);
  });

  it('computes only the inversion steps that a smaller skip adds', async () => {
    const bench = makeEngine();
    const graph = withParam(shortGraph(), 'invert-structure', 'guidanceScale', 2);
    await bench.run(graph, { target: 'invert-structure' });
    const more = await bench.run(withParam(graph, 'schedule', 'skip', 2), { target: 'invert-structure' });
    // Two more steps, with prompt and empty prompt each.
    expect(more.result.report.unet.encoder).toBe(4);
  });

  it('keeps the spacings apart', async () => {
    const bench = makeEngine();
    // 666 steps are one timestep apart either way, so most of their timesteps are the same.
    const graph = shortGraph({ steps: 666, skip: 660 });
    const [leading, trailing] = [graph, withParam(graph, 'schedule', 'spacing', 'trailing')];
    const first = await bench.run(leading);
    const other = await bench.run(trailing);
    expect(ran(other)).toEqual(expect.arrayContaining(['schedule', 'invert-structure', 'denoise']));
    expect(resultOf(other)).not.toEqual(resultOf(first));
    expect(ran(await bench.run(withParam(graph, 'schedule', 'spacing', 'leading')))).toEqual([]);
    expect(ran(await bench.run(trailing))).toEqual([]);
  });

  it('does not invert again when only the other picture changes', async () => {
    const bench = makeEngine();
    await bench.run(shortGraph());
    const other = await bench.run(withParam(shortGraph(), 'appearance', 'path', 'cow.png'));
    expect(ran(other)).not.toContain('invert-structure');
    expect(ran(other)).not.toContain('mask-structure');
    expect(ran(other)).toContain('invert-appearance');
  });

  it('knows nothing of ids, layout and frames', async () => {
    const bench = makeEngine();
    const graph = shortGraph();
    await bench.run(graph);
    const renamed = structuredClone(graph);
    renamed.layout = { denoise: [7, 7] };
    renamed.nodes['picture'] = renamed.nodes['structure']!;
    delete renamed.nodes['structure'];
    renamed.nodes['invert-structure']!.inputs!['image'] = 'picture.image';
    expect(ran(await bench.run(renamed))).toEqual([]);
  });

  it('keeps nothing and reads nothing without cache', async () => {
    const bench = makeEngine();
    await bench.run(shortGraph(), { useCache: false });
    const files = fs.existsSync(path.join(bench.home, 'cache')) ? fs.readdirSync(path.join(bench.home, 'cache')) : [];
    expect(files).toEqual([]);
    expect((await bench.run(shortGraph(), { useCache: false })).result.report.unet.encoder).toBeGreaterThan(0);
  });

  /** All files below a folder of the home. */
  const filesOf = (home: string, name: string): string[] =>
    fs
      .readdirSync(path.join(home, name), { recursive: true, withFileTypes: true })
      .flatMap((entry) => (entry.isFile() ? [path.join(entry.parentPath, entry.name)] : []));

  it.each<[string, (files: string[]) => void]>([
    ['cut short', (files) => files.forEach((file) => fs.truncateSync(file, 20))],
    [
      'changed in a bit of its second half',
      (files) => {
        for (const file of files) {
          const bytes = fs.readFileSync(file);
          bytes[Math.floor(bytes.length * 0.8)]! ^= 0x40;
          fs.writeFileSync(file, bytes);
        }
      },
    ],
    [
      'swapped with another',
      (files) => {
        const bytes = files.map((file) => fs.readFileSync(file));
        files.forEach((file, index) => fs.writeFileSync(file, bytes[(index + 1) % bytes.length]!));
      },
    ],
  ])('computes anew what lies in the cache %s', async (_, damage) => {
    const bench = makeEngine();
    const whole = await bench.run(shortGraph(), { timeline: true });
    // Whole images that differ would take minutes to print.
    const pictures = (): string[] =>
      fs
        .readdirSync(bench.out)
        .filter((name) => name !== 'run.json')
        .map(
          (name) =>
            `${name} ${createHash('sha256')
              .update(fs.readFileSync(path.join(bench.out, name)))
              .digest('hex')}`,
        );
    const before = pictures();
    damage(filesOf(bench.home, 'cache'));
    const other = makeEngine(bench.home);
    const mended = await other.run(shortGraph(), { timeline: true, outDir: bench.out });
    expect(resultOf(mended)).toEqual(resultOf(whole));
    expect(pictures()).toEqual(before);
    // And keeps it again.
    expect(ran(await makeEngine(bench.home).run(shortGraph()))).toEqual([]);
  });

  it('computes one damaged product anew, and nothing that it does not need', async () => {
    const bench = makeEngine();
    const whole = await bench.run(shortGraph());
    const total = whole.result.report.unet.encoder;
    for (const [index, file] of filesOf(bench.home, 'cache').entries()) {
      // All of them take too long here; test/faults damages each.
      if (index % 7 !== 3) continue;
      const bytes = fs.readFileSync(file);
      bytes[bytes.length - 1]! ^= 0x40;
      fs.writeFileSync(file, bytes);
      const mended = await makeEngine(bench.home).run(shortGraph());
      expect(resultOf(mended)).toEqual(resultOf(whole));
      expect(mended.result.report.unet.encoder).toBeLessThan(total);
    }
  });
});

describe('the number of UNet rows, at the settings of the paper', () => {
  it('is at most what method and cache allow, cold and after a change of contrast', async () => {
    const bench = makeEngine();
    let graph = shortGraph({ steps: 100, skip: 32 });
    for (const side of ['structure', 'appearance']) graph = withParam(graph, `invert-${side}`, 'guidanceScale', 3.5);
    // The paper's ranges, whatever the checkpoint's own defaults are.
    graph = withParam(withParam(graph, 'swap', 'higherRange', [10, 90]), 'swap', 'lowerRange', [10, 70]);
    graph = withParam(withParam(graph, 'swap', 'structureUntil', 40), 'swap', 'structureEvery', 5);
    graph = withParam(withParam(graph, 'swap', 'contrast', 1.67), 'adain', 'range', [20, 100]);
    graph = withParam(withParam(graph, 'guidance', 'scale', 3.5), 'guidance', 'endScale', 1.75);
    const cold = (await bench.run(graph)).result.report.unet;
    // 268 for the inversions; A to the end and S to its last use; O from the first change on.
    expect(cold).toEqual({ encoder: 268 + 68 + 37 + 57, decoder: 268 + 68 + 37 + 2 * 57 });
    const warm = (await bench.run(withParam(graph, 'swap', 'contrast', 1.3))).result.report.unet;
    expect(warm).toEqual({ encoder: 57, decoder: 114 });
  });
});
