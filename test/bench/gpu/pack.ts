/**
 * `npm run bench:gpu -- FOLDER [--wheels DIR | --without-cuda]`: everything that measuring on a bare Linux x64 machine with a graphics
 * card needs, as pieces of at most 50 MB in FOLDER. There, `python3 FOLDER/run.py` unpacks and measures; it needs Python with PyTorch and
 * CUDA 13, and no network. Packed are Node, the engine, onnxruntime with its CUDA provider (from the wheel onnxruntime-gpu of the same
 * version), cuRAND (PyTorch has the other libraries of CUDA that the provider needs) and Vulkan's loader, which WebGPU needs. pip fetches
 * the wheels, or takes them from DIR.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import webpack from 'webpack';

const PIECE_BYTES = 50_000_000;
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '..', '..', '..');
const BINARIES = path.join('bin', 'napi-v6', 'linux', 'x64');
/** cuRAND of CUDA 13. */
const CURAND = 'nvidia-curand>=10.4,<11';
const CUDA_LIBRARIES = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];

class PackError extends Error {}

function command(program: string, args: string[], purpose: string): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new PackError(`${purpose}: ${program} failed. ${(error?.message ?? stderr).trim()}`);
}

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}
const manifestOf = (folder: string): Manifest =>
  JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;

/** A package and what it needs, as far as it is installed: of native packages that is this platform's. */
function stagePackage(name: string, modules: string): void {
  const [from, to] = [path.join(root, 'node_modules', name), path.join(modules, name)];
  if (fs.existsSync(to) || !fs.existsSync(from)) return;
  // onnxruntime has binaries of all platforms.
  const [binaries, wanted] = [path.join(from, 'bin'), path.join(from, BINARIES)];
  const filter = (file: string): boolean =>
    !file.endsWith('.map') && (!file.startsWith(binaries) || wanted.startsWith(file) || file.startsWith(wanted));
  fs.cpSync(from, to, { recursive: true, filter });
  const { dependencies, optionalDependencies } = manifestOf(from);
  // The others of onnxruntime-node serve its installation.
  const needs =
    name === 'onnxruntime-node' ? ['onnxruntime-common'] : Object.keys({ ...dependencies, ...optionalDependencies });
  for (const need of needs) stagePackage(need, modules);
}

/** The measuring program and the engine's thread, bundled as dist/ is. */
async function bundle(to: string): Promise<void> {
  // As a URL, because it has no types.
  const url = pathToFileURL(path.join(root, 'webpack.config.mjs')).href;
  const { default: configs } = (await import(url)) as { default: webpack.Configuration[] };
  const config = configs.find(({ name }) => name === 'node')!;
  const entry = {
    measure: path.join(here, 'measure.ts'),
    'engine-worker': path.join(root, 'extension', 'engine', 'onnx', 'worker.ts'),
  };
  const compiler = webpack({ ...config, entry, devtool: false, output: { ...config.output, path: to } })!;
  const stats = await new Promise<webpack.Stats>((resolve, reject) =>
    compiler.run((error, done) => (error ? reject(error) : resolve(done!))),
  );
  if (stats.hasErrors())
    throw new PackError(`The measuring program could not be bundled: ${stats.toString('errors-only')}`);
}

