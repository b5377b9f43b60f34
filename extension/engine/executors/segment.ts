import { WeftError } from '../../protocol/errors';
import { keyOf } from '../cache/store';
import { noDemand } from '../diffusion/trajectory';
import { maskPicture } from '../image/mask';
import { type Executor, type RunContext } from '../run/context';
import { mergeDemand } from '../run/demands';
import { requiredInput } from '../run/inputs';
import { segmentStep } from '../run/settings';
import { type InversionValue } from '../run/values';

const SEGMENT_VERSION = 2;
/** The authors' program seeds its K-means once; so does this one, whatever the noise's seed. */
const KMEANS_SEED = 42;

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
  const kept = (await store.get(key))?.mask?.data;
  const mask = kept ?? (await findObject(inversion, step, noun, clusters, context));
  if (!kept) store.put(key, { mask: { dims: [height, width], data: mask } });
  const share = mask.reduce((sum, value) => sum + value, 0) / mask.length;
  if (share === 0) {
    context.warn(
      node.id,
      `No part of the picture stands out as "${noun}", so AdaIN will use both whole pictures. Try another noun, another number of clusters, or a mask-image node.`,
    );
  }
  context.emit({
    event: 'picture',
    runId: context.options.runId,
    node: node.id,
    port: 'mask',
    png: await maskPicture(mask, height, width),
    caption: share === 0 ? `no ${noun} found` : `${Math.round(100 * share)} % of the picture`,
  });
  return {
    outputs: { mask: { kind: 'mask', digest: key, found: share > 0, onGrid: async () => mask } },
    computed: kept === undefined,
  };
};

/** Where the noun is, [h·w] of 0 and 1; all 0 when it is not found. */
async function findObject(
  inversion: InversionValue,
  step: number,
  noun: string,
  clusters: number,
  context: RunContext,
): Promise<Float32Array> {
  const { checkpoint, trajectory, prompt } = inversion;
  const [height, width] = checkpoint.latentSize;
  const { selfProbe, crossProbe } = checkpoint.prepared.unet.interface;
  const demands = new Map([[trajectory, { ...noDemand(), until: step, probeSteps: new Set([step]) }]]);
  // Nothing of this picture is known: compute what the rest of the run will read along with it, side by side.
  mergeDemand(demands, context.demands);
  await context.referencePass(demands);
  const probe = await trajectory.probeAt(step, context.store);
  if (!crossProbe || !probe.crossQuery || !probe.crossKey) {
    throw new WeftError(
      'checkpoint',
      `${checkpoint.prepared.id} has no cross-attention at half its highest resolution, so masks can't be found: wire mask-image nodes instead.`,
    );
  }
  const positions = (await checkpoint.tokenizer()).positionsOf(prompt.text, noun);
  const { mask } = await checkpoint.segment({
    selfQuery: probe.selfQuery,
    selfKey: probe.selfKey,
    selfHeads: selfProbe.heads,
    crossQuery: probe.crossQuery,
    crossKey: probe.crossKey,
    crossHeads: crossProbe.heads,
    height,
    width,
    nounTokens: positions.length > 0 ? [{ noun, positions }] : [],
    objectNoun: noun,
    clusters,
    seed: KMEANS_SEED,
  });
  return mask;
}
