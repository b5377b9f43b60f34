/** What need not be computed: each fast path gives the final latents of the method the long way, and the calls to onnxruntime show that it is taken. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { OnnxUnet } from '../../../../extension/engine/pipeline/onnxUnet';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { type SessionHost, type TensorData, unetNames } from '../../../../extension/engine/onnx/types';
import { type GraphDocument, type Pin } from '../../../../extension/graph';
import { type GraphRun } from '../../../../extension/engine/execution/runGraph';
import { difference } from '../../../fixtures/onnx/feeds';
import {
  naivePrediction,
  naiveSampler,
  openedUnet,
  type NaivePicture,
  type NaiveSettings,
} from '../../../support/naiveSampler';
import { type Bench, makeEngine, shortGraph, withParam } from '../../../support/mini';

const STEPS = 12;
const SKIP = 4;
const LOOP = STEPS - SKIP;
/** Steps of the loop in which the output is the structure still: the swap begins a step after 10 %. */
const UNTOUCHED = 3;
/** Rows of the structure's reference pass: its keys are read a last time in the step after the fifth. */
const OF_STRUCTURE = 7;

interface Call {
  timesteps: number[];
  /** Rows through the encoder half and through the decoder half. */
  encoder: number;
  decoder: number;
  /** Attentions of level high without and with whole maps, and the slices of those. */
  plain: number;
  contrasted: number;
  slices: number;
  /** Blocks of masked attentions. */
  blocks: number;
}

/** onnxruntime, with an ear at its border. */
class Overheard implements SessionHost {
  private readonly inner = inProcessSessions();
  calls: Call[] = [];
  unet = '';
  /** What the VAE's decoder was given last: the final latents. */
  latents = new Float32Array();

  load: SessionHost['load'] = (...args) => this.inner.load(...args);
  release: SessionHost['release'] = (...args) => this.inner.release(...args);
  placement: SessionHost['placement'] = (key) => this.inner.placement(key);
  times: SessionHost['times'] = (reset) => this.inner.times(reset);
  run: SessionHost['run'] = (key, feeds, fetches, options) => {
    if (key.endsWith('/unet')) {
      this.unet = key;
      const length = (name: string): number => feeds[name]!.data.length;
      this.calls.push({
        timesteps: Array.from(feeds['timestep']!.data as BigInt64Array, Number),
        encoder: feeds['sample']!.dims[0]!,
        decoder: length(unetNames.rows),
        plain: length(unetNames.plainRows('high')),
        contrasted: length(unetNames.contrastRows('high')),
        slices: Number(feeds[unetNames.querySlices('high')]!.data[0]),
        blocks: feeds[unetNames.masked.blocks('high')]!.dims[0]! - 1,
      });
    }
    if (key.endsWith('/vaeDecoder'))
      this.latents = (Object.values(feeds)[0] as TensorData).data.slice() as Float32Array<ArrayBuffer>;
    return this.inner.run(key, feeds, fetches, options);
  };
}

const sessions = new Overheard();

/** The paper's settings in small: swap from the third step on, the structure's keys now and then, AdaIN behind it. */
function graph(overrides: [node: string, param: string, value: unknown][] = []): GraphDocument {
  const all: [string, string, unknown][] = [
    ['invert-structure', 'guidanceScale', 3.5],
    ['invert-appearance', 'guidanceScale', 3.5],
    ['swap', 'higherRange', [10, 60]],
    ['swap', 'lowerRange', [10, 50]],
    ['swap', 'structureEvery', 5],
    ['swap', 'structureUntil', 60],
    ['swap', 'contrast', 1.67],
    ['adain', 'range', [30, 100]],
    ['guidance', 'scale', 3.5],
    ['guidance', 'endScale', 1.75],
    ...overrides,
  ];
  return all.reduce(
    (made, [node, param, value]) => withParam(made, node, param, value),
    shortGraph({ steps: STEPS, skip: SKIP }),
  );
}

interface Walk {
  latents: Float32Array;
  calls: Call[];
  rows: { encoder: number; decoder: number; masked?: number };
  run: GraphRun;
}

async function walk(document: GraphDocument, bench: Bench = makeEngine(undefined, { sessions })): Promise<Walk> {
  sessions.calls = [];
  const run = await bench.run(document);
  return { latents: sessions.latents, calls: [...sessions.calls], rows: run.result.report.unet, run };
}

