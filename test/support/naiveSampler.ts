/**
 * The method the long way, to be read next to the papers: every picture is inverted at every step, and the three pictures (output O,
 * appearance A, structure S) are denoised side by side, one step at a time, in two passes, with whole attention maps. It shares no code
 * of the method with the engine, only onnxruntime's session and what reads and writes graphs, and it keeps nothing.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fs from 'node:fs';
import path from 'node:path';
import { Graph } from '../../extension/engine/onnx/graph';
import { ModelProtoSchema, TensorProto_DataType } from '../../extension/engine/onnx/proto/onnx_pb';
import { noMasks } from '../fixtures/onnx/feeds';
import { type SessionHost, type TensorData, type UnetInterface, unetNames } from '../../extension/engine/onnx/types';

type Latents = Float32Array;
type Range = readonly [from: number, to: number];

export interface NaivePicture {
  x0: Latents;
  noise: (timestep: number) => Float32Array;
  context: Float32Array;
  /** Where the object is, [h·w]. */
  mask: Float32Array;
}

export interface NaiveSettings {
  structure: NaivePicture;
  appearance: NaivePicture;
  emptyContext: Float32Array;
  /** T and s. */
  steps: number;
  skip: number;
  /** Of the timesteps; leading where absent. Only numbers of steps that divide 1000 are spaced right here. */
  spacing?: 'leading' | 'trailing';
  noiseMaps?: 'own' | 'shifted';
  inversionGuidance: number;
  swap: { higherRange: Range; lowerRange: Range; structureEvery: number; structureUntil: number; contrast: number };
  adainRange: Range;
  guidance: { scale: number; endScale: number };
  freeu: readonly number[];
  /** Pairs of regions [h·w]: where in the output each acts, which add up to 1, and where in the appearance its look comes from. */
  regions?: readonly Region[];
  /** Over the regions, later ones over earlier ones. */
  pins?: readonly { to: Circle; from: Circle }[];
}

interface Region {
  where: Float32Array;
  from: Float32Array;
}

interface Circle {
  x: number;
  y: number;
  radius: number;
}

export interface NaiveUnet {
  /** For regions and pins: a session whose swapped layers take the first row's output from outside; see `openedUnet`. */
  opened?: string;
  sessions: SessionHost;
  key: string;
  graph: UnetInterface;
  latentSize: readonly [number, number];
}

/** Whose keys and values the output's rows read at each level: 0 its own, 1 the appearance's, 2 the structure's. */
interface Swapped {
  high: number;
  low: number;
  contrast: number;
  /** Which of the appearance's keys count, and where; all everywhere where absent. */
  regions?: readonly Region[];
}

const map = (a: Latents, f: (value: number, i: number) => number): Latents => Float32Array.from(a, f);

/** ᾱ_t of Stable Diffusion 1.x: scaled linear betas, rounded to float32 at each operation as in PyTorch. */
function alphasCumprod(): number[] {
  const { fround, sqrt } = Math;
  const [start, end] = [fround(sqrt(0.00085)), fround(sqrt(0.012))];
  const stride = fround(fround(end - start) / 999);
  let product = 1;
  return Array.from({ length: 1000 }, (_, t) => {
    const root = fround(t < 500 ? start + fround(stride * t) : end - fround(stride * (999 - t)));
    return (product = fround(product * fround(1 - fround(root * root))));
  });
}

