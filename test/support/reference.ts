/**
 * A folder of reference numbers laid out like the authors' program dumped them (onnx/, scheduler/, tokenizer/, run*.json with
 * run*.safetensors), replayed through the ordinary executors with its x0, noise and embeddings injected.
 * Batches in it are in the order O, A, S.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { Engine } from '../../extension/engine/engine';
import { type Trajectory } from '../../extension/engine/pipeline/trajectory';
import { createScheduler } from '../../extension/engine/diffusion/scheduler';
import { loadPicture } from '../../extension/engine/image/load';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { type Injected } from '../../extension/engine/execution/context';
import { type GraphDocument, writeGraph } from '../../extension/graph';
import { SafetensorsFile } from './safetensors';

export interface ReferenceConfig {
  domain_name: string;
  prompt: string;
  seed: number;
  num_timesteps: number;
  skip_steps: number;
  use_masked_adain: boolean;
  cross_attn_64_range: [number, number];
  cross_attn_32_range: [number, number];
  adain_range: [number, number];
  swap_guidance_scale: number;
  contrast_strength: number;
}

/** Largest absolute difference of one tensor, and what it may be. */
export interface Difference {
  key: string;
  difference: number;
  tolerance: number;
  /** How it was measured, where that is not plain. */
  note?: string;
}

/** The authors count these in steps, whatever T is. */
const STRUCTURE_UNTIL = 40;
const STRUCTURE_EVERY = 5;
const INVERSION_GUIDANCE = 3.5;

/** JSON as Python writes it: NaN and Infinity stand bare. */
export function parsePythonJson(text: string): unknown {
  return JSON.parse(text.replace(/(?<=[:[,]\s*)(-?Infinity|NaN)(?=\s*[,\]}])/g, 'null'));
}

/** The folder's runs by name (runA, runB, …). */
export function runsOf(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter(
      (name) => /^run.*\.json$/.test(name) && fs.existsSync(path.join(folder, name.replace(/json$/, 'safetensors'))),
    )
    .map((name) => name.replace(/\.json$/, ''))
    .sort();
}

export function unetsOf(folder: string): string[] {
  const onnx = path.join(folder, 'onnx');
  return fs
    .readdirSync(onnx)
    .filter((name) => /^unet.*\.onnx$/.test(name))
    .sort()
    .map((name) => path.join(onnx, name));
}

/** Puts an ordinary Stable Diffusion folder together from the reference's parts. */
function stage(folder: string, unet: string, target: string): void {
  const link = (from: string, to: string): void => {
    const place = path.join(target, to);
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.copyFileSync(from, place);
  };
  const onnx = path.join(folder, 'onnx');
  const part = (pattern: RegExp): string => {
    const found = fs
      .readdirSync(onnx)
      .filter((name) => pattern.test(name))
      .sort()[0];
    if (!found) throw new Error(`${onnx} has no file like ${pattern.source}.`);
    return path.join(onnx, found);
  };
  /** A model with the files of weights that lie beside it (external data). */
  const linkModel = (model: string, name: string): void => {
    link(model, `${name}/model.onnx`);
    for (const entry of fs.readdirSync(path.dirname(model), { withFileTypes: true })) {
      if (entry.isFile() && !entry.name.endsWith('.onnx'))
        link(path.join(path.dirname(model), entry.name), `${name}/${entry.name}`);
    }
  };
  linkModel(unet, 'unet');
  linkModel(part(/^vae_encoder.*\.onnx$/), 'vae_encoder');
  linkModel(part(/^vae_decoder.*\.onnx$/), 'vae_decoder');
  linkModel(part(/^text_encoder.*\.onnx$/), 'text_encoder');
  for (const name of fs.readdirSync(path.join(folder, 'tokenizer')))
    link(path.join(folder, 'tokenizer', name), `tokenizer/${name}`);
  link(path.join(folder, 'scheduler', 'scheduler_config.json'), 'scheduler/scheduler_config.json');
  if (fs.existsSync(path.join(folder, 'unet_config.json')))
    link(path.join(folder, 'unet_config.json'), 'unet/config.json');
}

/**
 * Replays runs with one UNet and compares everything the folder holds of them. Runs that start from the same inversions share them.
 */
