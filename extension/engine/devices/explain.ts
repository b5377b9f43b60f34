import * as fs from 'node:fs';
import { type Candidate } from './candidates';
import { Linker, linkerPlaces, readSharedLibrary } from './sharedLibrary';
import { type Trial } from './types';

export interface Verdict {
  /** It computes, and computes right. */
  available: boolean;
  /** Available, and worth choosing without being asked: faster than the processor. */
  recommended: boolean;
  /** What was found, or what failed and why. */
  sentence: string;
  /** What to do about it. */
  next?: string;
}

/** Facts of the machine that tell one failure from another. */
export interface Surroundings {
  platform: string;
  /** A driver of NVIDIA is loaded. */
  nvidia: boolean;
  /** Vulkan's loader is installed; undefined where that can't be told. */
  vulkanLoader?: boolean;
  /** onnxruntime's CUDA library is installed. */
  cudaInstalled: boolean;
  /** What that library needs, where it is installed. */
  cuda?: CudaNeeds;
  /** Why it is not loaded although it is installed. */
  cudaRefusal?: { sentence: string; next: string };
}

/** What onnxruntime's CUDA library needs of the machine, and what is there. */
export interface CudaNeeds {
  /** Major version of the CUDA runtime that it was linked with. */
  version?: number;
  /** Libraries that the dynamic linker would not find, by name. */
  missing: string[];
  /** The driver's own library is found. */
  driverLibrary: boolean;
  /** Version of the driver that is loaded, where the system tells it. */
  driver?: string;
}

/** The oldest series of NVIDIA's driver for Linux that runs a major version of CUDA (CUDA Toolkit's release notes, table 2). */
const OLDEST_DRIVER: Readonly<Record<number, number>> = { 11: 450, 12: 525, 13: 580 };

/** @param library the provider that onnxruntime loads. */
export function cudaNeeds(library: string, places = linkerPlaces(), versionFile = DRIVER_VERSION): CudaNeeds {
  const linker = new Linker(places);
  const { needed = [], machine = 0 } = readSharedLibrary(library) ?? {};
  const [version] = needed.flatMap((name) => /^libcudart\.so\.(\d+)/.exec(name)?.[1] ?? []);
  let driver: string | undefined;
  try {
    driver = /^NVRM version:.*?\s(\d{2,4}(?:\.\d+)+)/.exec(fs.readFileSync(versionFile, 'utf8'))?.[1];
  } catch {
    // No driver, or one that does not say (WSL).
  }
  return {
    ...(version !== undefined && { version: Number(version) }),
    missing: linker.missingOf(library),
    driverLibrary: linker.find('libcuda.so.1', machine) !== undefined,
    ...(driver !== undefined && { driver }),
  };
}

/** What is missing, as a sentence, and what to do; undefined where nothing is. */
export function missingSentence({ missing, version }: CudaNeeds): { sentence: string; next: string } | undefined {
  if (missing.length === 0) return undefined;
  const names = missing.length > 1 ? `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}` : missing[0]!;
  return {
    sentence: `${names}, which onnxruntime's CUDA library needs, ${missing.length > 1 ? 'are' : 'is'} not found on this machine.`,
    next:
      `Install the CUDA${version === undefined ? '' : ` ${version}`} libraries (runtime, cuBLAS, cuRAND), or put their folder on ` +
      'LD_LIBRARY_PATH before VS Code or the shell starts, then probe again.',
  };
}

/** Why the driver does not do, with what to do; undefined where it does or its version is not known. */
function driverTooOld({ version, driver }: CudaNeeds): { sentence: string; next: string } | undefined {
  const oldest = version === undefined ? undefined : OLDEST_DRIVER[version];
  if (oldest === undefined || driver === undefined || Number.parseInt(driver) >= oldest) return undefined;
  return {
    sentence: `NVIDIA's driver ${driver} is too old for CUDA ${version}, which onnxruntime's library was built with.`,
    next: `Update the driver to the ${oldest} series or later, then probe again.`,
  };
}

