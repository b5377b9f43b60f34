/** Each shortcut off and on: the same final latents, and proof in the calls to onnxruntime that off takes the long way. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ALL_SHORTCUTS, type Shortcuts } from '../../../../extension/engine/diffusion/shortcuts';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { type SessionHost, type TensorData, unetNames } from '../../../../extension/engine/onnx/types';
import { type GraphDocument } from '../../../../extension/graph';
import { type Bench, makeEngine, shortGraph, withParam } from '../../../support/mini';

const STEPS = 12;
const SKIP = 4;
const LOOP = STEPS - SKIP;
/** Steps of the loop in which the output is the structure still: the swap begins a step after 10 %. */
const UNTOUCHED = 3;
/** Rows of the structure's reference pass: its keys are read a last time in the step after the fifth. */
const OF_STRUCTURE = 7;

interface Call {
  /** Rows through the encoder half and through the decoder half. */
  encoder: number;
  decoder: number;
  /** Attentions of level high without and with whole maps, and the slices of those. */
  plain: number;
  contrasted: number;
  slices: number;
}

/** onnxruntime, with an ear at its border. */
class Overheard implements SessionHost {
  private readonly inner = inProcessSessions();
  calls: Call[] = [];
  /** What the VAE's decoder was given last: the final latents. */
  latents = new Float32Array();

