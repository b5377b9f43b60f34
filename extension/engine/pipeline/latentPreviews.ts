import { WeftError } from '../../protocol/errors';
import { once } from '../cache/recent';
import { type ContentStore, keyOf } from '../cache/store';
import { sizeFacts } from '../checkpoints/pictureSizes';
import { fitPreview, type PreviewMap, previewMapFor, previewRgba } from '../image/preview';
import { toModelInput } from '../image/tensors';
import { previewModel, previewNames } from '../onnx/previewGraph';
import { type TensorData } from '../onnx/types';
import { type CheckpointParts } from './checkpointParts';
import { previewSamples } from './previewSamples';
import { Vae } from './vae';

const PREVIEW_VERSION = 1;
/** Products of numbers from which a preview is faster inside onnxruntime, although it has to go there and back. */
const WORTH_DRAWING_INSIDE = 1 << 18;
/** Cells a side of the pictures that a map is fitted on, where the VAE takes any size: six of them have more cells than a linear map needs. */
const SAMPLE_CELLS = 16;

/** Draws the latents of a checkpoint, of any size, without its VAE: by a linear map that is fitted to it once. */
export class LatentPreviews {
  private fitted?: Promise<PreviewMap>;
  /** Sessions that draw, by the patch of their map. */
  private readonly drawers = new Map<number, Promise<string>>();
  /** Patches whose session is open. */
  private readonly ready = new Set<number>();

  constructor(
    private readonly parts: CheckpointParts,
    private readonly fingerprint: string,
  ) {}

  /** The linear map from latents to colours that previews are drawn with, fitted once per checkpoint. */
  map(store: ContentStore): Promise<PreviewMap> {
    this.fitted ??= this.fit(store);
    this.fitted.catch(() => (this.fitted = undefined));
    return this.fitted;
  }

  /**
   * Latents as opaque RGBA, at most `maxSize` pixels a side where the latent grid itself is no larger.
   * @param atOnce not to wait for onnxruntime, if its session is not open yet: such a picture may differ by rounding, and is not to be kept
   */
  async draw(
    latents: Float32Array,
    [height, width]: readonly [number, number],
    maxSize: number,
    store: ContentStore,
    atOnce: boolean,
  ): Promise<{ width: number; height: number; rgba: Uint8Array }> {
    const map = previewMapFor(await this.map(store), height, width, maxSize);
    const { patch, channels } = map;
    if (latents.length * patch ** 2 * 3 < WORTH_DRAWING_INSIDE) return previewRgba(latents, height, width, map);
    const drawer = this.drawer(map);
    if (atOnce && !this.ready.has(patch)) {
      // The session opens behind the step that is under way, and would draw behind the next one. What goes wrong shows then.
      drawer.catch(() => undefined);
      return previewRgba(latents, height, width, map);
    }
    const feed: TensorData = { type: 'float32', dims: [channels, height, width], data: latents };
    const { rgba } = await this.parts.sessions.run(await drawer, { [previewNames.latents]: feed }, [previewNames.rgba]);
    return { width: width * patch, height: height * patch, rgba: rgba!.data as Uint8Array };
  }

  /** The session that draws with a map. */
  private drawer(map: PreviewMap): Promise<string> {
    const { patch } = map;
    const key = `${this.fingerprint}/preview/${patch}`;
    return once(this.drawers, patch, async () => {
      await this.parts.sessions.load(key, previewModel(map), { provider: 'cpu', threads: 1 });
      this.ready.add(patch);
      return key;
    });
  }

  /** Pixels a side of the pictures that the map is fitted on. */
  private sampleSize(): number {
    const { pictureSize, vaeScale } = this.parts.prepared;
    const { fixed } = sizeFacts(this.parts.prepared).sizes;
    return fixed ? pictureSize : Math.min(pictureSize, SAMPLE_CELLS * vaeScale);
  }

  private async fit(store: ContentStore): Promise<PreviewMap> {
    const size = this.sampleSize();
    const own = size === this.parts.prepared.pictureSize;
    const key = keyOf('preview-map', PREVIEW_VERSION, own ? this.fingerprint : [this.fingerprint, size]);
    const kept = await store.get(key);
    if (kept?.weight && kept.bias && kept.patch) {
      return {
        patch: kept.patch.data[0]!,
        channels: this.parts.prepared.latentChannels,
        weight: kept.weight.data,
        bias: kept.bias.data,
      };
    }
    const pictures = previewSamples(size);
    const vae = new Vae(this.parts, { width: size, height: size });
    const latents: Float32Array[] = [];
    for (const rgb of pictures) latents.push(await vae.encode(toModelInput(rgb)));
    await this.parts.idle('vaeEncoder');
    const map = fitPreview({
      latents,
      pictures,
      channels: this.parts.prepared.latentChannels,
      latentSize: vae.latentSize,
      pictureSize: size,
    });
    if (!map.weight.every(Number.isFinite)) {
      throw new WeftError(
        'checkpoint',
        `${this.parts.prepared.id}: its VAE encoder gives numbers that are not finite.`,
      );
    }
    store.put(key, {
      weight: { dims: [map.weight.length], data: map.weight },
      bias: { dims: [map.bias.length], data: map.bias },
      patch: { dims: [1], data: Float32Array.of(map.patch) },
    });
    return map;
  }
}
