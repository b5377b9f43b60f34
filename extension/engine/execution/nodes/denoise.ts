import { createHash } from 'node:crypto';
import { transferAlong } from '../../../graph';
import { pinnedShares } from '../../diffusion/pinDiscs';
import {
  type AdainSettings,
  type Appearance,
  type Pinned,
  Sampler,
  type TransferSettings,
} from '../../pipeline/sampler';
import { encodePng, type RgbPicture } from '../../image/png';
import { Inspection } from '../../inspect/inspection';
import { type Executor, type RunContext } from '../context';
import { requiredInput } from '../inputs';
import { adainRange, guidanceSettings, swapSettings } from '../settings';
import { sharesOf } from '../shares';
import { type MaskValue, type TimelineFrameValue, type TransferValue } from '../values';

const NO_GUIDANCE = { scale: 1, endScale: 1 };

type Looks = Pick<TransferSettings, 'appearances' | 'sharesDigest' | 'pinned' | 'placesDigest'>;

export const denoise: Executor = async (execution) => {
  const { node, context } = execution;
  const { store } = context;
  const transfer = requiredInput(execution, 'transfer', 'transfer');
  const { checkpoint, trajectory } = transfer.structure;
  const { kept, ...looks } = await appearancesOf(transfer, (sentence) => context.warn(node.id, sentence));
  const sampler = new Sampler({
    structure: trajectory,
    ...looks,
    swap: transfer.swap,
    adain: await adainSettings(transfer, kept),
    guidance: transfer.guidance ?? NO_GUIDANCE,
  });
  const { attention } = context;
  // A run that keeps nothing can't be asked afterwards.
  if (context.options.useCache) {
    const { structure } = transfer;
    const pins = transfer.swap ? (transfer.pins ?? []) : [];
    // One that gives to no region may give to a pin.
    const pinned = pins.map(({ appearance = 1 }) => appearance - 1);
    const seen = [...new Set([...kept, ...pinned])].sort((a, b) => a - b);
    const appearances = seen.map((index) => transfer.appearances[index] ?? structure);
    const numbers = seen.map((index) => index + 1);
    const asked = { node: node.id, sampler, structure, appearances, numbers, pins };
    context.inspections.set(node.id, new Inspection(asked));
  }
  const missing = await sampler.missing();
  if (missing.size > 0) await context.referencePass(missing);
  // The decoder's session opens while the steps run.
  if (missing.size > 0) checkpoint.warm('vaeDecoder');
  const frames: TimelineFrameValue[] = [];
  const { latents, computed } = await sampler.run({
    channels: checkpoint.prepared.latentChannels,
    unet: () => checkpoint.unet(),
    signal: context.signal,
    trace: context.injected.trace,
    attention,
    onStep: (news) => {
      frames.push(news);
      context.progress(node.id, news.step + 1, sampler.total);
      context.previews.push(node.id, checkpoint, sampler.total, news);
    },
  });
  await context.previews.drawn();
  const decoded = await checkpoint.decode(latents, sampler.key, store);
  await checkpoint.idle('vaeDecoder');
  const picture = checkpoint.toRgb(decoded.pixels);
  await showPicture(node.id, picture, context);
  const digest = createHash('sha256').update(picture.rgb).digest('hex');
  return {
    outputs: {
      image: { kind: 'image', from: 'run', ...picture, digest },
      timeline: { kind: 'timeline', checkpoint, frames },
    },
    computed: computed || !decoded.cached,
  };
};

/** Masks change no demand. */
denoise.demands = (node, { plan, inversions, injected }) => {
  const { swap, adain, guidance } = transferAlong(plan, node.inputs['transfer']![0]!);
  const [structure, first, ...others] = [...(swap?.inputs['structure'] ?? []), ...(swap?.inputs['appearance'] ?? [])]
    .map((source) => inversions.get(source.node))
    .flatMap((inversion): Appearance[] => (inversion ? [{ trajectory: inversion.trajectory }] : []));
  if (!swap || !structure || !first) return new Map();
  const sampler = new Sampler({
    structure: structure.trajectory,
    appearances: [first, ...others],
    swap: swap.muted ? undefined : swapSettings(swap.params),
    adain: adain && { range: adainRange(adain.params), appearanceMasks: [], maskDigests: [] },
    guidance: guidance ? guidanceSettings(guidance.params) : NO_GUIDANCE,
  });
  return sampler.demands(0, injected.complete);
};