const DRIVER_VERSION = '/proc/driver/nvidia/version';
const LOADER_PLACES = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib64'];

/** @param cuda onnxruntime's CUDA library */
export function surroundings(cuda: {
  provider: string;
  installed(): boolean;
  refusal(): Surroundings['cudaRefusal'];
}): Surroundings {
  const linux = process.platform === 'linux';
  const exists = (file: string): boolean => fs.existsSync(file);
  return {
    platform: process.platform,
    nvidia: exists(DRIVER_VERSION) || exists('/dev/nvidiactl') || exists('/dev/dxg'),
    vulkanLoader: linux ? LOADER_PLACES.some((folder) => exists(`${folder}/libvulkan.so.1`)) : undefined,
    cudaInstalled: cuda.installed(),
    ...(cuda.installed() && { cuda: cudaNeeds(cuda.provider), cudaRefusal: cuda.refusal() }),
  };
}

const TOLERANCE = 1e-2;

const off = (difference: number): string =>
  Number.isFinite(difference) ? `${(100 * difference).toFixed(1)} % off` : 'not even numbers';
const duration = (milliseconds: number): string =>
  milliseconds < 1000
    ? `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;

/** The trial of a provider in sentences: what was found, what failed and why, and the next step. */
export function explain({ provider, title }: Candidate, trial: Trial, around: Surroundings): Verdict {
  const { answer, ended, stderr } = trial;
  if (answer !== undefined && !('error' in answer)) {
    const { milliseconds, cpuMilliseconds, difference, attention, nodes } = answer;
    const own = nodes[provider] ?? 0;
    const times = `${duration(milliseconds)} for the test graph, the processor ${duration(cpuMilliseconds)}`;
    if (!(difference <= TOLERANCE))
      return failed(
        `It computes wrong numbers: ${off(difference)} in the test graph.`,
        'Update the graphics driver, then probe again.',
      );
    if (!(attention.difference <= TOLERANCE))
      return failed(
        `It computes attention wrongly: ${off(attention.difference)} over ${attention.tokens} tokens${attention.fused ? ' (the operator MultiHeadAttention)' : ''}.`,
        'Pictures made on it would be wrong. Update the graphics driver, then probe again.',
      );
    if (own === 0)
      return failed(
        `onnxruntime opened it, but ran nothing on it: all ${total(nodes)} nodes of the test graph went to the processor.`,
        'Update the graphics driver, then probe again.',
      );
    if (milliseconds >= cpuMilliseconds)
      return {
        available: true,
        recommended: false,
        sentence: `${title} works, but is slower than the processor (${times}): a software driver, or a small card.`,
        next: 'Weft uses it only if you choose it by name.',
      };
    return { available: true, recommended: true, sentence: `${title} works: ${times}.` };
  }
  if (ended === 'timeout')
    return failed(
      'The trial did not end within its time: the driver hangs, or this machine is very busy.',
      'Probe again when it is idle; if that fails too, update the graphics driver.',
    );
  if (ended !== undefined)
    return failed(
      `The trial crashed (${ended}), which is the fault of a driver or of a library it loads.`,
      'Update the graphics driver, then probe again.',
    );
  const said = answer !== undefined && 'error' in answer ? answer.error : '';
  const text = `${said}\n${stderr}`;
  return provider === 'cuda' ? explainCuda(text, around) : explainGraphics(provider, text, said, around);
}

function explainCuda(text: string, around: Surroundings): Verdict {
  if (!around.nvidia)
    return failed(
      'No driver of NVIDIA is loaded on this machine.',
      'If it has an NVIDIA card, install its driver (nvidia-smi then lists the card), then probe again.',
    );
  if (!around.cudaInstalled)
    return failed(
      "An NVIDIA driver is here, but onnxruntime's CUDA library is not: it is too large to come with Weft.",
      'Download it with `weft devices install cuda` (it shows the size first) or from Weft: Show Devices.',
    );
  const { cuda, cudaRefusal } = around;
  if (cudaRefusal) return failed(cudaRefusal.sentence, cudaRefusal.next);
  const lacking = cuda && (missingSentence(cuda) ?? driverTooOld(cuda));
  if (lacking) return failed(lacking.sentence, lacking.next);
  // What the files do not tell, onnxruntime may: a library that another one opens by name.
  const library = /(lib[\w+.-]*\.so[\d.]*): cannot open/.exec(text);
  if (library)
    return failed(
      `${library[1]}, which onnxruntime's CUDA library needs, can't be loaded.`,
      'Install it, or put its folder on LD_LIBRARY_PATH before VS Code or the shell starts, then probe again.',
    );
  const tooOld = /driver version is insufficient|cudaErrorInsufficientDriver|error 35\b/i.test(text);
  if (tooOld && cuda?.driverLibrary === false)
    return failed(
      "The driver's own library, libcuda.so.1, is not found on this machine.",
      'In a container, start it with the GPU (docker run --gpus all, NVIDIA_DRIVER_CAPABILITIES=compute,utility); otherwise install the driver again. Then probe again.',
    );
  if (tooOld) {
    const oldest = OLDEST_DRIVER[cuda?.version ?? NaN];
    return failed(
      `The NVIDIA driver is too old for the CUDA${cuda?.version === undefined ? '' : ` ${cuda.version}`} that onnxruntime's library was built with.`,
      `Update the driver${oldest === undefined ? '' : ` to the ${oldest} series or later`}, then probe again.`,
    );
  }
  if (/no CUDA-capable device|cudaErrorNoDevice|error 100\b/i.test(text))
    return failed(
      'The driver sees no CUDA card.',
      'Check nvidia-smi, and that CUDA_VISIBLE_DEVICES (or the container) does not hide the card.',
    );
  if (/no kernel image/i.test(text))
    return failed("The card's generation is not supported by this CUDA library.", 'Use webgpu instead.');
  if (/out of memory/i.test(text))
    return failed('The card has no memory left.', 'Close what else uses it, then probe again.');
  return failed(
    `onnxruntime could not open CUDA: ${firstLine(text)}`,
    'Check the driver with nvidia-smi, then probe again.',
  );
}

