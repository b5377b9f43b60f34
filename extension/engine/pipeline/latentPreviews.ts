import { WeftError } from '../../protocol/errors';
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
  /** Whether the session that draws is open, by the patch of its map. */
  private readonly drawers = new Map<number, boolean>();

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

  /** Latents as opaque RGBA, at most `maxSize` pixels a side where the latent grid itself is no larger. */
  async draw(
    latents: Float32Array,
    [height, width]: readonly [number, number],
    maxSize: number,
    store: ContentStore,
  ): Promise<{ width: number; height: number; rgba: Uint8Array }> {
    const map = previewMapFor(await this.map(store), height, width, maxSize);
    const { patch, channels } = map;
    if (latents.length * patch ** 2 * 3 < WORTH_DRAWING_INSIDE) return previewRgba(latents, height, width, map);
    if (!this.drawers.get(patch)) {
      // The session would open behind the step that is under way, and draw behind the next one.
      this.openDrawer(map);
      return previewRgba(latents, height, width, map);
    }
    const feed: TensorData = { type: 'float32', dims: [channels, height, width], data: latents };
    const { rgba } = await this.parts.sessions.run(this.drawerOf(patch), { [previewNames.latents]: feed }, [
      previewNames.rgba,
    ]);
    return { width: width * patch, height: height * patch, rgba: rgba!.data as Uint8Array };
  }

  /** The key of the session that draws patches of a size. */
  private drawerOf(patch: number): string {
    return `${this.fingerprint}/preview/${patch}`;
  }

  private openDrawer(map: PreviewMap): void {
    const { drawers } = this;
    const { patch } = map;
    if (drawers.has(patch)) return;
    drawers.set(patch, false);
    this.parts.sessions.load(this.drawerOf(patch), previewModel(map), { provider: 'cpu', threads: 1 }).then(
      () => drawers.set(patch, true),
      () => drawers.delete(patch),
    );
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
