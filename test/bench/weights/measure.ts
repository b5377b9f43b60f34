/**
 * `npm run bench:weights [-- --file FILE] [--rounds N]`: a .safetensors file of full width (made with random weights where none is given), on the processor:
 * - adding it: seconds and processor seconds without those that SHA-256 takes, and peak memory of the engine's process;
 * - a row of the UNet at 32² in each form of the weights: opening, rows, peak memory; each in a process of its own, taking turns;
 * - a transfer of 4 steps at 256² in the ordinary and in the low-memory form.
 * Prints one line each. Other work on the machine shows in the seconds; processor seconds tell more.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLibrary } from '../../../extension/engine/checkpoints/library';
import { FREEU_OFF } from '../../../extension/engine/diffusion/unet';
import { OnnxUnet } from '../../../extension/engine/pipeline/onnxUnet';
import { gaussianNoise } from '../../../extension/engine/diffusion/philox';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { lowMemoryGraph } from '../../../extension/engine/onnx/surgery/lowMemory';
import { root } from '../../support/mini';
import { writeFullWidth } from './fullWidth';

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    home: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    part: { type: 'string' },
    form: { type: 'string' },
  },
});
const home = values.home ?? fs.mkdtempSync(path.join(os.tmpdir(), 'weft-weights-'));
const ID = 'full';
const SIDE = 32;
const library = openLibrary({ home, builtInModels: path.join(root, 'models') });

interface Cost {
  seconds: number;
  processor: number;
}
const processor = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
async function cost(work: () => Promise<unknown>): Promise<Cost> {
  const [from, busy] = [performance.now(), processor()];
  await work();
  return { seconds: (performance.now() - from) / 1000, processor: processor() - busy };
}
const peakMb = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
const rounded = ({ seconds, processor: busy }: Cost): string =>
  `${seconds.toFixed(1)} s (${busy.toFixed(1)} s of processor)`;

const parts: Record<string, () => Promise<string>> = {
  async add() {
    const file = path.resolve(values.file!);
    const hash = await cost(async () => {
      const sha = createHash('sha256');
      for await (const chunk of fs.createReadStream(file)) sha.update(chunk as Buffer);
    });
    const all = await cost(() => library.add([file], ID));
    return `adding: ${rounded(all)}, of which hashing about ${rounded(hash)}; peak ${peakMb()} MB`;
  },
  async row() {
    const checkpoint = await library.open(ID);
    const sessions = inProcessSessions();
    const { path: graph, interface: unet } = checkpoint.unet;
    const plain = path.join(checkpoint.folder, graph);
    const file = values.form === 'low-memory' ? await lowMemoryGraph(plain) : plain;
    const weights = path.dirname(checkpoint.weights![0]!.file);
    const opening = await cost(() =>
      sessions.load('unet', file, { provider: 'cpu', weights, keepLayout: values.form !== 'default' }),
    );
    const noise = (length: number, timestep: number): Float32Array =>
      gaussianNoise({ seed: 1, imageDigest: new Uint8Array(32), timestep, length });
    const promptEmbeds = noise(checkpoint.textEncoder.contextLength * unet.contextWidth, 7);
    const row = { latents: noise(unet.latentChannels * SIDE * SIDE, 1), timestep: 401, promptEmbeds };
    const run = new OnnxUnet(sessions, 'unet', unet, [SIDE, SIDE]);
    const rows: Cost[] = [];
    for (let i = 0; i < 4; i++) rows.push(await cost(() => run.run({ batch: [row], freeu: FREEU_OFF })));
    const later = rows.slice(1).sort((a, b) => a.processor - b.processor)[1]!;
    return `${values.form}: opens in ${rounded(opening)}, a row ${later.seconds.toFixed(2)} s (${later.processor.toFixed(2)} s of processor), peak ${peakMb()} MB`;
  },
  async transfer() {
    const images = path.join(root, 'examples', 'images');
    const out = path.join(home, 'out.png');
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        path.join(root, 'dist', 'weft.js'),
        'transfer',
        ...['--structure', path.join(images, 'giraffe.png'), '--appearance', path.join(images, 'zebra.png')],
        ...['--domain', 'animal', '--checkpoint', ID, '--out', out, '--steps', '4', '--skip', '0'],
        ...['--provider', 'cpu', '--no-masks', '--no-cache', '--size', '256x256'],
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, WEFT_HOME: home, WEFT_LOW_MEMORY: values.form === 'low-memory' ? '1' : '0' },
      },
    );
    if (status !== 0) throw new Error(stderr);
    const report = JSON.parse(fs.readFileSync(path.join(home, 'out.run.json'), 'utf8')) as Record<string, number>;
    return Promise.resolve(
      `transfer, ${values.form}: ${report.seconds!.toFixed(1)} s, peak ${Math.round(report.peakRssBytes! / 1e6)} MB`,
    );
  },
};

function main(): void {
  let { file } = values;
  if (file === undefined) writeFullWidth((file = path.join(home, 'full.safetensors')));
  console.log(`${os.cpus()[0]?.model ?? ''}, ${os.availableParallelism()} threads`);
  const part = (name: string, form = ''): void => {
    const own = [fileURLToPath(import.meta.url), '--file', file!, '--home', home, '--part', name, '--form', form];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, ...own], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    console.log(stdout.trim());
  };
  try {
    part('add');
    for (let round = 0; round < Number(values.rounds); round++)
      for (const form of ['default', 'plain', 'low-memory']) part('row', form);
    for (const form of ['plain', 'low-memory']) part('transfer', form);
  } finally {
    if (values.home === undefined) fs.rmSync(home, { recursive: true, force: true });
  }
}

if (values.part === undefined) main();
else void parts[values.part]!().then((line) => console.log(line));