/** O's final latents. */
export async function naiveSampler(unet: NaiveUnet, settings: NaiveSettings): Promise<Latents> {
  const { structure, appearance, emptyContext, steps, skip, swap, adainRange, guidance } = settings;
  const alphas = alphasCumprod();
  const stride = Math.floor(1000 / steps);
  const trailing = settings.spacing === 'trailing';
  const timesteps = Array.from({ length: steps }, (_, j) => (steps - 1 - j) * stride + (trailing ? stride - 1 : 1));

  /** DDPM at η = 1: the mean of x_prev, and σ. */
  const posterior = (x: Latents, epsilon: Latents, t: number): { mean: Latents; sigma: number } => {
    const [now, previous] = [alphas[t]!, t < stride ? alphas[0]! : alphas[t - stride]!];
    const variance = ((1 - previous) / (1 - now)) * (1 - now / previous);
    const mean = map(x, (value, i) => {
      const predOriginalSample = (value - Math.sqrt(1 - now) * epsilon[i]!) / Math.sqrt(now);
      return Math.sqrt(previous) * predOriginalSample + Math.sqrt(Math.max(0, 1 - previous - variance)) * epsilon[i]!;
    });
    return { mean, sigma: Math.sqrt(variance) };
  };

  /** Edit-friendly inversion (arXiv 2304.06140): independent x_t, and the noise z between each two of them. */
  const invert = async ({ x0, noise, context }: NaivePicture): Promise<{ x: Latents[]; z: Latents[] }> => {
    const shift = settings.noiseMaps === 'shifted' ? timesteps[0]! - timesteps[1]! : 0;
    const x = timesteps.map((t) => {
      const n = noise(t);
      const alpha = shift > 0 && t - shift <= 0 ? 1 : alphas[t - shift]!;
      return map(x0, (value, i) => Math.sqrt(alpha) * value + Math.sqrt(1 - alpha) * n[i]!);
    });
    x.push(x0);
    const z: Latents[] = [];
    for (const [i, t] of timesteps.entries()) {
      const [conditional] = await naivePrediction(unet, settings.freeu, [x[i]!], [context], t);
      const [unconditional] = await naivePrediction(unet, settings.freeu, [x[i]!], [emptyContext], t);
      const { mean, sigma } = posterior(x[i]!, guide(unconditional!, conditional!, settings.inversionGuidance), t);
      z.push(map(mean, (value, at) => (x[i + 1]![at]! - value) / sigma));
    }
    if (!trailing) z[steps - 1]!.fill(0);
    if (shift > 0) {
      // TurboEdit's limit of the last noise, in the root mean square.
      const { sigma } = posterior(x0, x0, timesteps[steps - 1]!);
      const added = sigma * Math.sqrt(z[steps - 1]!.reduce((sum, value) => sum + value * value, 0) / x0.length);
      const limit = 15.5 / 128;
      if (added > limit) z[steps - 1] = map(z[steps - 1]!, (value) => (value * limit) / added);
    }
    return { x, z };
  };

  const [ofStructure, ofAppearance] = [await invert(structure), await invert(appearance)];
  let [o, a, s] = [ofStructure.x[skip]!, ofAppearance.x[skip]!, ofStructure.x[skip]!];
  const contexts = [structure.context, appearance.context, structure.context];
  const inside = (step: number, [from, to]: Range): boolean => 100 * step >= from * steps && 100 * step < to * steps;
  const count = steps - skip;
  for (let i = 0; i < count; i++) {
    const t = timesteps[skip + i]!;
    // The authors advance their counter after the step.
    const k = Math.max(i - 1, 0);
    const source = k % swap.structureEvery === 0 && 100 * k < swap.structureUntil * steps ? 2 : 1;
    const high = inside(k, swap.higherRange) ? source : 0;
    const low = inside(k, swap.lowerRange) ? source : 0;
    const plain = await naivePrediction(unet, settings.freeu, [o, a, s], contexts, t);
    const crossed = await naivePrediction(unet, settings.freeu, [o, a, s], contexts, t, {
      high,
      low,
      contrast: swap.contrast,
      regions: source === 1 ? regionsOf(settings, unet.latentSize) : undefined,
    });
    const scale = guidance.scale + ((guidance.endScale - guidance.scale) * i) / (count - 1);
    const epsilons = [guide(plain[0]!, crossed[0]!, scale), plain[1]!, plain[2]!];
    const noises = [ofStructure.z[skip + i]!, ofAppearance.z[skip + i]!, ofStructure.z[skip + i]!];
    [o, a, s] = [o, a, s].map((x, picture) => {
      const { mean, sigma } = posterior(x, epsilons[picture]!, t);
      return map(mean, (value, at) => value + sigma * noises[picture]![at]!);
    }) as [Latents, Latents, Latents];
    if (inside(i, adainRange)) o = adain(o, a, structure.mask, appearance.mask);
  }
  return o;
}

const guide = (base: Latents, towards: Latents, scale: number): Latents =>
  map(base, (value, i) => value + scale * (towards[i]! - value));

/** AdaIN (arXiv 1703.06868) of the object in `content`, by the object in `style`. */
function adain(content: Latents, style: Latents, contentMask: Float32Array, styleMask: Float32Array): Latents {
  const positions = contentMask.length;
  const statistics = (x: Latents, mask: Float32Array, channel: number): [mean: number, std: number] => {
    const values = [...x.subarray(channel * positions, (channel + 1) * positions)].filter((_, p) => mask[p] === 1);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return [mean, Math.sqrt(squares / (values.length - 1) + 1e-5)];
  };
  const channels = Array.from({ length: content.length / positions }, (_, channel) => channel);
  const from = channels.map((channel) => statistics(content, contentMask, channel));
  const to = channels.map((channel) => statistics(style, styleMask, channel));
  return map(content, (value, i) => {
    if (contentMask[i % positions] === 0) return value;
    const channel = Math.floor(i / positions);
    const [mean, std] = from[channel]!;
    return ((value - mean) / std) * to[channel]![1] + to[channel]![0];
  });
}