  load: SessionHost['load'] = (...args) => this.inner.load(...args);
  release: SessionHost['release'] = (...args) => this.inner.release(...args);
  placement: SessionHost['placement'] = (key) => this.inner.placement(key);
  times: SessionHost['times'] = (reset) => this.inner.times(reset);
  run: SessionHost['run'] = (key, feeds, fetches, options) => {
    if (key.endsWith('/unet')) {
      const length = (name: string): number => feeds[name]!.data.length;
      this.calls.push({
        encoder: feeds['sample']!.dims[0]!,
        decoder: length(unetNames.rows),
        plain: length(unetNames.plainRows('high')),
        contrasted: length(unetNames.contrastRows('high')),
        slices: Number(feeds[unetNames.querySlices('high')]!.data[0]),
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
  rows: { encoder: number; decoder: number };
}

async function walk(
  document: GraphDocument,
  shortcuts: Partial<Shortcuts> = {},
  bench: Bench = makeEngine(undefined, { sessions }),
): Promise<Walk> {
  sessions.calls = [];
  const run = await bench.run(document, {}, { shortcuts });
  return { latents: sessions.latents, calls: sessions.calls, rows: run.result.report.unet };
}

const off = (name: keyof Shortcuts): Partial<Shortcuts> => ({ [name]: false });
const sum = (calls: Call[], what: keyof Call): number => calls.reduce((total, call) => total + call[what], 0);

function expectSame(long: Walk, short: Walk): void {
  expect(long.latents.length).toBe(short.latents.length);
  const difference = long.latents.reduce((most, value, i) => Math.max(most, Math.abs(value - short.latents[i]!)), 0);
  expect(difference).toBeLessThan(1e-4);
}

describe('every shortcut gives the numbers of the long way', () => {
  let short: Walk;
  beforeAll(async () => {
    short = await walk(graph());
  });

  it('counts what the shortcuts leave', () => {
    // Two pictures' inversions with two prompts; A to its end, S to its last use; O from its first swap on.
    expect(short.rows).toEqual({
      encoder: 4 * (LOOP - 1) + LOOP + OF_STRUCTURE + (LOOP - UNTOUCHED),
      decoder: 4 * (LOOP - 1) + LOOP + OF_STRUCTURE + 2 * (LOOP - UNTOUCHED),
    });
  });

  it('the skipped steps and the last one are not inverted', async () => {
    const long = await walk(graph(), off('invertsOnlyWhatIsRead'));
    expect(long.rows.encoder - short.rows.encoder).toBe(4 * (SKIP + 1));
    expectSame(long, short);
  });

  it('steps share calls', async () => {
    const long = await walk(graph(), off('batches'));
    expect(long.rows).toEqual(short.rows);
    // Prompt and empty prompt of a step, or structure and appearance of one.
    expect(Math.max(...long.calls.map(({ encoder }) => encoder))).toBe(2);
    expect(long.calls.length).toBeGreaterThan(short.calls.length);
    expectSame(long, short);
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
    const widened = async (shortcuts: Partial<Shortcuts>): Promise<Walk> => {
      const bench = makeEngine(undefined, { sessions });
      await walk(swapUntil(20), {}, bench);
      return walk(swapUntil(60), shortcuts, bench);
    };
    const once = await widened({});
    const long = await widened(off('batches'));
    const ofReference = ({ calls }: Walk): Call[] => calls.filter(({ contrasted }) => contrasted === 0);
    expect(long.rows).toEqual(once.rows);
    expect(Math.max(...ofReference(long).map(({ encoder }) => encoder))).toBe(1);
    expect(ofReference(long).length).toBeGreaterThan(ofReference(once).length);
    expectSame(long, once);
  });

  it('prompt and empty prompt share calls', async () => {
    const long = await walk(graph(), { batches: false, promptsTogether: false });
    expect(long.rows).toEqual(short.rows);
    expect(long.calls.filter(({ encoder }) => encoder === 1).length).toBeGreaterThanOrEqual(4 * (LOOP - 1));
    expectSame(long, short);
  });

  it('an inversion at guidance 1 is the reference pass', async () => {
    const plain = graph([
      ['invert-structure', 'guidanceScale', 1],
      ['invert-appearance', 'guidanceScale', 1],
    ]);
    const once = await walk(plain);
    const long = await walk(plain, off('retraces'));
    // The structure's last step is read by nobody.
    expect(once.rows.encoder).toBe(LOOP + (LOOP - 1) + (LOOP - UNTOUCHED));
    expect(long.rows).toEqual(short.rows);
    expectSame(long, once);
  });

  it('keys and values are kept, in memory and on disk', async () => {
    const bench = makeEngine(undefined, { sessions });
    await walk(graph(), {}, bench);
    const onDisk = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
    fs.cpSync(bench.home, onDisk, { recursive: true });
    const changed = graph([['swap', 'contrast', 1.3]]);
    const fromMemory = await walk(changed, {}, bench);
    const fromDisk = await walk(changed, {}, makeEngine(onDisk, { sessions }));
    const recomputed = await walk(changed, off('keepsKeyValues'));
    expect(fromMemory.rows).toEqual({ encoder: LOOP - UNTOUCHED, decoder: 2 * (LOOP - UNTOUCHED) });
    expect(fromDisk.rows).toEqual(fromMemory.rows);
    expect(fromDisk.latents).toEqual(fromMemory.latents);
    // A row more for every swapped step; the structure's last one ran for its keys alone.
    expect(recomputed.rows.encoder).toBe(short.rows.encoder + (LOOP - UNTOUCHED) - 1);
    expectSame(recomputed, fromMemory);
  });

  it('a reference pass ends with the last step that reads it', async () => {
    const long = await walk(graph(), off('endsWithLastUse'));
    expect(long.rows.encoder - short.rows.encoder).toBe(LOOP - OF_STRUCTURE);
    expectSame(long, short);
  });

  it('two predictions share the encoder and the start of the decoder', async () => {
    const long = await walk(graph(), off('sharesHalves'));
    expect(long.rows).toEqual({ encoder: short.rows.decoder, decoder: short.rows.decoder });
    expectSame(long, short);
  });

  it('the output is the structure until something acts on it', async () => {
    const long = await walk(graph(), off('startsAsStructure'));
    expect(long.rows.encoder - short.rows.encoder).toBe(UNTOUCHED);
    expectSame(long, short);
  });

  it('the output goes on where a change first bites', async () => {
    const changed = graph([['adain', 'range', [50, 100]]]);
    const resumed = async (shortcuts: Partial<Shortcuts>): Promise<Walk> => {
      const bench = makeEngine(undefined, { sessions });
      await walk(graph([['adain', 'range', [60, 100]]]), {}, bench);
      return walk(changed, shortcuts, bench);
    };
    const once = await resumed({});
    const long = await resumed(off('resumes'));
    expect(once.rows.encoder).toBe(LOOP - STEPS / 2);
    expect(long.rows.encoder).toBe(LOOP - UNTOUCHED);
    expectSame(long, once);
  });

  it('at guidance 1 one prediction is enough', async () => {
    const plain = graph([
      ['guidance', 'scale', 1],
      ['guidance', 'endScale', 1],
    ]);
    const once = await walk(plain);
    const long = await walk(plain, off('onePredictionAtGuidanceOne'));
    const swapped = long.calls.filter(({ contrasted }) => contrasted).length;
    expect(swapped).toBe(LOOP - UNTOUCHED);
    expect(long.rows).toEqual({ encoder: once.rows.encoder, decoder: once.rows.decoder + swapped });
    expectSame(long, once);
  });

  it('maps that contrast acts on are made in slices', async () => {
    // Sixteen rows at once are more than a slice holds.
    const long = await walk(graph(), { slicesContrast: false, fusesAttention: false });
    const sliced = await walk(graph(), off('fusesAttention'));
    expect(Math.max(...sliced.calls.map(({ slices }) => slices))).toBeGreaterThan(1);
    expect(Math.max(...long.calls.map(({ slices }) => slices))).toBe(1);
    expectSame(long, sliced);
  });

  it('attention without contrast is one operator', async () => {
    const long = await walk(graph(), off('fusesAttention'));
    expect(sum(short.calls, 'plain')).toBeGreaterThan(0);
    expect(sum(long.calls, 'plain')).toBe(0);
    expect(sum(long.calls, 'contrasted')).toBe(sum(short.calls, 'plain') + sum(short.calls, 'contrasted'));
    expectSame(long, short);
  });

  it('all of them together', async () => {
    const none = Object.fromEntries(Object.keys(ALL_SHORTCUTS).map((name) => [name, false]));
    const long = await walk(graph(), none);
    expect(long.rows.encoder).toBeGreaterThan(short.rows.encoder);
    expectSame(long, short);
  });

  it('none of them is a setting that a key or a graph knows', async () => {
    const bench = makeEngine(undefined, { sessions });
    await walk(graph(), off('sharesHalves'), bench);
    expect((await walk(graph(), {}, bench)).rows).toEqual({ encoder: 0, decoder: 0 });
    expect(
      fs.readFileSync(new URL('../../../../schemas/weft-graph.schema.json', import.meta.url), 'utf8'),
    ).not.toContain('sharesHalves');
  });
});
