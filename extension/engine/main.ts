/**
 * The engine process: answers messages of protocol/engine.ts over Node's IPC. Its main thread stays free for messages; one worker
 * thread owns onnxruntime, whose run() blocks. It ends when whoever started it is gone.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import manifest from '../../package.json';
import {
  type EngineEvent,
  type EngineMethod,
  type FromEngine,
  PROTOCOL_VERSION,
  type ToEngine,
} from '../protocol/engine';
import { reportError, WeftError } from '../protocol/errors';
import { CudaLibrary } from './devices/cudaLibrary';
import { Devices } from './devices/devices';
import { Engine } from './engine';
import { weftHome } from './home';
import { workerSessions } from './onnx/session';

function post(message: FromEngine): void {
  if (process.connected) process.send?.(message);
}

const emit = (event: EngineEvent): void => post({ type: 'event', ...event });
/** package.json of onnxruntime-node: beside the bundles in a package, in the checkout's node_modules otherwise. */
function runtimePackage(): string {
  const places = [__dirname, path.join(__dirname, '..')];
  const files = places.map((folder) => path.join(folder, 'node_modules', 'onnxruntime-node', 'package.json'));
  return files.find((file) => fs.existsSync(file)) ?? files[0]!;
}

const runtimeManifest = runtimePackage();
const { version: runtime } = JSON.parse(fs.readFileSync(runtimeManifest, 'utf8')) as { version: string };
const home = weftHome();
const cuda = new CudaLibrary({
  home,
  version: runtime,
  runtimeFolder: path.dirname(runtimeManifest),
  userAgent: `weft/${manifest.version}`,
});
// For this process, its worker and the processes that try providers.
if (cuda.installed()) process.env.WEFT_ONNXRUNTIME ??= cuda.folder;
const devices = new Devices({
  home,
  runtime,
  cuda,
  probePath: path.join(__dirname, 'engine-probe.js'),
  log: (level, message) => emit({ event: 'log', level, message }),
});
const engine = new Engine({
  devices: { found: devices, cuda },
  version: manifest.version,
  sessions: workerSessions(),
  builtInModels: path.join(__dirname, '..', 'models'),
  emit,
  threads: process.env.WEFT_THREADS ? Number(process.env.WEFT_THREADS) : undefined,
});

async function answer({ id, method, params }: ToEngine): Promise<void> {
  try {
    if (method === 'hello' && params.protocol !== PROTOCOL_VERSION) {
      throw new WeftError(
        'internal',
        `The engine speaks version ${PROTOCOL_VERSION} of its messages, not ${params.protocol}: reload the window.`,
      );
    }
    const handler = engine.handlers[method] as ((params: unknown) => Promise<unknown>) | undefined;
    if (!handler) throw new WeftError('internal', `The engine does not know the request '${String(method)}'.`);
    post({ type: 'response', id, result: await handler(params) });
  } catch (error) {
    post({ type: 'response', id, error: reportError(error) });
  }
  if ((method as EngineMethod) === 'shutdown') process.disconnect?.();
}

process.on('message', (message) => void answer(message as ToEngine));
// The process that started the engine decides what an interrupt means and asks for a cancel.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('unhandledRejection', (reason) =>
  emit({ event: 'log', level: 'error', message: reportError(reason).message }),
);
