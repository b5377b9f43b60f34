/** Parameters of nodes, defaults filled in by the plan, in the engine's own terms. */
import { defaultSegmentStep, type NoiseMaps, type PlannedNode, type TimestepSpacing } from '../../graph';
import { graphError } from '../../protocol/errors';
import { type Size } from '../../protocol/size';
import { type SwapSettings } from '../diffusion/transferSteps';
import { type FreeuGains } from '../diffusion/unet';

type Params = PlannedNode['params'];

const number = (params: Params, name: string): number => params[name] as number;
const range = (params: Params, name: string): [number, number] => params[name] as [number, number];

export const swapSettings = (params: Params): SwapSettings => ({
  higherRange: range(params, 'higherRange'),
  lowerRange: range(params, 'lowerRange'),
  structureEvery: number(params, 'structureEvery'),
  structureUntil: number(params, 'structureUntil'),
  contrast: number(params, 'contrast'),
});

export const adainRange = (params: Params): [number, number] => range(params, 'range');

export const guidanceSettings = (params: Params): { scale: number; endScale: number } => ({
  scale: number(params, 'scale'),
  endScale: number(params, 'endScale'),
});

export const freeuGains = (params: Params): FreeuGains => [
  number(params, 'b1'),
  number(params, 's1'),
  number(params, 'b2'),
  number(params, 's2'),
];

/** The loop step whose attention masks are read from: not beyond the last one that runs. */
export const segmentStep = (params: Params, steps: number, length: number): number =>
  Math.min((params['step'] as number | undefined) ?? defaultSegmentStep(steps), length - 1);

/** The size of the pictures: what is not said is the checkpoint's own. */
export const wantedSize = (params: Params, own: Size): Size => ({
  width: (params['width'] as number | undefined) ?? own.width,
  height: (params['height'] as number | undefined) ?? own.height,
});

/** Steps T, skipped steps s and seed; s < T, or nothing would run. What is as it was before there was a choice is not named: keys made then stay good. */
export function scheduleSettings(
  params: Params,
  node: string,
): { steps: number; skip: number; seed: number; spacing?: TimestepSpacing; noiseMaps?: NoiseMaps } {
  const spacing = params['spacing'] as TimestepSpacing;
  const noiseMaps = params['noiseMaps'] as NoiseMaps;
  const [steps, skip, seed] = [number(params, 'steps'), number(params, 'skip'), number(params, 'seed')];
  if (skip >= steps) {
    throw graphError(`${node} skips ${skip} of ${steps} steps, so none would run. Skip fewer than ${steps}.`, node);
  }
  return {
    steps,
    skip,
    seed,
    ...(spacing === 'leading' ? {} : { spacing }),
    ...(noiseMaps === 'own' ? {} : { noiseMaps }),
  };
}
