import { type Size } from '../../protocol/size';
import { sizeFacts } from '../checkpoints/pictureSizes';
import { decodeInTiles } from '../diffusion/tiles';
import { type TensorData } from '../onnx/types';
import { type CheckpointParts } from './checkpointParts';

/** What decoding takes for each pixel, an estimate for Stable Diffusion 1.5's VAE: about eight float32 maps of its 128 channels at full size. */
const DECODER_BYTES = 4096;

/** The VAE of a checkpoint at one size of pictures: what its sessions compute, and nothing kept. */
export class Vae {
  /** Height and width of the latents. */
  readonly latentSize: [number, number];

  constructor(
    private readonly parts: CheckpointParts,
    private readonly size: Size,
  ) {
    const { vaeScale } = parts.prepared;
    this.latentSize = [size.height / vaeScale, size.width / vaeScale];
  }

  /** x0 [C, h, w] of pixels [3, H, W] in [-1, 1]: the mode of the posterior times the scaling factor. */
  async encode(pixels: Float32Array): Promise<Float32Array> {
    const { input, output } = this.parts.prepared.vaeEncoder;
    const feed: TensorData = { type: 'float32', dims: [1, 3, this.size.height, this.size.width], data: pixels };
    const answer = await this.parts.run('vaeEncoder', { [input.name]: feed }, [output.name]);
    const all = answer[output.name]!.data as Float32Array;
    const [height, width] = this.latentSize;
    // An export with 2C channels gives mean, then log-variance: the mode is the mean.
    const latents = all.slice(0, this.parts.prepared.latentChannels * height * width);
    for (let i = 0; i < latents.length; i++) latents[i]! *= this.parts.prepared.scalingFactor;
    return latents;
  }

  /** The pixels [3, H, W] of x0, in about [-1, 1]; in tiles where memory is short. */
  async decode(scaled: Float32Array): Promise<Float32Array> {
    const { scalingFactor, latentChannels: channels, vaeScale: scale } = this.parts.prepared;
    const latents = scaled.map((value) => value / scalingFactor);
    const tile = this.tile();
    if (tile === undefined) return this.decodeTile(latents, this.latentSize);
    const decode = (part: Float32Array, size: [number, number]): Promise<Float32Array> => this.decodeTile(part, size);
    return decodeInTiles({ latents, channels, size: this.latentSize, scale, tile, overlap: tile / 4, decode });
  }

  /** Cells a side of the tiles in which the picture is decoded; undefined where it is decoded whole. */
  private tile(): number | undefined {
    const { latentSize: own, vaeScale } = this.parts.prepared;
    if (sizeFacts(this.parts.prepared).sizes.fixed) return undefined;
    const room = this.parts.memory.always();
    const bytes = (cells: number): number => DECODER_BYTES * cells * vaeScale ** 2;
    if (bytes(this.latentSize[0] * this.latentSize[1]) <= room) return undefined;
    // At the size it was trained on a decoder sees what it knows; below half of that it loses the picture.
    const sides = [own, (3 * own) / 4, own / 2].map((side) => 8 * Math.max(1, Math.round(side / 8)));
    const tile = sides.find((side) => bytes(side ** 2) <= room) ?? sides.at(-1)!;
    return tile < Math.max(...this.latentSize) ? tile : undefined;
  }

  /** Latents of the VAE's own scale [C, h, w] → pixels [3, H, W]. */
  private async decodeTile(data: Float32Array, size: [number, number]): Promise<Float32Array> {
    const { input, output } = this.parts.prepared.vaeDecoder;
    const feed: TensorData = { type: 'float32', dims: [1, this.parts.prepared.latentChannels, ...size], data };
    const answer = await this.parts.run('vaeDecoder', { [input.name]: feed }, [output.name]);
    return answer[output.name]!.data as Float32Array;
  }
}
