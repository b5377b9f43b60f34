import { createHash } from 'node:crypto';
import { type AdainSettings, Sampler } from '../diffusion/sampler';
import { encodePng } from '../image/png';
import { Inspection } from '../inspect/inspection';
import { type Executor, type RunContext } from '../run/context';
import { requiredInput } from '../run/inputs';
import { type MaskValue, type TimelineFrameValue, type TransferValue } from '../run/values';

export const denoise: Executor = async (execution) => {
  const { node, context } = execution;
  const { store } = context;
  const transfer = requiredInput(execution, 'transfer', 'transfer');
  const { checkpoint, trajectory } = transfer.structure;
  const appearance = transfer.appearances[0] ?? transfer.structure;
  const sampler = new Sampler({
    structure: trajectory,
    appearance: appearance.trajectory,
    swap: transfer.swap,
    adain: await adainSettings(transfer),
    guidance: transfer.guidance ?? { scale: 1, endScale: 1 },
  });
  const { attention } = context;
  // A run that keeps nothing can't be asked afterwards.
  if (context.options.useCache) {
    const { structure } = transfer;
    context.inspections.set(node.id, new Inspection({ node: node.id, sampler, structure, appearance, store }));
  }
  const missing = await sampler.missing(store);
  if (missing.size > 0) await context.referencePass(missing);
  // The decoder's session opens while the steps run.
  if (missing.size > 0) checkpoint.warm('vaeDecoder');
  const frames: TimelineFrameValue[] = [];
  const { latents, computed } = await sampler.run({
    store,
    channels: checkpoint.prepared.latentChannels,
    unet: () => checkpoint.unet(),
    signal: context.signal,
    trace: context.ingredients.trace,
    attention,
    onStep: (news) => {
      frames.push(news);
      context.progress(node.id, news.step + 1, sampler.total);
      context.previews.push(node.id, checkpoint, sampler.total, news);
    },
  });
  await context.previews.drawn();
  const decoded = await checkpoint.decode(latents, sampler.key, store);
  const { rgb, side } = checkpoint.toRgb(decoded.pixels);
  await showPicture(node.id, rgb, side, context);
  const digest = createHash('sha256').update(rgb).digest('hex');
  return {
    outputs: {
      image: { kind: 'image', from: 'run', width: side, height: side, rgb, digest },
      timeline: { kind: 'timeline', checkpoint, frames },
    },
    computed: computed || !decoded.cached,
  };
};

async function adainSettings({ adain, structure }: TransferValue): Promise<AdainSettings | undefined> {
  if (!adain) return undefined;
  const masks = [adain.structureMask, adain.appearanceMask];
  // An object that was not found on one side leaves nothing to match on the other.
  if (masks.some((mask) => mask?.found === false)) return { range: adain.range, maskDigests: [undefined, undefined] };
  const grid = structure.checkpoint.latentSize;
  const onGrid = async (mask: MaskValue | undefined): Promise<Float32Array | undefined> => {
    const data = await mask?.onGrid(...grid);
    return data?.includes(1) ? data : undefined;
  };
  return {
    range: adain.range,
    structureMask: await onGrid(adain.structureMask),
    appearanceMask: await onGrid(adain.appearanceMask),
    maskDigests: [adain.structureMask?.digest, adain.appearanceMask?.digest],
  };
}

async function showPicture(node: string, rgb: Uint8Array, side: number, context: RunContext): Promise<void> {
  const png = await encodePng({ width: side, height: side, rgb });
  context.emit({ event: 'picture', runId: context.options.runId, node, port: 'image', png });
}
