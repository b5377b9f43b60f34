import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { partPlace } from '../../../graph';
import { rethrowAt } from '../../../protocol/errors';
import { cellAt } from '../../../protocol/size';
import { keyOf } from '../../cache/store';
import { type Tensors } from '../../cache/tensorFile';
import { type Demand, noDemand, type Trajectory } from '../../pipeline/trajectory';
import { KMEANS_SEED } from '../../diffusion/segmentation';
import { correct, loadCorrection } from '../../image/correction';
import { maskPicture } from '../../image/mask';
import { encodePng } from '../../image/png';
import { type Execution, type Executor, type RunContext } from '../context';
import { mergeDemand } from '../demands';
import { requiredInput } from '../inputs';
import { readInput } from '../readInput';
import { segmentStep } from '../settings';
import { warnOfShare } from '../suspiciousMask';
import { type InversionValue } from '../values';

const SEGMENT_VERSION = 3;
const OVERRIDE_VERSION = 1;
const PART_VERSION = 1;

export const segment: Executor = async (execution) => {
  const { node, context } = execution;
  const { store } = context;
  const inversion = requiredInput(execution, 'inversion', 'inversion');
  const { trajectory, checkpoint, schedule } = inversion;
  const step = segmentStep(node.params, schedule.steps, trajectory.length);
  const noun = String(node.params['noun'] ?? inversion.prompt.domain);
  const clusters = node.params['clusters'] as number;
  const [height, width] = checkpoint.latentSize;

  const key = keyOf('mask', SEGMENT_VERSION, [trajectory.referenceKey, step, noun, clusters, KMEANS_SEED]);
  const kept = await store.get(key);
  const object = kept?.mask ? readFound(kept) : await findObject(inversion, step, noun, clusters, context);
  if (!kept?.mask) store.put(key, writeFound(object, height, width));
  const place = partPlace(node.params['part']);
  const part = place && object.labels[cellAt(...place, { width, height })];
  const found = part === undefined ? object : partOf(object, part);
  const correction =
    node.params['override'] === undefined ? undefined : await readCorrection(execution, [height, width]);
  const mask = correction ? correct(found.mask, correction.cells) : found.mask;
  const uncorrected = part === undefined ? key : keyOf('part-mask', PART_VERSION, [key, part]);
  const digest = correction ? keyOf('corrected-mask', OVERRIDE_VERSION, [uncorrected, correction.digest]) : uncorrected;
  const share = mask.reduce((sum, value) => sum + value, 0) / mask.length;
  if (context.options.previewEvery > 0) {
    context.emit({
      event: 'segmentation',
      runId: context.options.runId,
      node: node.id,
      noun: place ? `part at ${node.params['part'] as string}` : noun,
      grid: { width, height },
      labels: Uint8Array.from(found.labels),
      inside: Uint8Array.from(found.inside),
      nounMap: Uint8Array.from(found.nounMap, (value) => 255 * Math.min(1, Math.max(0, value))),
      found: Uint8Array.from(found.mask),
      correction: correction?.cells ?? new Uint8Array(height * width),
      png: await encodePng(inversion.picture),
    });
  }
  if (part !== undefined) {
    // A part may be as small or as large as it likes.
  } else if (share === 0) {
    context.warn(
      node.id,
      `No part of the picture stands out as "${noun}", so AdaIN will use both whole pictures. Try another noun, another number of clusters, or paint the mask by hand.`,
    );
  } else warnOfShare(share, node.id, context);
  context.emit({
    event: 'picture',
    runId: context.options.runId,
    node: node.id,
    port: 'mask',
    png: await maskPicture(mask, height, width),
    caption: share === 0 ? `no ${noun} found` : `${Math.round(100 * share)} % of the picture`,
  });
  return {
    outputs: { mask: { kind: 'mask', digest, found: share > 0, onGrid: async () => mask } },
    computed: kept?.mask === undefined,
  };
};

segment.demands = (node, { inversions }) => {
  const inversion = inversions.get(node.inputs['inversion']?.[0]?.node ?? '');
  if (!inversion) return new Map();
  const { trajectory, schedule } = inversion;
  return demandsAt(trajectory, segmentStep(node.params, schedule.steps, trajectory.length));
};

const demandsAt = (trajectory: Trajectory, step: number): Map<Trajectory, Demand> =>
  new Map([[trajectory, { ...noDemand(), until: step, probeSteps: new Set([step]) }]]);

/** What was found in a picture, before anybody corrects it. */
interface Found {
  /** [h·w] of 0 and 1; all 0 when the noun is not found. */
  mask: Float32Array;
  /** [h·w] cluster of each cell, and for each cluster 1 when it belongs to the noun. */
  labels: ArrayLike<number>;
  inside: ArrayLike<number>;
  /** [h·w] how strongly each cell is the noun, 0 … 1; empty when the noun is not in the prompt. */
  nounMap: Float32Array;
}

function writeFound({ mask, labels, inside, nounMap }: Found, height: number, width: number): Tensors {
  return {
    mask: { dims: [height, width], data: mask },
    labels: { dims: [height, width], data: Float32Array.from(labels) },
    inside: { dims: [inside.length], data: Float32Array.from(inside) },
    nounMap: { dims: [nounMap.length], data: nounMap },
  };
}

/** One cluster in place of the noun's. */
const partOf = (object: Found, part: number): Found => ({
  ...object,
  mask: Float32Array.from(object.labels, (label) => Number(label === part)),
  inside: Array.from(object.inside, (_, label) => Number(label === part)),
});

const readFound = ({ mask, labels, inside, nounMap }: Tensors): Found => ({
  mask: mask!.data,
  labels: labels!.data,
  inside: inside!.data,
  nounMap: nounMap!.data,
});

/** Where the noun is. */
async function findObject(
  inversion: InversionValue,
  step: number,
  noun: string,
  clusters: number,
  context: RunContext,
): Promise<Found> {
  const { checkpoint, trajectory, prompt } = inversion;
  const demands = demandsAt(trajectory, step);
  // Nothing of this picture is known: compute what the rest of the run will read along with it, side by side.
  mergeDemand(demands, context.demands);
  await context.referencePass(demands);
  const probe = await trajectory.probeAt(step);
  const instead = "masks can't be found: wire mask-image nodes instead.";
  const about = { prompt: prompt.text, noun, clusters, instead };
  const { mask, labels, clusterNouns, nounMaps } = await checkpoint.segment(probe, about);
  const inside = clusterNouns.map((owner) => Number(owner === noun));
  return { mask, labels, inside, nounMap: nounMaps[0] ?? new Float32Array() };
}

/** The correction that a node names, on its latent grid. */
async function readCorrection(
  execution: Execution,
  [height, width]: [number, number],
): Promise<{ cells: Uint8Array<ArrayBuffer>; digest: string }> {
  const { file, bytes } = await readInput(execution, 'override');
  const cells = await loadCorrection(bytes, height, width, path.basename(file)).catch(rethrowAt(execution.node.id));
  return { cells, digest: createHash('sha256').update(cells).digest('hex') };
}
