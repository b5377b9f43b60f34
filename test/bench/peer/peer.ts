/**
 * `npm run bench:peer [-- --model mini|FOLDER] [--steps N] [--skip N] [--guidance G] [--rounds N] [--in-turn]`: Weft against the method as its authors run it, on
 * PyTorch and diffusers (peer.py). Both programs read pictures, noise and embeddings from one file; their runs alternate. FOLDER is made by
 * test/bench/fullwidth/make.py. Printed are medians of the rounds' ratios (the peer's figure over Weft's), the ratio of operations beside
 * them, and how far the final latents are apart.
 * - cold: nothing known; models loaded. The peer inverts and transfers.
 * - re-run: inversions kept from before (Weft: on disk, by a new engine), another contrast. The peer transfers.
 * - warm: the same engine, yet another contrast. The peer transfers.
 * The environment is made in WEFT_PEER_VENV (default: the cache folder of the system) unless WEFT_PEER_PYTHON names an interpreter that has it all.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { engineEnvironment } from '../../../extension/engine-client/engineEnvironment';
import { root } from '../../support/mini';
import { SafetensorsFile } from '../../support/safetensors';
import { type Answer, paperSettings } from './protocol';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: 'mini' },
    steps: { type: 'string', default: '50' },
    skip: { type: 'string' },
    /** Swap guidance. At 1 (mini's default) the pass without swap has no weight: the peer makes it as its authors do, Weft does not. */
    guidance: { type: 'string', default: '3.5' },
    rounds: { type: 'string', default: '5' },
    /** Side of the latents of a full-width checkpoint. */
    latents: { type: 'string', default: '64' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    /** Only one of the programs is in memory at a time. */
    'in-turn': { type: 'boolean', default: false },
    work: { type: 'string' },
    /** Leaves out the last run, which compares final latents. */
    'skip-compare': { type: 'boolean', default: false },
  },
});
const here = import.meta.dirname;
const steps = Number(options.steps);
const skip = options.skip === undefined ? Math.floor(0.32 * steps) : Number(options.skip);
const work = options.work ?? fs.mkdtempSync(path.join(os.tmpdir(), 'weft-peer-'));
fs.mkdirSync(work, { recursive: true });
const settingsFile = path.join(work, 'settings.json');
const peerResult = path.join(work, 'peer.safetensors');

/** The interpreter with everything in requirements.txt. */
function python(): string {
  if (process.env.WEFT_PEER_PYTHON) return process.env.WEFT_PEER_PYTHON;
  const venv = process.env.WEFT_PEER_VENV ?? path.join(os.homedir(), '.cache', 'weft-bench', 'venv');
  const interpreter = path.join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const stamp = path.join(venv, 'weft-requirements.txt');
  const requirements = fs.readFileSync(path.join(here, 'requirements.txt'), 'utf8');
  if (!fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== requirements) {
    console.error(`Making the peer's environment in ${venv}: PyTorch and diffusers, several GB.`);
    execFileSync('python3', ['-m', 'venv', venv], { stdio: ['ignore', 2, 2] });
    execFileSync(interpreter, ['-m', 'pip', 'install', '-q', '-r', path.join(here, 'requirements.txt')], {
      stdio: ['ignore', 2, 2],
    });
    fs.writeFileSync(stamp, requirements);
  }
  return interpreter;
}

/** A program that answers JSON lines; knows its peak memory. */
class Program {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
      cwd: root,
    });
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async ask(request: Record<string, unknown>): Promise<Answer & { peakBytes: number }> {
    this.resetPeak();
    this.child.stdin!.write(`${JSON.stringify(request)}\n`);
    for (;;) {
      const { value, done } = (await this.lines.next()) as IteratorResult<string, undefined>;
      if (done) throw new Error(`The program ended during ${JSON.stringify(request)}.`);
      if (value.startsWith('{')) return { ...(JSON.parse(value) as Answer), peakBytes: this.peak() };
    }
  }

  private resetPeak(): void {
    if (process.platform === 'linux') fs.writeFileSync(`/proc/${this.child.pid}/clear_refs`, '5');
  }

  private peak(): number {
    if (process.platform !== 'linux') return NaN;
    const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }
}