/** Holds a walk against the method the long way, from the same pictures, noise, prompts and masks. */
async function expectTheLongWay(
  { run, latents }: Walk,
  places: Pick<NaiveSettings, 'regions' | 'pins'> = {},
): Promise<void> {
  const transfers = [...run.values.values()]
    .flatMap((ports) => Object.values(ports))
    .flatMap((value) => (value.kind === 'transfer' && value.swap && value.adain && value.guidance ? [value] : []));
  const { structure, appearances, swap, adain, guidance } = transfers[0]!;
  const { checkpoint } = structure;
  const { source } = structure.trajectory;
  const picture = async (of: typeof structure, mask = adain!.structureMask!): Promise<NaivePicture> => ({
    ...of.trajectory.source,
    context: of.trajectory.source.promptEmbeds,
    mask: await mask.onGrid(...checkpoint.latentSize),
  });
  const { folder, unet } = checkpoint.prepared;
  const opened =
    Object.keys(places).length > 0
      ? await openedUnet(sessions, path.join(folder, unet.path), unet.interface)
      : undefined;
  const long = await naiveSampler(
    { sessions, key: sessions.unet, opened, graph: unet.interface, latentSize: checkpoint.latentSize },
    {
      ...places,
      structure: await picture(structure),
      appearance: await picture(appearances[0]!, adain!.appearanceMasks![0]!),
      emptyContext: source.emptyPromptEmbeds,
      steps: source.steps,
      skip: source.skip,
      spacing: source.spacing,
      noiseMaps: source.noiseMaps,
      inversionGuidance: source.guidanceScale,
      swap: swap!,
      adainRange: adain!.range,
      guidance: guidance!,
      freeu: source.freeu,
    },
  );
  const { scalingFactor } = checkpoint.prepared;
  const difference = long.reduce((most, value, i) => Math.max(most, Math.abs(value / scalingFactor - latents[i]!)), 0);
  expect(latents.length).toBe(long.length);
  expect(difference).toBeLessThan(1e-4);
}

const most = (calls: Call[], what: 'encoder' | 'decoder' | 'slices' | 'blocks'): number =>
  Math.max(...calls.map((call) => call[what]));

