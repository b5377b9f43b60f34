/**
 * `npm run bench:gpu -- FOLDER [--providers webgpu,cuda] [--steps N] [--size WxH] [--python PATH]`: on a machine with a graphics card, a
 * transfer at full width on each provider, and the same steps in PyTorch fp16, in one call. FOLDER is one that
 * test/bench/fullwidth/make.py made; dist/ must be built. For each: seconds a swapped step of the output, seconds in all, what really
 * ran, and the card's peak memory (nvidia-smi, less what others held before). A provider that fails is a line, not the end.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type RunReport } from '../../../extension/protocol/engine';
import { root } from '../../support/mini';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    providers: { type: 'string', default: 'webgpu,cuda' },
    steps: { type: 'string', default: '10' },
    size: { type: 'string', default: '512x512' },
    python: { type: 'string', default: 'python3' },
    export: { type: 'string', default: 'onnx-fp16' },
  },
});
const ID = 'full';

/** Bytes of the card in use, by nvidia-smi; undefined without one. */
function cardBytes(): number | undefined {
  const { status, stdout } = spawnSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits'], {
    encoding: 'utf8',
  });
  return status === 0 ? Number(stdout.split('\n')[0]) * 2 ** 20 : undefined;
}

/** Runs a program to its end, watching the card. */
async function watched(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ status: number | null; stdout: string; stderr: string; cardPeakBytes?: number }> {
  const before = cardBytes();
  let peak = before;
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const timer = setInterval(() => {
    const now = cardBytes();
    if (now !== undefined && peak !== undefined) peak = Math.max(peak, now);
  }, 250);
  const status = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
    child.on('error', (error) => {
      stderr += error.message;
      resolve(1);
    });
  });
  clearInterval(timer);
  const cardPeakBytes = peak === undefined || before === undefined ? undefined : peak - before;
  return { status, stdout, stderr, cardPeakBytes };
}

async function main(): Promise<void> {
  const [folder] = positionals;
  if (!folder) throw new Error('Give the folder that test/bench/fullwidth/make.py made.');
  // On the checkpoint's own file system, so that its weights are linked.
  const home = fs.mkdtempSync(path.join(path.resolve(folder), '.weft-gpu-'));
  const env = { ...process.env, WEFT_HOME: home };
  const weft = (args: string[]) => watched(process.execPath, [path.join(root, 'dist', 'weft.js'), ...args], env);
  const images = path.join(root, 'examples', 'images');
  const results: Record<string, unknown> = {
    machine: `${os.cpus()[0]?.model.trim()}, ${os.platform()}-${os.arch()}`,
  };
  try {
    const added = await weft(['models', 'add', path.join(folder, values.export), '--id', ID]);
    if (added.status !== 0) throw new Error(added.stderr);
    for (const provider of values.providers.split(',')) {
      const out = path.join(home, `${provider}.png`);
      const run = await weft([
        'transfer',
        ...['--structure', path.join(images, 'giraffe.png'), '--appearance', path.join(images, 'zebra.png')],
        ...['--domain', 'animal', '--checkpoint', ID, '--size', values.size, '--out', out],
        ...['--steps', values.steps, '--skip', '0', '--no-masks', '--no-cache', '--provider', provider],
      ]);
      if (run.status !== 0) {
        results[provider] = { failed: run.stderr.trim().split('\n').slice(-3).join('\n') };
        continue;
      }
      const report = JSON.parse(fs.readFileSync(path.join(home, `${provider}.run.json`), 'utf8')) as RunReport;
      results[provider] = {
        seconds: report.seconds,
        // The reference pass and the VAE's decoder are in it.
        secondsPerStep: (report.nodes['denoise']?.seconds ?? 0) / Number(values.steps),
        unet: report.unet,
        providerNodes: report.providerNodes,
        cardPeakBytes: run.cardPeakBytes,
        peakRssBytes: report.peakRssBytes,
      };
    }
    const [width, height] = values.size.split('x').map(Number) as [number, number];
    const script = path.join(root, 'test', 'bench', 'gpu', 'steps.py');
    const sides = ['--height', String(height / 8), '--width', String(width / 8)];
    const peer = [script, path.join(folder, 'pytorch'), '--steps', values.steps, ...sides];
    const torch = await watched(values.python, peer, process.env);
    results['pytorch'] =
      torch.status === 0
        ? (JSON.parse(torch.stdout.trim().split('\n').at(-1)!) as unknown)
        : { failed: torch.stderr.trim().split('\n').at(-1) };
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
  console.log(JSON.stringify(results, undefined, 2));
}

void main();
