/** Against the dumped tensors of the reference run B: attention, labels and masks as the authors' program made them. */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cluster } from '../../../extension/engine/pipeline/clusters';
import { headMeanAttention, maskFromLabels, segment } from '../../../extension/engine/diffusion/segmentation';
import { mergeHeads } from '../../support/mergeHeads';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { maskIou } from '../../../extension/engine/evaluate/overlap';
import { SafetensorsFile } from '../../support/safetensors';

const sessions = inProcessSessions();
const SIDE = 64;
const PIXELS = SIDE * SIDE;
const HALF_PIXELS = PIXELS / 4;
const TOKENS = 77;
const HEADS = 2;
const pictures = ['style', 'struct'] as const;
const reference = new SafetensorsFile(path.join(import.meta.dirname, '../../fixtures/reference/runB.safetensors'));
/** "A photo of a animal": word 4, after the start token 5. */
const nounTokens = [{ noun: 'animal', positions: [5] }];

/** One picture of a batch whose first axis is [style, struct]. */
function pictureOf(key: string, picture: (typeof pictures)[number]): Float32Array {
  const all = reference.floats(key);
  const batch = reference.shape(key)[0]!;
  const at = batch === 1 ? 0 : pictures.indexOf(picture);
  return all.subarray((at * all.length) / batch, ((at + 1) * all.length) / batch);
}
const crossQuery = (picture: (typeof pictures)[number]) =>
  mergeHeads(pictureOf('seg_cross_32_q', picture), HEADS, HALF_PIXELS);
const crossKey = (picture: (typeof pictures)[number]) =>
  mergeHeads(pictureOf('seg_cross_32_k', picture), HEADS, TOKENS);

describe.each(pictures)('the mask of %s', (picture) => {
  it('equals the reference’s, pixel for pixel, from its labels', () => {
    const { mask, problem } = maskFromLabels({
      labels: reference.floats(`seg_labels_${picture}_64`),
      crossMaps: headMeanAttention(crossQuery(picture), crossKey(picture), HEADS, HALF_PIXELS),
      height: SIDE,
      width: SIDE,
      nounTokens,
      objectNoun: 'animal',
      clusters: 5,
    });
    expect(problem).toBeUndefined();
    expect(mask).toEqual(reference.floats(`mask_${picture}_64`));
    expect(mask.includes(1)).toBe(true);
  });
});

describe('our own clusters of 64² tokens', () => {
  const selfQuery = mergeHeads(reference.floats('seg_self_64_q'), HEADS, PIXELS);
  const selfKey = mergeHeads(reference.floats('seg_self_64_k'), HEADS, PIXELS);
  let rows: Float32Array;
  let theirs: number;
  beforeAll(() => {
    rows = headMeanAttention(selfQuery, selfKey, HEADS, PIXELS);
    theirs = inertiaOf(rows, reference.floats('seg_labels_struct_64'));
  });

  it.each([42, 0])('are as tight as scikit-learn’s within a hundredth, with seed %i', async (seed) => {
    const start = process.cpuUsage();
    const result = await segment(
      {
        selfQuery,
        selfKey,
        selfHeads: HEADS,
        crossQuery: crossQuery('struct'),
        crossKey: crossKey('struct'),
        crossHeads: HEADS,
        height: SIDE,
        width: SIDE,
        nounTokens,
        objectNoun: 'animal',
        seed,
      },
      (source, options) => cluster(sessions, source, options),
    );
    const { user, system } = process.cpuUsage(start);
    const ratio = inertiaOf(rows, result.labels) / theirs;
    const iou = maskIou(result.mask, reference.floats('mask_struct_64'));
    const seconds = (user + system) / 1e6;
    console.log(
      `seed ${seed}: inertia × ${ratio.toFixed(5)}, IoU ${iou.toFixed(3)}, ${seconds.toFixed(2)} s of processor time`,
    );
    expect(ratio).toBeLessThanOrEqual(1.01);
    expect(iou).toBeGreaterThan(0.8);
    expect(result.inertia / inertiaOf(rows, result.labels)).toBeCloseTo(1, 3);
    // Processor time, so that other work on the machine doesn't fail the test.
    expect(seconds).toBeLessThan(8);
  });

  it('are the same for the same seed, whether the maps are made by the way or beforehand', async () => {
    const options = { clusters: 5, seed: 3, initialisations: 2 };
    const made = await cluster(sessions, { query: selfQuery, key: selfKey, heads: HEADS, count: PIXELS }, options);
    const given = await cluster(sessions, { rows, count: PIXELS }, options);
    const differing = made.labels.filter((label, at) => label !== given.labels[at]).length;
    // The maps agree to rounding: a row between two clusters may fall to either.
    expect(differing).toBeLessThan(PIXELS / 1000);
    expect(await cluster(sessions, { rows, count: PIXELS }, options)).toEqual(given);
  });
});

/** Sum of squared distances of rows to their cluster's mean, from labels alone. */
function inertiaOf(rows: Float32Array, labels: ArrayLike<number>): number {
  const clusters = Math.max(...Array.from(labels)) + 1;
  const means = new Float64Array(clusters * PIXELS);
  const counts = new Float64Array(clusters);
  for (let i = 0; i < PIXELS; i++) {
    counts[labels[i]!]! += 1;
    for (let j = 0; j < PIXELS; j++) means[labels[i]! * PIXELS + j]! += rows[i * PIXELS + j]!;
  }
  means.forEach((sum, at) => (means[at] = sum / counts[Math.floor(at / PIXELS)]!));
  let total = 0;
  for (let i = 0; i < PIXELS; i++) {
    for (let j = 0; j < PIXELS; j++) total += (rows[i * PIXELS + j]! - means[labels[i]! * PIXELS + j]!) ** 2;
  }
  return total;
}
