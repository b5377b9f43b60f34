import { type EngineEvent, type EngineHandlers, type EngineMethod } from '../../protocol/engine';
import { graphError, WeftError } from '../../protocol/errors';
import { type CudaLibrary } from './cudaLibrary';
import { type Devices } from './devices';

export type DeviceMethod = Extract<EngineMethod, `devices${string}`>;

/** What the machine offers to compute on, and the library that can be fetched for it. */
export interface DeviceServices {
  found: Devices;
  cuda: CudaLibrary;
}

/** Answers to questions about devices. */
export function deviceHandlers(
  services: DeviceServices | undefined,
  emit: (event: EngineEvent) => void,
): EngineHandlers<DeviceMethod> {
  const own = (): DeviceServices => {
    if (!services) throw new WeftError('internal', 'This engine was started to compute on the processor alone.');
    return services;
  };
  let fetching: AbortController | undefined;
  const log = (level: 'info' | 'warn', message: string): void => emit({ event: 'log', level, message });
  return {
    devices: async ({ probe }) => own().found.list(probe),
    'devices.cuda': async (source) => {
      const { cuda } = own();
      const { url, bytes } = await cuda.find(source);
      return { url: url.href, bytes, installed: cuda.installed() };
    },
    'devices.cuda.install': async (source) => {
      if (fetching !== undefined)
        throw graphError(
          "onnxruntime's CUDA library is already being downloaded. Wait until it is done, or cancel it.",
        );
      const controller = (fetching = new AbortController());
      try {
        return await own().cuda.install(
          source,
          { onProgress: (sentence) => log('info', sentence), onWarning: (sentence) => log('warn', sentence) },
          controller.signal,
        );
      } finally {
        fetching = undefined;
      }
    },
    'devices.cuda.pause': async () => {
      fetching?.abort(
        new WeftError('interrupted', "Fetching onnxruntime's CUDA library is paused. Fetch it again to continue."),
      );
      return { paused: fetching !== undefined };
    },
    'devices.cuda.remove': async () => ({ removed: own().cuda.remove() }),
  };
}