/** Files of a Python package's wheel, which pip fetches, or finds in a folder. */
function fromWheel(requirement: string, wheels: string | undefined, files: string[], to: string): void {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-wheel-'));
  try {
    const source = wheels === undefined ? [] : ['--no-index', '--find-links', path.resolve(wheels)];
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', ...source, '--dest', work, requirement];
    command('python3', pip, `${requirement} was not fetched (--wheels DIR names a folder that has it)`);
    const wheel = path.join(work, fs.readdirSync(work)[0]!);
    command('python3', ['-m', 'zipfile', '-e', wheel, work], `${wheel} could not be unpacked`);
    fs.mkdirSync(to, { recursive: true });
    for (const file of files) fs.copyFileSync(path.join(work, file), path.join(to, path.basename(file)));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** onnxruntime's CUDA provider beside onnxruntime, and of its needs the one that PyTorch does not bring. */
function stageCuda(wheels: string | undefined, stage: string): void {
  const ours = path.join('node_modules', 'onnxruntime-node');
  const { version } = manifestOf(path.join(root, ours));
  const libraries = CUDA_LIBRARIES.map((name) => path.join('onnxruntime', 'capi', name));
  fromWheel(`onnxruntime-gpu==${version}`, wheels, libraries, path.join(stage, ours, BINARIES));
  fromWheel(CURAND, wheels, [path.join('nvidia', 'cu13', 'lib', 'libcurand.so.10')], path.join(stage, 'lib'));
}

/** Vulkan's loader of this machine; a kit without one measures WebGPU only where the other machine has it. */
function stageVulkan(stage: string): void {
  const names = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? '';
  const file = /libvulkan\.so\.1 .*x86-64.*=> (\S+)/.exec(names)?.[1];
  if (file === undefined) {
    console.error('libvulkan.so.1 is not installed here, so it is not packed: WebGPU needs it on the other machine.');
    return;
  }
  fs.mkdirSync(path.join(stage, 'lib'), { recursive: true });
  fs.copyFileSync(fs.realpathSync(file), path.join(stage, 'lib', 'libvulkan.so.1'));
}

/** Splits an archive into pieces, with a list of their digests. */
export function split(archive: string, folder: string, most = PIECE_BYTES): string[] {
  const source = fs.openSync(archive, 'r');
  const buffer = Buffer.alloc(most);
  const digests: Record<string, string> = {};
  for (let bytes; (bytes = fs.readSync(source, buffer)) > 0;) {
    const name = `kit.tar.gz.${String(Object.keys(digests).length).padStart(3, '0')}`;
    const piece = buffer.subarray(0, bytes);
    fs.writeFileSync(path.join(folder, name), piece);
    digests[name] = createHash('sha256').update(piece).digest('hex');
  }
  fs.closeSync(source);
  fs.writeFileSync(path.join(folder, 'pieces.json'), `${JSON.stringify(digests, undefined, 2)}\n`);
  return Object.keys(digests);
}

async function pack(folder: string, cuda: { wheels?: string } | undefined): Promise<string[]> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new PackError(
      `The kit runs on Linux x64 and must be packed there: this is ${process.platform}-${process.arch}.`,
    );
  fs.mkdirSync(folder, { recursive: true });
  if (fs.readdirSync(folder).length > 0) throw new PackError(`${folder} is not empty. Name a new folder for the kit.`);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-kit-'));
  try {
    const stage = path.join(work, 'kit');
    const modules = path.join(stage, 'node_modules');
    await bundle(path.join(stage, 'dist'));
    for (const name of ['onnxruntime-node', 'sharp']) stagePackage(name, modules);
    if (cuda !== undefined) stageCuda(cuda.wheels, stage);
    stageVulkan(stage);
    for (const name of ['models/mini', 'models/clip', 'examples/images'])
      fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true });
    for (const name of fs.readdirSync(path.join(root, 'models')).filter((each) => each.endsWith('.json')))
      fs.copyFileSync(path.join(root, 'models', name), path.join(stage, 'models', name));
    fs.copyFileSync(process.execPath, path.join(stage, 'node'));
    fs.chmodSync(path.join(stage, 'node'), 0o755);
    fs.copyFileSync(path.join(here, 'peer.py'), path.join(stage, 'peer.py'));
    const archive = path.join(work, 'kit.tar.gz');
    command('tar', ['-czf', archive, '-C', stage, '.'], 'The kit could not be packed');
    const pieces = split(archive, folder);
    fs.copyFileSync(path.join(here, 'run.py'), path.join(folder, 'run.py'));
    return pieces;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { wheels: { type: 'string' }, 'without-cuda': { type: 'boolean', default: false } },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new PackError('Name a new folder for the kit: npm run bench:gpu -- FOLDER');
  const pieces = await pack(path.resolve(folder), values['without-cuda'] ? undefined : { wheels: values.wheels });
  console.log(`${pieces.length} pieces in ${folder}. Copy it to the other machine; there: python3 FOLDER/run.py`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main().catch((error: Error) => {
    console.error(error instanceof PackError ? error.message : error);
    process.exitCode = 1;
  });
