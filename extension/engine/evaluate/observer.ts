import { type ContentStore, keyOf } from '../cache/store';
import { gaussianNoise } from '../diffusion/philox';
import { FREEU_OFF, type UnetInput } from '../diffusion/unet';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { tokenMeans } from '../pipeline/tokenMeans';
import { gramMatrix } from './gram';

const MASK_VERSION = 1;
const GRAM_VERSION = 1;
/** One noise for all pictures: equal pictures are then seen as equal. */
const NOISE = { seed: 42, imageDigest: new Uint8Array(32) };
/** The timestep of features: next to no noise. */
const CLEAR = 1;

/** A picture at the checkpoint's own size. */
export interface ObservedPicture {
  rgb: Uint8Array;
  /** SHA-256 of `rgb`. */
  digest: string;
}

/** What to look for, and how noisy the pictures are made for it. */
export interface ObjectQuery {
  noun: string;
  timestep: number;
  clusters: number;
}

/** Looks at pictures with a checkpoint's UNet, one row a picture and question; what it saw is kept in the store. */
export class Observer {
  /** Whether anything had to be computed. */
  computed = false;

  constructor(
    private readonly checkpoint: LoadedCheckpoint,
    private readonly prompt: string,
    private readonly store: ContentStore,
  ) {}

  /**
   * Where the object is in each picture, [h·w] of 0 and 1 on the latent grid, all 0 where it is not found: clusters and noun maps of
   * the model's attention on the noised picture, as the segment node has them of an inversion.
   * @throws WeftError `checkpoint` when its UNet has no cross-attention to look with
   */
  async masks(pictures: ObservedPicture[], query: ObjectQuery): Promise<Float32Array[]> {
    const { checkpoint, store } = this;
    const { noun, timestep, clusters } = query;
    const keys = pictures.map(({ digest }) =>
      keyOf('observed-mask', MASK_VERSION, [
        checkpoint.fingerprint,
        checkpoint.size,
        digest,
        this.prompt,
        noun,
        timestep,
        clusters,
      ]),
    );
    const kept = await Promise.all(keys.map((key) => store.get(key)));
    const missing = pictures.flatMap((_, index) => (kept[index]?.mask ? [] : [index]));
    const found = new Map<number, Float32Array>();
    if (missing.length > 0) {
      this.computed = true;
      const unet = await checkpoint.unet();
      const batch = await Promise.all(missing.map((index) => this.noised(pictures[index]!, timestep)));
      const { probes } = await unet.run({ batch, freeu: FREEU_OFF, keep: { probe: true } });
      const [height, width] = checkpoint.latentSize;
      for (const [place, index] of missing.entries()) {
        const instead = "objects can't be found: wire masks to the evaluate node.";
        const { mask } = await checkpoint.segment(probes![place]!, { prompt: this.prompt, noun, clusters, instead });
        found.set(index, mask);
        store.put(keys[index]!, { mask: { dims: [height, width], data: mask } });
      }
    }
    return pictures.map((_, index) => found.get(index) ?? kept[index]!.mask!.data);
  }

  /**
   * The look of each picture under its mask [h·w]: for each swapped decoder layer the Gram matrix [W, W] of the values that its
   * self-attention hands on, at timestep 1. A mask of nothing stands for the whole picture.
   */
  async gramMatrices(
    pictures: { picture: ObservedPicture; mask: Float32Array; maskDigest: string }[],
  ): Promise<Float32Array[][]> {
    const { checkpoint, store } = this;
    const keys = pictures.map(({ picture, maskDigest }) =>
      keyOf('observed-look', GRAM_VERSION, [
        checkpoint.fingerprint,
        checkpoint.size,
        picture.digest,
        this.prompt,
        maskDigest,
      ]),
    );
    const kept = await Promise.all(keys.map((key) => store.get(key)));
    const missing = pictures.flatMap((_, index) => (kept[index] ? [] : [index]));
    const found = new Map<number, Float32Array[]>();
    if (missing.length > 0) {
      this.computed = true;
      const unet = await checkpoint.unet();
      const batch = await Promise.all(missing.map((index) => this.noised(pictures[index]!.picture, CLEAR)));
      const { keyValues } = await unet.run({ batch, freeu: FREEU_OFF, keep: { keyValues: true } });
      for (const [place, index] of missing.entries()) {
        const { mask } = pictures[index]!;
        const anywhere = mask.some((value) => value > 0);
        const grams = unet.graph.swapLayers.map((layer) =>
          gramMatrix(
            keyValues![place]!.values[layer.index]!,
            tokenMeans(anywhere ? mask : undefined, unet.latentSize, layer),
          ),
        );
        found.set(index, grams);
        store.put(
          keys[index]!,
          Object.fromEntries(grams.map((gram, layer) => [`gram${layer}`, { dims: [gram.length], data: gram }])),
        );
      }
    }
    const read = (index: number): Float32Array[] =>
      Object.entries(kept[index]!)
        .sort(([a], [b]) => Number(a.slice(4)) - Number(b.slice(4)))
        .map(([, { data }]) => data);
    return pictures.map((_, index) => found.get(index) ?? read(index));
  }

  /** A picture's latents with noise, x_t = √ᾱ x0 + √(1 − ᾱ) n, under the prompt. */
  private async noised({ rgb }: ObservedPicture, timestep: number): Promise<UnetInput> {
    const { checkpoint, store } = this;
    const clean = await checkpoint.encode(rgb, store);
    const alphaBar = checkpoint.scheduler({ steps: 1 }).alphaBar(timestep);
    const noise = gaussianNoise({ ...NOISE, timestep, length: clean.length });
    const [signal, spread] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
    const latents = clean.map((value, i) => signal * value + spread * noise[i]!);
    return { latents, timestep, promptEmbeds: await checkpoint.embed(this.prompt, store) };
  }
}