/** A full-width checkpoint at the size asked for, imported into the bench's own home. */
async function importFolder(folder: string): Promise<string> {
  const { Engine } = await import('../../../extension/engine/engine');
  const { inProcessSessions } = await import('../../../extension/engine/onnx/session');
  const staged = path.join(work, 'staged');
  if (!fs.existsSync(staged)) {
    execFileSync('cp', ['-rl', path.join(folder, 'onnx'), staged]);
    const config = path.join(staged, 'unet', 'config.json');
    const changed = {
      ...(JSON.parse(fs.readFileSync(config, 'utf8')) as object),
      sample_size: Number(options.latents),
    };
    fs.rmSync(config);
    fs.writeFileSync(config, JSON.stringify(changed));
  }
  const engine = new Engine({
    version: 'bench',
    sessions: inProcessSessions(),
    builtInModels: path.join(root, 'models'),
    home: path.join(work, 'home'),
    emit: () => {},
  });
  const known = await engine.handlers['models.list']({});
  if (!known.some(({ id }) => id === 'fullwidth'))
    await engine.handlers['models.add']({ paths: [staged], id: 'fullwidth' });
  return 'fullwidth';
}

const median = (numbers: number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};
const seconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} s`;
const times = (value: number): string => `${value.toFixed(2)}×`;

type Case = 'cold' | 're-run' | 'warm';
const CASES: Case[] = ['cold', 're-run', 'warm'];
interface Figures {
  wall: number;
  cpu: number;
  peak: number;
}

async function main(): Promise<void> {
  const interpreter = python();
  const mini = options.model === 'mini';
  const checkpoint = mini ? 'mini' : await importFolder(options.model);
  fs.writeFileSync(settingsFile, JSON.stringify(paperSettings(steps, skip, Number(options.guidance))));
  const startOurs = (): Program =>
    new Program(process.execPath, ['--import', 'tsx', path.join(here, 'ours.ts'), checkpoint, work, settingsFile], {
      ...engineEnvironment({}),
      WEFT_THREADS: options.threads,
    });
  const startPeer = (): Program =>
    new Program(
      interpreter,
      [
        path.join(here, 'peer.py'),
        ...['--model', mini ? 'mini' : path.join(options.model, 'pytorch')],
        ...['--inputs', path.join(work, 'inputs.safetensors'), '--settings', settingsFile, '--out', peerResult],
        ...['--threads', options.threads],
      ],
      { ...PEER_ENVIRONMENT, OMP_NUM_THREADS: options.threads },
    );

  const preparing = startOurs();
  await preparing.ask({ do: 'prepare' });
  await preparing.ask({ do: 'end' });

  let ours: Program | undefined;
  let peer: Program | undefined;
  const ensureOurs = async (): Promise<Program> => {
    if (ours) return ours;
    ours = startOurs();
    await ours.ask({ do: 'load' });
    // Both are warm before the first round, where that is cheap.
    if (mini) await ours.ask({ do: 'cold' });
    return ours;
  };
  const ensurePeer = async (): Promise<Program> => {
    if (peer) return peer;
    peer = startPeer();
    await peer.ask({ do: 'load' });
    if (mini) await peer.ask({ do: 'invert' });
    return peer;
  };
  const leave = async (which: 'ours' | 'peer'): Promise<void> => {
    if (!options['in-turn']) return;
    await (which === 'ours' ? ours : peer)?.ask({ do: 'end' });
    if (which === 'ours') ours = undefined;
    else peer = undefined;
  };

  const figures: Record<Case, { ours: Figures[]; peer: Figures[] }> = {
    cold: { ours: [], peer: [] },
    're-run': { ours: [], peer: [] },
    warm: { ours: [], peer: [] },
  };
  const rows: Partial<Record<Case, { encoder: number; decoder: number }>> = {};
  const firstSight: Partial<Record<Case, number[]>> = {};
  let flops: Answer | undefined;
  let contrast = 1.2;
  for (let round = 0; round < Number(options.rounds); round++) {
    const weft = await ensureOurs();
    const note = (name: Case, answer: Awaited<ReturnType<Program['ask']>>): void => {
      figures[name].ours.push({ wall: answer.seconds, cpu: answer.cpu, peak: answer.peakBytes });
      rows[name] = answer.rows;
      if (answer.firstSight !== undefined) (firstSight[name] ??= []).push(answer.firstSight);
    };
    note('cold', await weft.ask({ do: 'cold' }));
    console.error(`round ${round + 1}: cold ${seconds(figures.cold.ours.at(-1)!.wall)}`);
    note('re-run', await weft.ask({ do: 'rerun', contrast: (contrast += 0.01) }));
    note('warm', await weft.ask({ do: 'warm', contrast: (contrast += 0.01) }));
    await leave('ours');
    const other = await ensurePeer();
    const inverted = await other.ask({ do: 'invert' });
    const transferred = await other.ask({ do: 'transfer', contrast: 1.67 });
    flops ??= await other.ask({ do: 'flops' });
    await leave('peer');
    const alone = { wall: transferred.seconds, cpu: transferred.cpu, peak: transferred.peakBytes };
    figures.cold.peer.push({
      wall: alone.wall + inverted.seconds,
      cpu: alone.cpu + inverted.cpu,
      peak: Math.max(alone.peak, inverted.peakBytes),
    });
    figures['re-run'].peer.push(alone);
    figures.warm.peer.push(alone);
    console.error(
      `round ${round + 1}: ${CASES.map((name) => `${name} ${seconds(figures[name].ours.at(-1)!.wall)} against ${seconds(figures[name].peer.at(-1)!.wall)}`).join(', ')}`,
    );
  }

  await peer?.ask({ do: 'end' });
  await ours?.ask({ do: 'end' });
  const [whole, decoder] = [flops!.total!, flops!.decoder!];
  const loops = steps - skip;
  const theirs: Record<Case, number> = {
    cold: (4 * steps + 6 * loops) * whole,
    're-run': 6 * loops * whole,
    warm: 6 * loops * whole,
  };

  console.log(
    `${checkpoint}, T = ${steps}, s = ${skip}, swap guidance ${options.guidance}, ${options.threads} threads, latents ${JSON.parse(fs.readFileSync(settingsFile, 'utf8')).latentSize}², ` +
      `${options.rounds} rounds; one evaluation: ${(whole / 1e9).toFixed(2)} GFLOP, of which the decoder ${(decoder / 1e9).toFixed(2)}`,
  );
  console.log(
    '| case | peer | Weft | wall time | processor time | operations | peak memory, peer → Weft | rows | first sight |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const name of CASES) {
    const { ours: mine, peer: others } = figures[name];
    const ratio = (of: keyof Figures): number => median(mine.map((one, round) => others[round]![of] / one[of]));
    const of = (list: Figures[], what: keyof Figures): number => median(list.map((one) => one[what]));
    const { encoder, decoder: decoders } = rows[name]!;
    const work = encoder * (whole - decoder) + decoders * decoder;
    const memory = (list: Figures[]): string => `${(of(list, 'peak') / 2 ** 20).toFixed(0)}`;
    console.log(
      `| ${name} | ${seconds(of(others, 'wall'))} | ${seconds(of(mine, 'wall'))} | ${times(ratio('wall'))} | ${times(ratio('cpu'))} | ` +
        `${times(theirs[name] / work)} | ${memory(others)} → ${memory(mine)} MiB | ${encoder} + ${decoders} | ` +
        `${firstSight[name] ? seconds(median(firstSight[name])) : ''} |`,
    );
  }
  if (!options['skip-compare']) await compare(startOurs);
  if (!options.work) fs.rmSync(work, { recursive: true, force: true });
}

/** Weft once more, with the peer's masks (K-means labels never agree to the pixel): how far the final latents are apart. */
async function compare(start: () => Program): Promise<void> {
  const theirs = new SafetensorsFile(peerResult);
  const masked = theirs.has('structure.mask');
  if (masked) {
    for (const side of ['structure', 'appearance']) {
      const { data, shape } = theirs.get(`${side}.mask`);
      const pixels = Uint8Array.from(data, (value) => (value > 0 ? 255 : 0));
      await sharp(pixels, { raw: { width: shape[1]!, height: shape[0]!, channels: 1 } })
        .png()
        .toFile(path.join(work, `${side}-mask.png`));
    }
  } else {
    const settings = JSON.parse(fs.readFileSync(settingsFile, 'utf8')) as object;
    fs.writeFileSync(settingsFile, JSON.stringify({ ...settings, masked: false }));
  }
  const program = start();
  const to = path.join(work, 'ours.safetensors');
  await program.ask({ do: 'compare', to, givenMasks: masked });
  await program.ask({ do: 'end' });
  const [a, b] = [new SafetensorsFile(to).floats('latents'), theirs.floats('latents')];
  let most = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  console.log(
    `final latents: largest difference ${most.toExponential(1)} of ${size.toFixed(1)} (${masked ? "with the peer's masks" : 'without masks: none was found'})`,
  );
}

/** The same allocator settings as Weft's engine has; and threads that sleep at a barrier, or a shared machine would be measured spinning. */
const PEER_ENVIRONMENT: NodeJS.ProcessEnv = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '40000000000',
  OMP_WAIT_POLICY: 'PASSIVE',
  // diffusers loads onnxruntime where it is installed.
  ORT_DISABLE_TELEMETRY: '1',
};

void main();