/** The regions with the pins over them; undefined where there is neither. */
function regionsOf(
  { regions, pins = [] }: NaiveSettings,
  [height, width]: readonly [number, number],
): readonly Region[] | undefined {
  if (!regions && pins.length === 0) return undefined;
  const everywhere = new Float32Array(height * width).fill(1);
  const circle = ({ x, y, radius }: Circle, inside: (distance: number) => number): Float32Array => {
    const away = Array.from(everywhere, (_, place) => {
      const [dx, dy] = [(place % width) + 0.5 - x * width, Math.floor(place / width) + 0.5 - y * height];
      return Math.sqrt(dx * dx + dy * dy) / (radius * Math.min(height, width));
    });
    const found = Float32Array.from(away, inside);
    found[away.indexOf(Math.min(...away))] = 1;
    return found;
  };
  const soft = (distance: number): number => {
    const t = Math.min(1, Math.max(0, (distance - 1) / 0.25));
    return 1 - (3 * t ** 2 - 2 * t ** 3);
  };
  return pins.reduce<Region[]>(
    (below, { to, from }) => {
      const where = circle(to, soft);
      const left = below.map((region) => ({
        ...region,
        where: map(region.where, (part, at) => part * (1 - where[at]!)),
      }));
      return [...left, { where, from: circle(from, (distance) => (distance <= 1 ? 1 : 0)) }];
    },
    [...(regions ?? [{ where: everywhere, from: everywhere }])],
  );
}

/**
 * The output of one swapped layer, [N, W]: for each region the whole map of all queries and heads, whose keys outside it have no weight,
 * and the maps' outputs added up by where they act.
 */
function throughRegions(
  [q, k, v]: [Float32Array, Float32Array, Float32Array],
  { heads, width, scale }: { heads: number; width: number; scale: number },
  beta: number,
  regions: readonly Region[],
): Float32Array {
  const tokens = q.length / width;
  const size = width / heads;
  const out = new Float64Array(q.length);
  for (const { where, from } of regions) {
    const counted = from.reduce((sum, weight) => sum + weight, 0);
    for (let head = 0; head < heads; head++) {
      const dot = (i: number, j: number): number => {
        let sum = 0;
        for (let c = head * size; c < (head + 1) * size; c++) sum += q[i * width + c]! * k[j * width + c]!;
        return sum;
      };
      for (let i = 0; i < tokens; i++) {
        const weights = Float64Array.from(from, (weight, j) =>
          weight === 0 ? 0 : weight * Math.exp(scale * dot(i, j)),
        );
        const sum = weights.reduce((all, weight) => all + weight, 0);
        for (let j = 0; j < tokens; j++) {
          const contrasted = beta * (weights[j]! / sum) + ((1 - beta) * from[j]!) / counted;
          const part = where[i]! * Math.min(1, Math.max(0, contrasted));
          for (let c = head * size; c < (head + 1) * size; c++) out[i * width + c]! += part * v[j * width + c]!;
        }
      }
    }
  }
  return Float32Array.from(out);
}

/** A region on the coarser grid of a layer: the mean of what it covers. */
function coarse(region: Float32Array, [, width]: readonly [number, number], halvings: number): Float32Array {
  const side = 2 ** halvings;
  return Float32Array.from({ length: region.length / side ** 2 }, (_, token) => {
    const [row, column] = [Math.floor(token / (width / side)), token % (width / side)];
    let sum = 0;
    for (let y = row * side; y < (row + 1) * side; y++)
      for (let x = column * side; x < (column + 1) * side; x++) sum += region[y * width + x]!;
    return sum / side ** 2;
  });
}