/** The appearances with their shares of the picture, and the pins over them; appearances that give to no place are left out. */
async function appearancesOf(
  transfer: TransferValue,
  warn: (sentence: string) => void,
): Promise<Looks & { kept: number[] }> {
  const { structure, appearances, regions = [], sources = [] } = transfer;
  const all = appearances.length > 0 ? appearances : [structure];
  const grid = structure.checkpoint.latentSize;
  const onGrid = (masks: (MaskValue | undefined)[]) =>
    Promise.all(all.map((_, index) => masks[index]?.onGrid(...grid)));
  const keyWeights = (await onGrid(sources)).map((mask, index) => {
    const empty = mask && (sources[index]?.found === false || !mask.includes(1));
    if (empty) warn(`The source mask of ${all[index]!.node} is empty, so its look is taken from everywhere.`);
    return empty ? undefined : someOf(mask);
  });
  const looks = (kept: number[], shares?: Float32Array[]): Pick<Looks, 'appearances'> & { kept: number[] } => {
    const [first, ...rest] = kept.map((index): Appearance => ({
      trajectory: all[index]!.trajectory,
      wire: index,
      ...(shares && kept.length > 1 ? { share: shares[index]! } : {}),
      ...(keyWeights[index] ? { keyWeights: keyWeights[index] } : {}),
    }));
    return { appearances: [first!, ...rest], kept };
  };
  const places = placesOf(transfer, keyWeights);
  if (all.length === 1) return { ...looks([0]), ...places };
  const shares = sharesOf(await onGrid(regions), grid[0] * grid[1]);
  const kept = shares.flatMap((share, index) => (share.some((part) => part > 0) ? [index] : []));
  if (kept.length === 1) return { ...looks(kept), ...places };
  const digest = createHash('sha256');
  for (const index of kept) digest.update(shares[index]!);
  return { ...looks(kept, shares), sharesDigest: digest.digest('hex'), ...places };
}

/** A mask that tells places apart; one that covers everything does not. */
const someOf = (mask: Float32Array | undefined): Float32Array | undefined => (mask?.includes(0) ? mask : undefined);

/** The pins, and the name of all that says where in the appearances looks are taken from. */
function placesOf(
  { structure, appearances, swap, pins = [] }: TransferValue,
  keyWeights: (Float32Array | undefined)[],
): Pick<Looks, 'pinned' | 'placesDigest'> {
  if (!swap || (pins.length === 0 && keyWeights.every((weights) => !weights))) return {};
  const pinnedTo = pins.map(({ appearance = 1 }) => appearances[appearance - 1]!.trajectory);
  const digest = createHash('sha256');
  for (const weights of keyWeights) digest.update(weights ?? 'everywhere');
  digest.update(JSON.stringify(pins.map(({ to, from }, index) => [pinnedTo[index]!.referenceKey, to, from])));
  const placesDigest = digest.digest('hex');
  if (pins.length === 0) return { placesDigest };
  const { unpinned, ...discs } = pinnedShares(pins, structure.checkpoint.latentSize);
  const places = pinnedTo.map((trajectory, index): Pinned => ({
    trajectory,
    wire: (pins[index]!.appearance ?? 1) - 1,
    share: discs.weights[index]!,
    keyWeights: discs.keyWeights[index]!,
  }));
  return { pinned: { places, unpinned }, placesDigest };
}

async function adainSettings({ adain, structure }: TransferValue, kept: number[]): Promise<AdainSettings | undefined> {
  if (!adain) return undefined;
  const { range, structureMask } = adain;
  const appearanceMasks = kept.map((index) => adain.appearanceMasks?.[index]);
  // An object that was not found on one side leaves nothing to match on the other.
  const lost = (mask: MaskValue | undefined): boolean => mask?.found === false;
  const nothing = lost(structureMask) || (kept.length === 1 && lost(appearanceMasks[0]));
  if (nothing) return { range, appearanceMasks: [], maskDigests: [undefined, undefined] };
  const grid = structure.checkpoint.latentSize;
  const onGrid = async (mask: MaskValue | undefined): Promise<Float32Array | undefined> => {
    const data = await mask?.onGrid(...grid);
    return data?.includes(1) ? data : undefined;
  };
  return {
    range,
    structureMask: await onGrid(structureMask),
    appearanceMasks: await Promise.all(appearanceMasks.map(onGrid)),
    maskDigests: [structureMask?.digest, ...appearanceMasks.map((mask) => mask?.digest)],
  };
}

async function showPicture(node: string, picture: RgbPicture, context: RunContext): Promise<void> {
  const png = await encodePng(picture);
  context.emit({ event: 'picture', runId: context.options.runId, node, port: 'image', png });
}