describe('every fast path gives the numbers of the long way', () => {
  let cold: Walk;
  beforeAll(async () => {
    cold = await walk(graph());
  });

  it('in a cold run', async () => {
    await expectTheLongWay(cold);
  });

  it('with timesteps spaced from the end, whose last step adds noise', async () => {
    const trailing = await walk(
      graph([
        ['schedule', 'steps', 10],
        ['schedule', 'skip', 3],
        ['schedule', 'spacing', 'trailing'],
      ]),
    );
    expect(Math.min(...trailing.calls.flatMap(({ timesteps }) => timesteps))).toBe(99);
    await expectTheLongWay(trailing);
  });

  it.each([1, 3.5])('with shifted noise maps, inverted at guidance %d', async (guidanceScale) => {
    const shifted = await walk(
      graph([
        ['schedule', 'steps', 8],
        ['schedule', 'skip', 2],
        ['schedule', 'spacing', 'trailing'],
        ['schedule', 'noiseMaps', 'shifted'],
        ['invert-structure', 'guidanceScale', guidanceScale],
        ['invert-appearance', 'guidanceScale', guidanceScale],
      ]),
    );
    await expectTheLongWay(shifted);
  });

  it('which computes only what is read: the steps that are not skipped, and of each picture what something reads', () => {
    // Two pictures' inversions with two prompts; A to its end, S to its last use; O from its first swap on.
    expect(cold.rows).toEqual({
      encoder: 4 * (LOOP - 1) + LOOP + OF_STRUCTURE + (LOOP - UNTOUCHED),
      decoder: 4 * (LOOP - 1) + LOOP + OF_STRUCTURE + 2 * (LOOP - UNTOUCHED),
    });
    const first = (LOOP - 1) * Math.floor(1000 / STEPS) + 1;
    expect(Math.max(...cold.calls.flatMap(({ timesteps }) => timesteps))).toBe(first);
  });

  it('steps, prompt and empty prompt share calls', () => {
    expect(most(cold.calls, 'encoder')).toBeGreaterThan(2);
    expect(cold.calls.some(({ timesteps }) => new Set(timesteps).size < timesteps.length)).toBe(true);
    expect(cold.calls.some(({ timesteps }) => new Set(timesteps).size > 1)).toBe(true);
  });

  it('two predictions share the encoder and the start of the decoder', () => {
    const swapped = cold.calls.filter(({ contrasted }) => contrasted > 0);
    expect(swapped.map(({ encoder, decoder }) => [encoder, decoder])).toEqual(
      Array.from({ length: LOOP - UNTOUCHED }, () => [1, 2]),
    );
  });

  it('attention without contrast is one operator', () => {
    const plain = cold.calls.reduce((sum, call) => sum + call.plain, 0);
    const contrasted = cold.calls.reduce((sum, call) => sum + call.contrasted, 0);
    expect(contrasted).toBe(LOOP - UNTOUCHED);
    expect(plain + contrasted).toBe(cold.rows.decoder);
  });

  it('steps of a reference pass whose path is known share calls', async () => {
    // After an inversion at guidance 1 a wider swap needs keys and values of steps that nobody asked for before.
    const swapUntil = (percent: number): GraphDocument =>
      graph([
        ['invert-structure', 'guidanceScale', 1],
        ['invert-appearance', 'guidanceScale', 1],
        ['swap', 'higherRange', [10, percent]],
        ['swap', 'lowerRange', [10, percent]],
      ]);
    const bench = makeEngine(undefined, { sessions });
    await walk(swapUntil(20), bench);
    const widened = await walk(swapUntil(60), bench);
    const ofReference = widened.calls.filter(({ contrasted }) => contrasted === 0);
    expect(most(ofReference, 'encoder')).toBeGreaterThan(1);
    await expectTheLongWay(widened);
  });

  it('an inversion at guidance 1 is the reference pass', async () => {
    const once = await walk(
      graph([
        ['invert-structure', 'guidanceScale', 1],
        ['invert-appearance', 'guidanceScale', 1],
      ]),
    );
    // The structure's last step is read by nobody.
    expect(once.rows.encoder).toBe(LOOP + (LOOP - 1) + (LOOP - UNTOUCHED));
    await expectTheLongWay(once);
  });

  it('keys and values are kept, in memory and on disk', async () => {
    const bench = makeEngine(undefined, { sessions });
    await walk(graph(), bench);
    const onDisk = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
    fs.cpSync(bench.home, onDisk, { recursive: true });
    const changed = graph([['swap', 'contrast', 1.3]]);
    const fromMemory = await walk(changed, bench);
    const fromDisk = await walk(changed, makeEngine(onDisk, { sessions }));
    expect(fromMemory.rows).toEqual({ encoder: LOOP - UNTOUCHED, decoder: 2 * (LOOP - UNTOUCHED) });
    expect(fromDisk.rows).toEqual(fromMemory.rows);
    expect(fromDisk.latents).toEqual(fromMemory.latents);
    await expectTheLongWay(fromMemory);
  });

  it('keys and values that the disk lost are computed again', async () => {
    const bench = makeEngine(undefined, { sessions });
    await walk(graph(), bench);
    const onDisk = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
    fs.cpSync(bench.home, onDisk, { recursive: true });
    let damaged = 0;
    for (const entry of fs.readdirSync(path.join(onDisk, 'cache'), { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (!entry.isFile() || !fs.readFileSync(file).subarray(0, 4096).includes('"k0"')) continue;
      fs.truncateSync(file, fs.statSync(file).size / 2);
      damaged += 1;
    }
    expect(damaged).toBe(LOOP - UNTOUCHED);
    const again = await walk(graph([['swap', 'contrast', 1.3]]), makeEngine(onDisk, { sessions }));
    // A row more for every swapped step.
    expect(again.rows.encoder).toBe(2 * (LOOP - UNTOUCHED));
    await expectTheLongWay(again);
  });

  it('the output goes on where a change first bites', async () => {
    const bench = makeEngine(undefined, { sessions });
    await walk(graph([['adain', 'range', [60, 100]]]), bench);
    const once = await walk(graph([['adain', 'range', [50, 100]]]), bench);
    expect(once.rows.encoder).toBe(LOOP - STEPS / 2);
    await expectTheLongWay(once);
  });

  it('at guidance 1 one prediction is enough', async () => {
    const once = await walk(
      graph([
        ['guidance', 'scale', 1],
        ['guidance', 'endScale', 1],
      ]),
    );
    const swapped = once.calls.filter(({ contrasted }) => contrasted);
    expect(swapped).toHaveLength(LOOP - UNTOUCHED);
    expect(most(swapped, 'decoder')).toBe(1);
    await expectTheLongWay(once);
  });

  it('maps that contrast acts on are made in slices where memory is short', async () => {
    const value = cold.run.values.get('invert-structure')!['inversion'];
    if (value?.kind !== 'inversion') throw new Error('invert-structure made no inversion.');
    const { checkpoint, trajectory } = value;
    const { x0, promptEmbeds, freeu } = trajectory.source;
    const { latentSize, prepared } = checkpoint;
    const graph = prepared.unet.interface;
    const other = x0.map((number, i) => number * 0.7 + Math.sin(i));
    const unet = new OnnxUnet(sessions, sessions.unet, graph, latentSize, undefined, undefined, {
      now: () => 2 ** 20,
      onProcessor: true,
    });
    const input = { timestep: 501, promptEmbeds };
    const { keyValues } = await unet.run({ batch: [{ ...input, latents: other }], freeu, keep: { keyValues: true } });
    sessions.calls = [];
    const source = [{ keyValues: keyValues![0]! }];
    const { epsilons } = await unet.run({
      batch: [{ ...input, latents: x0 }],
      decoderBatch: [{ from: 0, source: { high: source, low: source }, contrast: { high: 1.67, low: 1.67 } }],
      freeu,
    });
    expect(most(sessions.calls, 'slices')).toBeGreaterThan(1);
    const [whole] = await naivePrediction(
      { sessions, key: sessions.unet, graph, latentSize },
      freeu,
      [x0, other],
      [promptEmbeds, promptEmbeds],
      501,
      { high: 1, low: 1, contrast: 1.67 },
    );
    epsilons[0]!.forEach((number, i) => expect(Math.abs(number - whole![i]!)).toBeLessThan(1e-4));
  });
});

describe('source regions and pins', () => {
  const pin = (to: [number, number, number], from: [number, number, number], more: Partial<Pin> = {}): Pin => {
    const circle = ([x, y, radius]: [number, number, number]) => ({ x, y, radius });
    return { to: circle(to), from: circle(from), ...more };
  };
  const pins = [
    pin([0.3, 0.35, 0.12], [0.7, 0.2, 0.2]),
    pin([0.4, 0.35, 0.12], [0.2, 0.8, 0.1]),
    // Smaller than a place of the grid, and at the edge.
    pin([1, 0.8, 0.2], [0.51, 0.49, 0.001]),
  ];
  const pinned = (list: readonly Pin[], ...more: [string, string, unknown][]): GraphDocument =>
    graph([['swap', 'pins', list], ...more]);
  /** The appearance wired twice: the structure's object from the appearance's, all else from everywhere. */
  const paired = (): GraphDocument => {
    const made = graph([['adain', 'range', [100, 100]]]);
    const inputs = made.nodes['swap']!.inputs!;
    inputs['appearance'] = ['invert-appearance.inversion', 'invert-appearance.inversion'];
    inputs['masks'] = 'mask-structure.mask';
    inputs['sources'] = 'mask-appearance.mask';
    return made;
  };
  const maskOf = async ({ run }: Walk, node: string): Promise<Float32Array> => {
    const value = run.values.get(node)!['mask'];
    const inversion = run.values.get('invert-structure')!['inversion'];
    if (value?.kind !== 'mask' || inversion?.kind !== 'inversion') throw new Error(`${node} made no mask.`);
    return value.onGrid(...inversion.checkpoint.latentSize);
  };
  const apart = (a: Walk, b: Walk): number =>
    a.latents.reduce((most, value, i) => Math.max(most, Math.abs(value - b.latents[i]!)), 0);

  it.each([
    ['at once', Infinity],
    ['in blocks, where memory is short', 2 ** 20],
  ])('give a prediction the numbers of whole maps, computed %s', async (_, memory) => {
    const { run } = await walk(graph());
    const value = run.values.get('invert-structure')!['inversion'];
    if (value?.kind !== 'inversion') throw new Error('invert-structure made no inversion.');
    const { checkpoint, trajectory } = value;
    const { x0, promptEmbeds, freeu } = trajectory.source;
    const { latentSize, prepared } = checkpoint;
    const swapped = prepared.unet.interface;
    const other = x0.map((number, i) => number * 0.7 + Math.sin(i));
    const unet = new OnnxUnet(sessions, sessions.unet, swapped, latentSize, undefined, undefined, {
      now: () => memory,
      onProcessor: true,
    });
    const input = { timestep: 501, promptEmbeds };
    const given = await unet.run({ batch: [{ ...input, latents: other }], freeu, keep: { keyValues: true } });
    const keyValues = given.keyValues![0]!;
    const places = Array.from({ length: latentSize[0] * latentSize[1] }, (_, place) => place);
    const left = Float32Array.from(places, (place) => (place % latentSize[1] < 11 ? 1 : 0.25));
    // Pieces of every size, single places and soft weights among them.
    const regions = [
      { where: left, from: Float32Array.from(places, (place) => (place % 7 === 0 ? 1 : 0)) },
      { where: left.map((part) => (1 - part) / 2), from: Float32Array.from(places, (place) => 1 / (1 + place)) },
      { where: left.map((part) => (1 - part) / 2), from: Float32Array.from(places, (place) => (place === 77 ? 1 : 0)) },
    ];
    const shares = regions.map(({ where, from }) => ({ keyValues, weights: where, keyWeights: from }));
    sessions.calls = [];
    const { epsilons } = await unet.run({
      batch: [{ ...input, latents: x0 }],
      decoderBatch: [
        { from: 0, source: { high: shares, low: shares }, contrast: { high: 1.67, low: 1.67 } },
        { from: 0 },
      ],
      freeu,
    });
    if (memory < Infinity) expect(most(sessions.calls, 'blocks')).toBeGreaterThan(regions.length);
    const opened = await openedUnet(sessions, path.join(prepared.folder, prepared.unet.path), swapped);
    const [whole, , plain] = await naivePrediction(
      { sessions, key: sessions.unet, opened, graph: swapped, latentSize },
      freeu,
      [x0, other, x0],
      [promptEmbeds, promptEmbeds, promptEmbeds],
      501,
      { high: 1, low: 1, contrast: 1.67, regions },
    );
    expect(epsilons).toHaveLength(2);
    expect(difference(epsilons[0]!, whole!)).toBeLessThan(1e-5);
    expect(difference(epsilons[1]!, plain!)).toBeLessThan(1e-5);
  });

  it('of pins are those of whole maps in which all other keys weigh nothing', async () => {
    const made = await walk(pinned(pins));
    await expectTheLongWay(made, { pins });
    expect(apart(made, await walk(graph()))).toBeGreaterThan(0.1);
  });

  it('of an inversion wired twice, each with a pair of regions, likewise', async () => {
    const made = await walk(paired());
    const [object, from] = [await maskOf(made, 'mask-structure'), await maskOf(made, 'mask-appearance')];
    const everywhere = from.map(() => 1);
    const regions = [
      { where: object, from },
      { where: object.map((inside) => 1 - inside), from: everywhere },
    ];
    await expectTheLongWay(made, { regions });
    // Pins over them.
    const over = paired();
    over.nodes['swap']!.params!['pins'] = [pins[0], { ...pins[1], appearance: 2 }];
    await expectTheLongWay(await walk(over), { regions, pins: pins.slice(0, 2) });
  });

  it('leave no other row to a swap whose only appearance has a source, and need no guidance', async () => {
    const made = graph([
      ['guidance', 'scale', 1],
      ['guidance', 'endScale', 1],
      ['swap', 'contrast', 1],
    ]);
    made.nodes['swap']!.inputs!['sources'] = 'mask-appearance.mask';
    const once = await walk(made);
    const from = await maskOf(once, 'mask-appearance');
    await expectTheLongWay(once, { regions: [{ where: from.map(() => 1), from }] });
  });

  it('change no bit where there are none, or all are muted', async () => {
    const plain = await walk(graph());
    const muted = await walk(pinned(pins.map((one) => ({ ...one, muted: true }))));
    expect(muted.latents).toEqual(plain.latents);
    expect(muted.rows).toEqual(plain.rows);
    expect(muted.rows).not.toHaveProperty('masked');
  });

  it('of the whole picture are the plain swap', async () => {
    const whole = [pin([0.5, 0.5, 1], [0.5, 0.5, 1])];
    expect(apart(await walk(pinned(whole)), await walk(graph()))).toBeLessThan(1e-4);
  });

  it('act where keys come from the appearance, and are counted', async () => {
    const made = await walk(pinned(pins));
    // The steps of the loop that swap, without the one that takes the structure's own keys.
    const swapped = LOOP - UNTOUCHED - 1;
    expect(made.rows.masked).toBe(pins.length * swapped);
    const never = await walk(pinned(pins, ['swap', 'structureEvery', 1], ['swap', 'structureUntil', 100]));
    const structure = await walk(graph([['swap', 'structureEvery', 1], ['swap', 'structureUntil', 100]])); // prettier-ignore
    expect(never.latents).toEqual(structure.latents);
    expect(never.rows).not.toHaveProperty('masked');
  });

  it('resume where the first of them acts, and are found again', async () => {
    const bench = makeEngine(undefined, { sessions });
    const plain = await walk(graph(), bench);
    const made = await walk(pinned(pins), bench);
    expect(made.rows.encoder).toBeGreaterThan(0);
    expect(made.rows.encoder).toBeLessThanOrEqual(LOOP - UNTOUCHED);
    expect((await walk(pinned(pins), bench)).rows).toEqual({ encoder: 0, decoder: 0 });
    expect((await walk(graph(), bench)).rows).toEqual({ encoder: 0, decoder: 0 });
    const moved = await walk(pinned([{ ...pins[0]!, from: { ...pins[0]!.from, x: 0.1 } }, ...pins.slice(1)]), bench);
    expect(moved.rows.encoder).toBeGreaterThan(0);
    expect(apart(moved, made)).toBeGreaterThan(0.01);
    expect(apart(plain, made)).toBeGreaterThan(0.01);
  });
});

describe('without appearance the output is the structure again', () => {
  const plain = (steps: number, skip: number, spacing: string): GraphDocument => {
    const made = graph([
      ['schedule', 'steps', steps],
      ['schedule', 'skip', skip],
      ['schedule', 'spacing', spacing],
      ['invert-structure', 'guidanceScale', 1],
      ['invert-appearance', 'guidanceScale', 1],
      ['swap', 'higherRange', [0, 100]],
      ['swap', 'lowerRange', [0, 100]],
      // The structure's own keys in every step: all steps are walked, and change nothing.
      ['swap', 'structureEvery', 1],
      ['swap', 'structureUntil', 100],
      ['swap', 'contrast', 1],
      ['guidance', 'scale', 1],
      ['guidance', 'endScale', 1],
    ]);
    made.nodes['adain']!.muted = true;
    return made;
  };

  /** How far the final latents are from the structure's, as a share of their size. */
  async function distance(document: GraphDocument): Promise<number> {
    const { latents, run } = await walk(document);
    const value = run.values.get('invert-structure')!['inversion'];
    if (value?.kind !== 'inversion') throw new Error('invert-structure made no inversion.');
    const { scalingFactor } = value.checkpoint.prepared;
    const { x0 } = value.trajectory.source;
    const size = Math.sqrt(x0.reduce((sum, number) => sum + number ** 2, 0));
    return Math.sqrt(x0.reduce((sum, number, i) => sum + (number - latents[i]! * scalingFactor) ** 2, 0)) / size;
  }

  // 1000 is no multiple of 7 or 30: there DDIM's previous timestep is not always the next one.
  it.each([
    [4, 1],
    [7, 2],
    [30, 9],
  ])('exactly when %d steps, of which %d are skipped, have trailing spacing', async (steps, skip) => {
    expect(await distance(plain(steps, skip, 'trailing'))).toBeLessThan(1e-6);
  });

  it('exactly where the swap is muted', async () => {
    const muted = plain(8, 0, 'trailing');
    muted.nodes['swap']!.muted = true;
    expect(await distance(muted)).toBeLessThan(1e-6);
  });

  it('but for what the limit of the last noise takes, with shifted noise maps', async () => {
    const shifted = plain(8, 2, 'trailing');
    shifted.nodes['schedule']!.params!['noiseMaps'] = 'shifted';
    expect(await distance(shifted)).toBeGreaterThan(1e-6);
    expect(await distance(shifted)).toBeLessThan(1);
  });

  it('but for what the noise of t = 1 leaves, which the authors do not take back, when the spacing is leading', async () => {
    expect(await distance(plain(8, 2, 'leading'))).toBeLessThan(0.04);
  });
});
