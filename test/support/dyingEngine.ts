/** The engine process with a card whose driver crashes in the middle of a run: by the signal that DIES_BY names, or not at all. */
import path from 'node:path';
import { CudaLibrary } from '../../extension/engine/devices/cudaLibrary';
import { Devices } from '../../extension/engine/devices/devices';
import { Engine } from '../../extension/engine/engine';
import { weftHome } from '../../extension/engine/home';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { emit, serve } from '../../extension/engine/serve';
import { cardAndProcessor, cardThatFails } from './cardThatFails';

const home = weftHome();
const cuda = new CudaLibrary({ home, version: '1.0.0', runtimeFolder: '' });
const found = new Devices({
  home,
  runtime: '1.0.0',
  version: '0.1.0',
  cuda,
  probePath: '',
  log: (level, message) => emit({ event: 'log', level, message }),
  ...cardAndProcessor,
});
const signal = (process.env.DIES_BY || undefined) as NodeJS.Signals | undefined;
serve(
  new Engine({
    version: '0.1.0',
    home,
    sessions: cardThatFails(
      inProcessSessions(),
      signal &&
        (() => {
          process.kill(process.pid, signal);
          return new Promise(() => {});
        }),
    ),
    devices: { found, cuda },
    builtInModels: path.resolve(__dirname, '..', '..', 'models'),
    emit,
  }),
);
