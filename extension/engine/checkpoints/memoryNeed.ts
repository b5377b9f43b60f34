/** How much memory a run of a checkpoint takes, by arithmetic: told before anything is opened. docs/checkpoints.md has the sums. */
import { type MemoryNeed, type MemoryTerms } from '../../protocol/engine';
import { machineMemory } from '../machineMemory';
import { LARGEST_KEPT_BYTES } from '../onnx/optimisedGraphs';
import { type SwapLayer, tokenGrid, type WeightForm } from '../onnx/types';
import { readVariables } from '../variables';
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

/** The rest is the system's and other programs'. */
const SHARE_OF_MACHINE = 3 / 4;

type Checkpoint = Omit<PreparedCheckpoint, 'folder' | 'builtIn'>;

/**
 * How the weights of a checkpoint are held by a provider; undefined: as onnxruntime likes it best.
 * @param lowMemory what the person asked for; absent: `low-memory` where `plain` does not fit.
 */
export function weightForm(
  checkpoint: Checkpoint,
  provider: string,
  lowMemory = readVariables().lowMemory,
  machine = machineMemory(),
): WeightForm | undefined {
  if (provider !== 'cpu') return undefined;
  // An ONNX folder can't be read as it lies. A small one is laid out anew once, since its optimised graph is kept; docs/devices.md has the figures.
  if (checkpoint.weights === undefined) return storedBytes(checkpoint) > LARGEST_KEPT_BYTES ? 'plain' : undefined;
  const fits = needOf(checkpoint, machine).cpu.total <= SHARE_OF_MACHINE * machine;
  return (lowMemory ?? !fits) ? 'low-memory' : 'plain';
}

/**
 * @param machine bytes of main memory; a part of it is the cache's (an eighth, at most 2 GiB).
 * @param lowMemory see {@link weightForm}
 */
export function memoryNeed(checkpoint: Checkpoint, machine = machineMemory(), lowMemory?: boolean): MemoryNeed {
  const need = needOf(checkpoint, machine);
  if (weightForm(checkpoint, 'cpu', lowMemory, machine) !== 'low-memory') return need;
  const { weights, working, kept, total } = need.cpu;
  const stored = storedBytes(checkpoint);
  return { ...need, cpu: { weights: stored, working, kept, total: total - weights + stored }, ordinary: total };
}

/** Numbers in the weights, by their size. */
function numbersIn({ parameters, precision, files }: Checkpoint): { single: number; half: number } {
  if (parameters !== undefined) {
    const parts = Object.values(parameters);
    return {
      single: parts.reduce((sum, part) => sum + part.single, 0),
      half: parts.reduce((sum, part) => sum + part.half, 0),
    };
  }
  const stored = files.reduce((sum, file) => sum + file.size, 0);
  return precision === 'fp16' ? { single: 0, half: stored / 2 } : { single: stored / 4, half: 0 };
}

/** Bytes of the weights as they lie in their files. */
function storedBytes(checkpoint: Checkpoint): number {
  const { single, half } = numbersIn(checkpoint);
  return 4 * single + 2 * half;
}

function needOf(checkpoint: Checkpoint, machine: number): MemoryNeed {
  const { unet, latentSize, pictureSize } = checkpoint;
  const { swapLayers, middleChannels } = unet.interface;
  const { single, half } = numbersIn(checkpoint);
  // One attention map of the widest layer is held at a time, and the skips beside it.
  const tokens = (layer: SwapLayer): number => tokenGrid([latentSize, latentSize], layer)[0] ** 2;
  const map = Math.max(0, ...swapLayers.map((layer) => layer.heads * tokens(layer) ** 2));
  const skips = (SKIP_MAPS * middleChannels * latentSize ** 2) / 4;
  const decode = 2 * VAE_CHANNELS * pictureSize ** 2;
  const working = Math.max(map + skips, decode);
  const keysAndValues = swapLayers.reduce((sum, layer) => sum + 2 * tokens(layer) * layer.width, 0);
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
