/** How much memory a run of a checkpoint takes, by arithmetic: told before anything is opened. docs/checkpoints.md has the sums. */
import * as os from 'node:os';
import { type MemoryNeed, type MemoryTerms } from '../../protocol/engine';
import { type PreparedCheckpoint } from './types';

/** What a process with onnxruntime and its caches takes before a checkpoint is opened, measured with `mini`. */
const PROCESS_BYTES = 250e6;
/** What a graphics driver and its libraries reserve for a process; 0.3 to 0.7 GB are usual. */
const DEVICE_BYTES = 500e6;
/** Channels of the VAE decoder's widest feature map at full size (Stable Diffusion 1.x and 2.x: 256), read and written. */
const VAE_CHANNELS = 256;
/** Feature maps of the encoder half that wait for the decoder half: 12 skips, of which 3 have the full resolution. */
const SKIP_MAPS = 4;
/** Steps of a run at the default schedule: 100, of which 32 are skipped. */
const KEPT_STEPS = 68;

/**
 * @param machine bytes of main memory; a part of it is the cache's (an eighth, at most 2 GiB).
 */
export function memoryNeed(
  checkpoint: Omit<PreparedCheckpoint, 'folder' | 'builtIn'>,
  machine = os.totalmem(),
): MemoryNeed {
  const { unet, latentSize, pictureSize, parameters, precision, files } = checkpoint;
  const { swapLayers, middleChannels } = unet.interface;
  const stored = files.reduce((sum, file) => sum + file.size, 0);
  let single = precision === 'fp16' ? 0 : stored / 4;
  let half = precision === 'fp16' ? stored / 2 : 0;
  if (parameters !== undefined) {
    const parts = Object.values(parameters);
    single = parts.reduce((sum, part) => sum + part.single, 0);
    half = parts.reduce((sum, part) => sum + part.half, 0);
  }
  // One attention map of the widest layer is held at a time, and the skips beside it.
  const tokens = (halvings: number): number => (latentSize >> halvings) ** 2;
  const map = Math.max(0, ...swapLayers.map((layer) => layer.heads * tokens(layer.halvings) ** 2));
  const skips = (SKIP_MAPS * middleChannels * latentSize ** 2) / 4;
  const decode = 2 * VAE_CHANNELS * pictureSize ** 2;
  const working = Math.max(map + skips, decode);
  const keysAndValues = swapLayers.reduce((sum, layer) => sum + 2 * tokens(layer.halvings) * layer.width, 0);
  // Kept for two pictures and the default schedule's steps, as far as the cache in memory goes.
  const cache = Math.min(2 ** 31, machine / 8, 2 * KEPT_STEPS * keysAndValues * 4);
  const terms = (weights: number, elementBytes: number, kept: number): MemoryTerms => {
    const rounded = { weights, working: working * elementBytes, kept };
    return { ...rounded, total: rounded.weights + rounded.working + rounded.kept };
  };
  const element = half > single ? 2 : 4;
  return {
    // onnxruntime's kernels for the processor compute in float32: half-precision weights are held in both forms' larger one.
    cpu: terms(4 * (single + half), 4, PROCESS_BYTES + cache),
    // Keys and values of the step at hand, of the appearance and the structure, and the one after it.
    gpu: terms(4 * single + 2 * half, element, DEVICE_BYTES + 4 * keysAndValues * element),
    machine,
  };
}
