/**
 * The engine process, see serve.ts for its messages. Its main thread stays free for messages; one worker
 * thread owns onnxruntime, whose run() blocks.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import manifest from '../../package.json';
import { ANY_HOME } from '../protocol/engine';
import { CudaLibrary } from './devices/cudaLibrary';
import { Devices } from './devices/devices';
import { Engine } from './engine';
import { openHome } from './home';
import { workerSessions } from './onnx/session';
import { emit, serve, type Served } from './serve';
import { readVariables } from './variables';

/** package.json of onnxruntime-node: beside the bundles in a package, in the checkout's node_modules otherwise. */
function runtimePackage(): string {
  const places = [__dirname, path.join(__dirname, '..')];
  const files = places.map((folder) => path.join(folder, 'node_modules', 'onnxruntime-node', 'package.json'));
  return files.find((file) => fs.existsSync(file)) ?? files[0]!;
}

function startEngine(): Served {
  const { threads } = readVariables();
  const { folder: home, problem } = openHome(process.argv.includes(ANY_HOME));
  if (problem !== undefined) {
    emit({ event: 'log', level: 'warn', message: `${problem.message} Until then nothing is kept.` });
    process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }));
  }
  const runtimeManifest = runtimePackage();
  const { version: runtime } = JSON.parse(fs.readFileSync(runtimeManifest, 'utf8')) as { version: string };
  const cuda = new CudaLibrary({
    home,
    version: runtime,
    runtimeFolder: path.dirname(runtimeManifest),
    userAgent: `weft/${manifest.version}`,
  });
  // For this process, its worker and the processes that try providers.
  const refusal = cuda.refusal();
  if (refusal !== undefined) emit({ event: 'log', level: 'warn', message: `${refusal.sentence} ${refusal.next}` });
  else if (cuda.installed()) process.env.WEFT_ONNXRUNTIME ??= cuda.folder;
  const devices = new Devices({
    home,
    runtime,
    version: manifest.version,
    cuda,
    probePath: path.join(__dirname, 'engine-probe.js'),
    log: (level, message) => emit({ event: 'log', level, message }),
  });
  return new Engine({
    devices: { found: devices, cuda },
    version: manifest.version,
    sessions: workerSessions(),
    builtInModels: path.join(__dirname, '..', 'models'),
    home,
    emit,
    threads,
  });
}

try {
  serve(startEngine());
} catch (problem) {
  serve({ problem });
}
