import { type EngineEvent, type EngineMethod, type EngineRequests } from '../../protocol/engine';
import { WeftError } from '../../protocol/errors';
import { type CudaLibrary } from './cudaLibrary';
import { type Devices } from './devices';

export type DeviceMethod = Extract<EngineMethod, `devices${string}`>;
type Handlers = {
  [M in DeviceMethod]: (params: EngineRequests[M]['params']) => Promise<EngineRequests[M]['result']>;
};

/** What the machine offers to compute on, and the library that can be fetched for it. */
export interface DeviceServices {
  found: Devices;
  cuda: CudaLibrary;
}

/** Answers to questions about devices. */
export function deviceHandlers(services: DeviceServices | undefined, emit: (event: EngineEvent) => void): Handlers {
  const own = (): DeviceServices => {
    if (!services) throw new WeftError('internal', 'This engine was started to compute on the processor alone.');
    return services;
  };
  return {
    devices: async ({ probe }) => own().found.list(probe),
    'devices.cuda': async ({ index }) => {
      const { cuda } = own();
      const { url, bytes } = await cuda.find(index);
      return { url, bytes, installed: cuda.installed() };
    },
    'devices.cuda.install': async ({ index }) => {
      const { cuda } = own();
      const found = await cuda.find(index);
      await cuda.install(found, (message) => emit({ event: 'log', level: 'info', message }));
      return { bytes: found.bytes };
    },
    'devices.cuda.remove': async () => ({ removed: own().cuda.remove() }),
  };
}