/** ε of a batch. All attention of the swapped layers runs as whole maps; only the first row's meet others' keys and values. */
export async function naivePrediction(
  { sessions, key, opened, graph, latentSize }: NaiveUnet,
  freeu: readonly number[],
  latents: Latents[],
  contexts: Float32Array[],
  timestep: number,
  swapped: Swapped = { high: 0, low: 0, contrast: 1 },
): Promise<Latents[]> {
  const batch = latents.length;
  const order = latents.map((_, row) => row);
  const floats = (dims: number[], data: Iterable<number>): TensorData => ({
    type: 'float32',
    dims,
    data: Float32Array.from(data),
  });
  const ints = (values: number[]): TensorData => ({
    type: 'int64',
    dims: [values.length],
    data: BigInt64Array.from(values, BigInt),
  });
  const join = (arrays: Float32Array[]): number[] => arrays.flatMap((array) => [...array]);
  const times = order.map(() => timestep);
  const feeds: Record<string, TensorData> = {
    [graph.sample.name]: floats([batch, graph.latentChannels, ...latentSize], join(latents)),
    [graph.timestep.name]: graph.timestep.type === 'int64' ? ints(times) : floats([batch], times),
    [graph.encoderHiddenStates.name]: floats(
      [batch, contexts[0]!.length / graph.contextWidth, graph.contextWidth],
      join(contexts),
    ),
    [unetNames.rows]: ints(order),
    [unetNames.freeu]: floats([4], freeu),
  };
  const tokens = (halvings: number): number => (latentSize[0] >> halvings) * (latentSize[1] >> halvings);
  for (const level of ['high', 'low'] as const) {
    const { halvings } = graph.swapLayers.find((layer) => layer.level === level)!;
    const contrast = swapped[level] === 0 ? 1 : swapped.contrast;
    feeds[unetNames.querySlices(level)] = ints([1]);
    feeds[unetNames.plainRows(level)] = ints([]);
    feeds[unetNames.plainKv(level)] = ints([]);
    feeds[unetNames.contrastRows(level)] = ints(order);
    feeds[unetNames.contrastKv(level)] = ints([swapped[level], ...order.slice(1)]);
    feeds[unetNames.contrast(level)] = floats([batch], [contrast, ...order.slice(1).map(() => 1)]);
    feeds[unetNames.mixRows(level)] = { ...ints([]), dims: [0, 1] };
    feeds[unetNames.mixWeights(level)] = floats([0, 1, tokens(halvings), 1], []);
    feeds[unetNames.restore(level)] = ints(order);
    Object.assign(feeds, noMasks(level, tokens(halvings)));
  }
  for (const { index, width, halvings } of graph.swapLayers) {
    feeds[unetNames.externalKey(index)] = floats([0, tokens(halvings), width], []);
    feeds[unetNames.externalValue(index)] = floats([0, tokens(halvings), width], []);
  }
  const rowsOf = ({ data }: TensorData): Float32Array[] => {
    const length = data.length / batch;
    return order.map((row) => (data as Float32Array).slice(row * length, (row + 1) * length));
  };
  if (!swapped.regions) return rowsOf((await sessions.run(key, feeds, [graph.output.name]))[graph.output.name]!);
  // Layer by layer: what a layer gives the first row is computed here, from what the layers before it gave.
  if (opened === undefined) throw new Error('Regions need the opened UNet.');
  for (const { index, width, halvings } of graph.swapLayers)
    feeds[outsideName(index)] = floats([1, tokens(halvings), width], new Float32Array(tokens(halvings) * width));
  for (const { index, level, heads, width, scale, halvings } of graph.swapLayers) {
    const names = [unetNames.query(index), unetNames.key(index), unetNames.value(index)];
    const found = await sessions.run(opened, feeds, names);
    const [q, k, v] = names.map((name) => rowsOf(found[name]!)) as [Float32Array[], Float32Array[], Float32Array[]];
    const from = swapped[level];
    const everywhere = new Float32Array(tokens(halvings)).fill(1);
    const regions =
      from === 0
        ? [{ where: everywhere, from: everywhere }]
        : swapped.regions.map((region) => ({
            where: coarse(region.where, latentSize, halvings),
            from: coarse(region.from, latentSize, halvings),
          }));
    const beta = from === 0 ? 1 : swapped.contrast;
    const given = throughRegions([q[0]!, k[from]!, v[from]!], { heads, width, scale }, beta, regions);
    feeds[outsideName(index)] = floats([1, tokens(halvings), width], given);
  }
  return rowsOf((await sessions.run(opened, feeds, [graph.output.name]))[graph.output.name]!);
}

const outsideName = (layer: number): string => `outside_${layer}`;

/**
 * Opens a copy of a rewritten UNet, beside it, whose swapped layers take the first row's output from outside (`outside_i` [1, N, W]): then
 * what masks do is computed here, in whole maps, and nothing of it in the graph.
 */
export async function openedUnet(sessions: SessionHost, file: string, graph: UnetInterface): Promise<string> {
  const model = fromBinary(ModelProtoSchema, fs.readFileSync(file));
  const rewritten = new Graph(model);
  for (const { index, width } of graph.swapLayers) {
    const own = `weft_layer_${index}_with_masked`;
    const outside = rewritten.addInput(outsideName(index), TensorProto_DataType.FLOAT, [1, undefined, width]);
    const others = rewritten.add(
      'Slice',
      [own, rewritten.int64([1]), rewritten.int64([2 ** 40]), rewritten.int64([0])],
      `others_${index}`,
    );
    const joined = rewritten.add('Concat', [outside, others], `joined_${index}`, { axis: 0 });
    rewritten.replaceReads(own, joined, [rewritten.producer(others)!]);
  }
  rewritten.tidy();
  const opened = path.join(path.dirname(file), 'opened.onnx');
  fs.writeFileSync(opened, toBinary(ModelProtoSchema, model));
  await sessions.load('opened', opened, { provider: 'cpu' });
  return 'opened';
}
