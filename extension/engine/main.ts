/**
 * The engine process, see serve.ts for its messages. Its main thread stays free for messages; one worker
 * thread owns onnxruntime, whose run() blocks.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import manifest from '../../package.json';
import { CudaLibrary } from './devices/cudaLibrary';
import { Devices } from './devices/devices';
import { Engine } from './engine';
import { weftHome } from './home';
import { workerSessions } from './onnx/session';
import { emit, serve } from './serve';

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
  version: manifest.version,
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

serve(engine);
