import { createHash } from 'node:crypto';
import { WeftError } from '../../protocol/errors';
import { keyOf } from '../cache/store';
import { noDemand } from '../diffusion/trajectory';
import { segment as segmentAttention } from '../diffusion/segmentation';
import { maskPicture } from '../image/mask';
import { type Executor, type Product, type RunContext } from '../run/context';
import { mergeDemand } from '../run/demands';
import { requiredInput } from '../run/inputs';
import { segmentStep } from '../run/settings';
import { type InversionValue } from '../run/values';

const SEGMENT_VERSION = 1;
/** The authors' program seeds its K-means once; so does this one, whatever the noise's seed. */
const KMEANS_SEED = 42;

export const segment: Executor = async (execution): Promise<Product> => {
  const { node, context } = execution;
  const { store } = context;
  const inversion = requiredInput(execution, 'inversion', 'inversion');
  const { trajectory, checkpoint, schedule } = inversion;
  const step = segmentStep(node.params, schedule.steps, trajectory.length);
  const noun = String(node.params['noun'] ?? inversion.prompt.domain);
  const clusters = node.params['clusters'] as number;
  const [height, width] = checkpoint.latentSize;

  const key = keyOf('mask', SEGMENT_VERSION, [trajectory.referenceKey, step, noun, clusters, KMEANS_SEED]);
  const kept = (await store.get(key))?.mask;
  let mask = kept?.data;
  if (!mask) {
    const demands = new Map([[trajectory, { ...noDemand(), until: step, probeSteps: new Set([step]) }]]);
    // Nothing of this picture is known: compute what the rest of the run will read along with it, side by side.
    mergeDemand(demands, context.demands);
    await context.referencePass(demands);
    const found = await findObject(inversion, step, noun, clusters, context);
    mask = found.mask;
    if (found.problem) {
      context.warn(node.id, `${found.problem} AdaIN will use the whole picture instead.`);
      return { outputs: {}, computed: true };
    }
    store.put(key, { mask: { dims: [height, width], data: mask } });
  }
  const data = mask;
  const share = data.reduce((sum, value) => sum + value, 0) / data.length;
  context.emit({
    event: 'picture',
    runId: context.options.runId,
    node: node.id,
    port: 'mask',
    png: await maskPicture(data, height, width),
    caption: `${Math.round(100 * share)} % of the picture`,
  });
  return {
    outputs: {
      mask: { kind: 'mask', digest: createHash('sha256').update(key).digest('hex'), onGrid: async () => data },
    },
    computed: !kept,
  };
};

async function findObject(
  inversion: InversionValue,
  step: number,
  noun: string,
  clusters: number,
  context: RunContext,
): Promise<{ mask: Float32Array; problem?: string }> {
  const { checkpoint, trajectory, prompt } = inversion;
  const [height, width] = checkpoint.latentSize;
  const { selfProbe, crossProbe } = checkpoint.prepared.unet.interface;
  const probe = await trajectory.probeAt(step, context.store);
  if (!crossProbe || !probe.crossQuery || !probe.crossKey) {
    throw new WeftError(
      'checkpoint',
      `${checkpoint.prepared.id} has no cross-attention at half its highest resolution, so masks can't be found: wire mask-image nodes instead.`,
    );
  }
  const positions = (await checkpoint.tokenizer()).positionsOf(prompt.text, noun);
  return segmentAttention({
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
}
