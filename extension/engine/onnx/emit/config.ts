/** What a part's config.json says, where there is one; everything else is read from the shapes of the weights. */
import { checkpointError } from '../../../protocol/errors';
import { requireWeight, type WeightSource } from './weights';

export type Config = Readonly<Record<string, unknown>>;

export const numberIn = (config: Config, name: string): number | undefined => {
  const value = config[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
};

/** Settings that would change what the blocks compute, with the one value that they are written for. Absent or null is as good. */
export function requirePlain(source: WeightSource, config: Config, plain: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(plain)) {
    const said = config[name];
    if (said === undefined || said === null || said === value) continue;
    throw checkpointError(
      `${source.file}: the ${source.part}'s config.json has ${name} = ${JSON.stringify(said)}, which Weft does not run. Use a plain Stable Diffusion model.`,
    );
  }
}

/** Groups of the normalisations, which no shape tells. */
export function groupsOf(source: WeightSource, config: Config, channels: number[]): number {
  const stated = numberIn(config, 'norm_num_groups');
  const groups = stated ?? 32;
  if (!Number.isInteger(groups) || groups < 1)
    throw checkpointError(
      `${source.file}: the ${source.part}'s config.json has norm_num_groups = ${groups}, which must be a whole number of at least 1. Correct it.`,
    );
  const odd = channels.find((count) => count % groups !== 0);
  if (odd === undefined) return groups;
  const why =
    stated === undefined
      ? 'A single file does not say how many groups it has, and Weft takes 32, as all of Stable Diffusion has. Add the diffusers folder, whose config.json says it (norm_num_groups).'
      : "Correct norm_num_groups in the part's config.json.";
  throw checkpointError(
    `${source.file} can't be read: its ${source.part} has layers of ${odd} channels, which can't be normalised in ${groups} groups. ${why}`,
  );
}

/** Beyond any vocabulary or width that there is: what a damaged file says must not be computed with. */
const LARGEST_SIDE = 1 << 20;

/** A side of a weight's shape. */
export function sideOf(source: WeightSource, name: string, axis: number): number {
  const { shape } = requireWeight(source, name);
  const side = shape[axis] ?? 1;
  if (side > 0 && side <= LARGEST_SIDE) return side;
  throw checkpointError(
    `${source.file} is damaged or no Stable Diffusion model: ${source.spelt(name)} of its ${source.part} has the shape [${shape.join(', ')}]. Download it again.`,
  );
}

/** How many of NAME0, NAME1, … there are. */
export function countOf(source: WeightSource, name: (i: number) => string): number {
  let count = 0;
  while (count < 100 && source.find(name(count)) !== undefined) count++;
  return count;
}