function explainGraphics(provider: string, text: string, said: string, around: Surroundings): Verdict {
  if (/backend not found/i.test(text))
    return failed(
      `This build of onnxruntime has no "${provider}".`,
      `Choose one of those that are listed for ${around.platform}.`,
    );
  if (provider === 'webgpu' && around.platform === 'linux') {
    if (around.vulkanLoader === false || /libvulkan/i.test(text))
      return failed(
        "Vulkan's loader is not installed (libvulkan.so.1), through which WebGPU reaches a card on Linux.",
        'Install it (Debian, Ubuntu: apt-get install libvulkan1; Fedora: dnf install vulkan-loader) and the driver of the card, then probe again.',
      );
    if (/no drivers|INCOMPATIBLE_DRIVER|No supported adapters|Failed to get a WebGPU adapter/i.test(text))
      return failed(
        "No Vulkan driver offers what WebGPU needs: none is installed, or it is Mesa's software driver, which lacks features.",
        "Install the card's driver (NVIDIA's own; Debian, Ubuntu for AMD and Intel: apt-get install mesa-vulkan-drivers), then probe again.",
      );
  }
  if (/adapter/i.test(said))
    return failed('No graphics card was found that WebGPU can use.', "Update the card's driver, then probe again.");
  if (/out of memory/i.test(text))
    return failed('The graphics card has no memory left.', 'Close what else uses it, then probe again.');
  return failed(
    `onnxruntime could not open it: ${firstLine(said || text)}`,
    "Update the card's driver, then probe again.",
  );
}

const failed = (sentence: string, next: string): Verdict => ({ available: false, recommended: false, sentence, next });
const firstLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? 'it did not say why.';
const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