export async function compareRuns(
  folder: string,
  runNames: string[],
  unet: string,
): Promise<Map<string, Difference[]>> {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-reference-'));
  try {
    const checkpoint = path.join(work, 'checkpoint');
    stage(folder, unet, checkpoint);
    const engine = new Engine({
      version: 'check',
      sessions: inProcessSessions(),
      builtInModels: path.join(work, 'none'),
      home: path.join(work, 'home'),
      emit: () => {},
    });
    await engine.handlers['models.add']({ paths: [checkpoint], id: 'reference' });
    const traced = new Traced();
    const results = new Map<string, Difference[]>();
    for (const runName of runNames) {
      traced.output.clear();
      results.set(runName, await new Replay(folder, runName, work, engine, traced).compare());
    }
    return results;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

class Replay {
  private readonly config: ReferenceConfig;
  private readonly tensors: SafetensorsFile;
  /** Where x0 and noise come from: this run, or another of the same pictures and schedule whose inversion it starts from. */
  private readonly inversionFile: SafetensorsFile | undefined;
  private readonly differences: Difference[] = [];

  constructor(
    private readonly folder: string,
    runName: string,
    private readonly work: string,
    private readonly engine: Engine,
    private readonly traced: Traced,
  ) {
    const configOf = (name: string): ReferenceConfig =>
      (parsePythonJson(fs.readFileSync(path.join(folder, `${name}.json`), 'utf8')) as { config: ReferenceConfig })
        .config;
    const file = (name: string): SafetensorsFile => new SafetensorsFile(path.join(folder, `${name}.safetensors`));
    this.config = configOf(runName);
    this.tensors = file(runName);
    const sameInversion = (name: string): boolean => {
      const other = configOf(name);
      return (['seed', 'num_timesteps', 'skip_steps', 'prompt', 'domain_name'] as const).every(
        (key) => other[key] === this.config[key],
      );
    };
    const complete = (candidate: SafetensorsFile): boolean =>
      candidate.has('inv_app_x0') && candidate.has('inv_app_noise_draw_order');
    this.inversionFile = [runName, ...runsOf(folder).filter(sameInversion)].map(file).find(complete);
  }

  async compare(): Promise<Difference[]> {
    const { engine, traced } = this;
    const graph = this.graph();
    const graphPath = path.join(this.work, 'reference.weft.json');
    await this.writePictures();
    const run = await engine.run(
      {
        runId: 'reference',
        graphText: writeGraph(graph),
        graphPath,
        outDir: path.join(this.work, 'out'),
      },
      { ...this.injected(), complete: true, trace: traced.ofOutput, trajectoryTrace: traced.ofTrajectory },
    );
    const inversions = ['invert-appearance', 'invert-structure'].map((id) => run.values.get(id)!['inversion']!);
    const [appearance, structure] = inversions.map((value) => (value as { trajectory: Trajectory }).trajectory) as [
      Trajectory,
      Trajectory,
    ];
    this.compareScheduler(structure);
    this.compareInversion('app', appearance, traced);
    this.compareInversion('struct', structure, traced);
    this.compareIterations(traced, appearance, structure);
    await this.compareFrozenParts(engine);
    return this.differences;
  }

  private floats(name: string): Float32Array | undefined {
    return this.tensors.has(name) ? this.tensors.floats(name) : undefined;
  }

  private add(
    key: string,
    ours: ArrayLike<number> | undefined,
    theirs: ArrayLike<number> | undefined,
    tolerance = 1e-4,
    note?: string,
  ): void {
    if (!theirs) return;
    let difference = ours && ours.length === theirs.length ? 0 : Infinity;
    for (let i = 0; ours && i < theirs.length; i++) {
      const delta = Math.abs(ours[i]! - theirs[i]!);
      // NaN on our side is a difference, whatever the comparison says.
      if (!(delta <= difference)) difference = Number.isNaN(delta) ? Infinity : delta;
    }
    this.differences.push({ key, difference, tolerance, ...(note ? { note } : {}) });
  }

  /** The run's settings as a graph. A boundary at step k is written half a step before it: per cent of T without rounding. */
  private graph(): GraphDocument {
    const { config } = this;
    const steps = config.num_timesteps;
    const percent = (step: number): number => Math.min(100, Math.max(0, (100 * (step - 0.5)) / steps));
    const range = ([from, to]: [number, number]): [number, number] => [
      from === 0 ? 0 : percent(from),
      to >= steps ? 100 : percent(to),
    ];
    const masked = config.use_masked_adain;
    const nodes: GraphDocument['nodes'] = {
      structure: { type: 'image', params: { path: 'structure.png' } },
      appearance: { type: 'image', params: { path: 'appearance.png' } },
      model: { type: 'checkpoint', params: { id: 'reference' } },
      freeu: { type: 'freeu', inputs: { checkpoint: 'model.checkpoint' } },
      prompt: { type: 'prompt', params: { domain: config.domain_name, text: config.prompt } },
      schedule: { type: 'schedule', params: { steps, skip: config.skip_steps, seed: config.seed } },
      swap: {
        type: 'attention-swap',
        inputs: { structure: 'invert-structure.inversion', appearance: ['invert-appearance.inversion'] },
        params: {
          higherRange: range(config.cross_attn_64_range),
          lowerRange: range(config.cross_attn_32_range),
          structureEvery: STRUCTURE_EVERY,
          structureUntil: steps <= STRUCTURE_UNTIL ? 100 : percent(STRUCTURE_UNTIL),
          contrast: config.contrast_strength,
        },
      },
      adain: {
        type: 'adain',
        inputs: {
          transfer: 'swap.transfer',
          ...(masked ? { structureMask: 'mask-structure.mask', appearanceMask: 'mask-appearance.mask' } : {}),
        },
        params: { range: range(config.adain_range) },
      },
      guidance: {
        type: 'guidance',
        inputs: { transfer: 'adain.transfer' },
        params: { scale: config.swap_guidance_scale, endScale: Math.max(config.swap_guidance_scale / 2, 1) },
      },
      denoise: { type: 'denoise', inputs: { transfer: 'guidance.transfer' } },
    };
    for (const side of ['structure', 'appearance']) {
      nodes[`invert-${side}`] = {
        type: 'invert',
        inputs: {
          image: `${side}.image`,
          checkpoint: 'freeu.checkpoint',
          prompt: 'prompt.prompt',
          schedule: 'schedule.schedule',
        },
        params: { guidanceScale: INVERSION_GUIDANCE },
      };
      if (masked) nodes[`mask-${side}`] = { type: 'mask-image', params: { path: `mask-${side}.png` } };
    }
    return { weft: 1, nodes };
  }

  /** The pictures' latents are injected, so any picture will do; the masks are the reference's own, one pixel a latent. */
  private async writePictures(): Promise<void> {
    for (const [side, mask] of [
      ['structure', 'mask_struct_64'],
      ['appearance', 'mask_style_64'],
    ] as const) {
      const grey = {
        create: { width: 8, height: 8, channels: 3 as const, background: side === 'structure' ? '#444444' : '#bbbbbb' },
      };
      await sharp(grey)
        .png()
        .toFile(path.join(this.work, `${side}.png`));
      if (!this.config.use_masked_adain) continue;
      const values = this.tensors.get(mask);
      const [height, width] = values.shape as [number, number];
      const pixels = Uint8Array.from(values.data, (value) => (value > 0 ? 255 : 0));
      await sharp(pixels, { raw: { width, height, channels: 1 } })
        .png()
        .toFile(path.join(this.work, `mask-${side}.png`));
    }
  }

  private injected(): Injected {
    const { config, tensors, inversionFile } = this;
    const role = (imageNode: string): 'struct' | 'app' => (imageNode === 'structure' ? 'struct' : 'app');
    const contexts = new Map<string, Float32Array>();
    const prompt = [tensors, inversionFile].find((file) => file?.has('emb_prompt'))?.floats('emb_prompt');
    const empty = [tensors, inversionFile].find((file) => file?.has('emb_uncond'))?.floats('emb_uncond');
    const batch = this.floats('tr_prompt_embeds');
    if (prompt ?? batch) contexts.set(config.prompt, prompt ?? batch!.slice(0, batch!.length / 3));
    if (empty) contexts.set('', empty);
    const context = (text: string): Float32Array | undefined => contexts.get(text);
    if (!inversionFile) {
      const start = tensors.floats('tr_init_latents');
      const size = start.length / 3;
      return {
        context,
        x0: () => new Float32Array(size),
        inversion: (node) => {
          const zs = tensors.floats(role(node) === 'struct' ? 'tr_zs_struct' : 'tr_zs_style');
          const count = config.num_timesteps - config.skip_steps;
          const row = role(node) === 'struct' ? 2 : 1;
          return {
            start: start.slice(row * size, (row + 1) * size),
            noiseMaps: Array.from({ length: count }, (_, step) => zs.slice(step * size, (step + 1) * size)),
          };
        },
      };
    }
    const scheduler = createScheduler(schedulerConfig(this.folder), config.num_timesteps);
    return {
      context,
      x0: (node) => inversionFile.floats(`inv_${role(node)}_x0`),
      noise: (node, timestep) => {
        const draws = inversionFile.floats(`inv_${role(node)}_noise_draw_order`);
        const size = inversionFile.floats(`inv_${role(node)}_x0`).length;
        // Draw d was used for index T − 1 − d.
        const draw = config.num_timesteps - 1 - scheduler.timesteps.indexOf(timestep);
        return draws.slice(draw * size, (draw + 1) * size);
      },
    };
  }

  private compareScheduler(structure: Trajectory): void {
    const { scheduler } = structure;
    this.add('timesteps', scheduler.timesteps, this.floats('timesteps'), 0);
    const alphas = this.floats('alphas_cumprod');
    this.add(
      'alphas_cumprod',
      alphas?.map((_, timestep) => scheduler.alphaBar(timestep)),
      alphas,
    );
  }

  private compareInversion(role: 'app' | 'struct', trajectory: Trajectory, traced: Traced): void {
    const { config } = this;
    const of = (name: string, index: number): Float32Array | undefined =>
      traced.trajectories.get(trajectory.referenceKey)?.get(`${name} ${index - config.skip_steps}`);
    const zs = this.floats(`inv_${role}_zs`) ?? undefined;
    const size = trajectory.source.x0.length;
    for (let index = config.skip_steps; zs && index < config.num_timesteps - 1; index++) {
      this.add(`inv_${role}_zs[${index}]`, of('z', index), zs.slice(index * size, (index + 1) * size));
    }
    for (const name of this.tensors.names) {
      const match = new RegExp(`^inv_${role}_eps_(cond|uncond)_t(\\d+)$`).exec(name);
      if (!match) continue;
      const index = trajectory.scheduler.timesteps.indexOf(Number(match[2]));
      // Skipped steps are not inverted: there is nothing to compare.
      if (index < config.skip_steps || index >= config.num_timesteps - 1) continue;
      this.add(name, of(match[1] === 'cond' ? 'conditional' : 'unconditional', index), this.floats(name));
    }
  }

  /** Predictions and latents of every iteration; O, A and S each, as far as the engine computes them. */
  private compareIterations(traced: Traced, appearance: Trajectory, structure: Trajectory): void {
    const { config } = this;
    const own = (trajectory: Trajectory, name: string, step: number): Float32Array | undefined =>
      traced.trajectories.get(trajectory.referenceKey)?.get(`${name} ${step}`);
    const compare = (key: string, parts: (Float32Array | undefined)[]): void => {
      const theirs = this.floats(key);
      if (!theirs) return;
      const size = theirs.length / 3;
      parts.forEach((ours, row) => this.add(`${key}[${'OAS'[row]}]`, ours, theirs.slice(row * size, (row + 1) * size)));
    };
    const count = config.num_timesteps - config.skip_steps;
    for (let step = 0; step < count; step++) {
      const name = String(step).padStart(3, '0');
      const [ofA, ofS] = [own(appearance, 'epsilon', step), own(structure, 'epsilon', step)];
      // Before anything acts on it, O is S and is not computed.
      compare(`tr_eps_swap_${name}`, [traced.output.get(`swap ${step}`) ?? ofS, ofA, ofS]);
      compare(`tr_eps_noswap_${name}`, [traced.output.get(`noswap ${step}`) ?? ofS, ofA, ofS]);
      const [nextA, nextS] = [own(appearance, 'next', step), own(structure, 'next', step)];
      compare(`tr_lat_${name}_ddpm`, [traced.output.get(`ddpm ${step}`), nextA, nextS]);
      compare(`tr_lat_${name}_cb`, [traced.output.get(`adain ${step}`), nextA, nextS]);
    }
    const last = count - 1;
    compare('tr_final_latents', [
      traced.output.get(`adain ${last}`) ?? traced.output.get(`ddpm ${last}`),
      own(appearance, 'next', last),
      own(structure, 'next', last),
    ]);
    this.output = traced.output.get(`adain ${last}`) ?? traced.output.get(`ddpm ${last}`);
  }

  private output: Float32Array | undefined;

  /** Text encoder and VAE, which the replay itself bypasses. */
  private async compareFrozenParts(engine: Engine): Promise<void> {
    const { config, inversionFile } = this;
    const checkpoint = await engine.checkpoint('reference', 'cpu');
    const store = engine.scratch();
    const embeddings: [string, string][] = [
      ['emb_prompt', config.prompt],
      ['emb_uncond', ''],
    ];
    for (const [key, text] of embeddings) this.add(key, await checkpoint.embed(text, store), this.floats(key));
    for (const [key, image] of [
      ['inv_struct_x0', 'in_struct.png'],
      ['inv_app_x0', 'in_style.png'],
    ] as const) {
      const file = path.join(this.folder, 'images', image);
      if (!inversionFile?.has(key) || !fs.existsSync(file)) continue;
      const { rgb } = await loadPicture(fs.readFileSync(file), checkpoint.size, path.basename(file));
      this.add(key, await checkpoint.encode(rgb, store), inversionFile.floats(key), 1e-3);
    }
    const decoded = this.floats('tr_decoded');
    const final = this.floats('tr_final_latents');
    if (decoded && final && this.output) {
      const theirs = decoded.slice(0, decoded.length / 3);
      const alone = await checkpoint.decode(final.slice(0, final.length / 3), 'their latents', store);
      const { pixels } = await checkpoint.decode(this.output, 'our latents', store);
      // The decoder as it came, on their latents: PyTorch's kernels are up to 1.06e-3 from onnxruntime's here, whose own agree to 5e-5
      // with and without optimised graphs.
      const note = 'beyond half the spacing of the float16 dump';
      this.add('tr_decoded[O], their latents', beyondHalf(alone.pixels, theirs), theirs, 2e-3, note);
      this.add('tr_decoded[O], our latents against theirs', pixels, alone.pixels, 1e-3);
    }
  }
}

/** Values in float32 next to ones kept in float16: what rounding to those takes away (half their spacing) is not a difference. */
function beyondHalf(ours: Float32Array, halves: Float32Array): Float32Array {
  return ours.map((value, i) => {
    const kept = halves[i]!;
    const spacing = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(kept), 2 ** -14))) - 10);
    const delta = value - kept;
    return kept + Math.sign(delta) * Math.max(0, Math.abs(delta) - spacing / 2);
  });
}

function schedulerConfig(folder: string): Parameters<typeof createScheduler>[0] {
  return JSON.parse(fs.readFileSync(path.join(folder, 'scheduler', 'scheduler_config.json'), 'utf8')) as Parameters<
    typeof createScheduler
  >[0];
}

/** Everything the executors say while they run. */
class Traced {
  readonly output = new Map<string, Float32Array>();
  /** By the key of the trajectory's reference pass: runs that share it compute it once. */
  readonly trajectories = new Map<string, Map<string, Float32Array>>();

  readonly ofOutput: NonNullable<Injected['trace']> = (name, step, values) =>
    void this.output.set(`${name} ${step}`, values.slice());

  readonly ofTrajectory: NonNullable<Injected['trajectoryTrace']> = (name, trajectory, step, values) => {
    const known = this.trajectories.get(trajectory.referenceKey) ?? new Map<string, Float32Array>();
    this.trajectories.set(trajectory.referenceKey, known.set(`${name} ${step}`, values.slice()));
  };
}
