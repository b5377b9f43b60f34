import { fromBinary } from '@bufbuild/protobuf';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { clipSkipProblem } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { weightForm } from '../checkpoints/memoryNeed';
import { requirePart, weightsOf } from '../checkpoints/stored';
import { type PreparedCheckpoint } from '../checkpoints/types';
import { graphBytes, mergedGraph } from '../checkpoints/withLoras';
import { leaveOutLayers, mostClipSkip } from '../onnx/clipSkip';
import { edited } from '../onnx/derivedGraph';
import { Graph } from '../onnx/graph';
import { modelBytes, type OnnxModel, readModel } from '../onnx/modelFile';
import { ModelProtoSchema } from '../onnx/proto/onnx_pb';
import { lowMemoryGraph, weightsAsInputs } from '../onnx/surgery/lowMemory';
import { SURGERY_VERSION } from '../onnx/surgery/rewriteUnet';
import { needsParts, unfuse, unfusedGraph } from '../onnx/surgery/unfuseAttention';
import { type BatchCounts } from '../diffusion/unet';
import { scratchFolder } from '../scratch';
import { type MemoryLimit, WorkingMemory } from './workingMemory';
import { type Placement, type SessionHost, type TensorData, type WeightForm } from '../onnx/types';

export type Part = 'textEncoder' | 'vaeEncoder' | 'vaeDecoder' | 'unet';

/** A part as it is opened: the text encoder also without its last layers, so many. */
type Opened = Part | `textEncoder-${number}`;

const partOf = (opened: Opened): Part => opened.split('-')[0] as Part;
const clipSkipOf = (opened: Opened): number => Number(opened.split('-')[1] ?? 0);

/** How checkpoint.json names the weights of each part. */
const WEIGHTS: Record<Part, string> = {
  textEncoder: 'text_encoder',
  vaeEncoder: 'vae_encoder',
  vaeDecoder: 'vae_decoder',
  unet: 'unet',
};

/** Parts with weights beyond this are closed when their work is done; smaller ones are not worth opening twice. */
const WORTH_CLOSING = 64e6;

/** The onnxruntime sessions of a checkpoint, each opened when first needed, closed when it is idle and large. */
export class CheckpointParts {
  readonly counts: BatchCounts = { encoder: 0, decoder: 0 };
  readonly memory: WorkingMemory;
  /** How the weights are held. */
  readonly form?: WeightForm;
  private readonly opened = new Map<Opened, Promise<string>>();
  /** Runs under way or about to be, and parts to close after them. */
  private readonly busy = new Map<Opened, number>();
  private readonly closing = new Set<Opened>();
  /** Where the nodes of closed sessions ran. */
  private readonly closed = new Map<Opened, Placement>();
  /** Files of weights with LoRAs. */
  private readonly merged = new Map<Opened, string>();

  constructor(
    readonly prepared: PreparedCheckpoint,
    readonly sessions: SessionHost,
    readonly provider: string,
    readonly threads?: number,
    /** Weft's folder. Without it no optimised graphs are kept, and weights with LoRAs lie in the system's temporary folder. */
    private readonly home?: string,
    limit?: MemoryLimit,
  ) {
    this.memory = new WorkingMemory(provider, limit);
    this.form = weightForm(prepared.loras?.of ?? prepared, provider);
  }

  /** Opens and closes every part, unoptimised: proof that onnxruntime takes the files. */
  async tryAll(): Promise<void> {
    for (const part of Object.keys(WEIGHTS) as Part[]) {
      const key = `${this.keyOf(part)}/trial`;
      const { provider, threads } = this;
      const { model, weights } = await this.modelOf(part);
      await this.sessions.load(key, model, { provider, threads, optimise: false, weights });
      await this.sessions.release(key);
    }
  }

  private keyOf(part: Opened): string {
    return `${this.prepared.sha256}/${this.provider}/${this.form ?? ''}/${part}`;
  }

  /** A part's graph, the folder of its weights if they don't lie beside it, and how they are held. */
  private async modelOf(opened: Opened): Promise<{ model: string | Uint8Array; weights?: string; form?: WeightForm }> {
    const part = partOf(opened);
    await requirePart(this.prepared, WEIGHTS[part]);
    const file = path.join(this.prepared.folder, this.prepared[part].path);
    const { form } = this;
    const clipSkip = clipSkipOf(opened);
    const isVae = part === 'vaeEncoder' || part === 'vaeDecoder';
    const own = isVae ? this.prepared.vae?.graphs[part] : undefined;
    const loras = isVae ? undefined : this.prepared.loras;
    let weights = weightsOf(loras?.of ?? this.prepared, WEIGHTS[part]);
    // Fused operators are surgery's, in the UNet, or the emitter's.
    const fused = needsParts(this.provider) && (part === 'unet' || weights !== undefined);
    if (own === undefined && clipSkip === 0 && loras === undefined) {
      const low = form === 'low-memory';
      return { model: await (fused ? unfusedGraph(file) : low ? lowMemoryGraph(file) : file), weights, form };
    }
    const loraPart = part === 'unet' ? 'unet' : 'text_encoder';
    let bytes: Uint8Array;
    if (own !== undefined) bytes = own;
    else if (clipSkip > 0) bytes = await this.shortened(file, clipSkip, weights);
    else bytes = await graphBytes(loras?.of ?? this.prepared, loraPart, file);
    if (loras !== undefined) {
      const { sessions, threads } = this;
      const target = this.mergedFile(opened);
      const options = { folder: weights ?? path.dirname(file), target, sessions, threads };
      bytes = await mergedGraph(bytes, loraPart, this.prepared, options);
      weights = path.dirname(target);
    }
    const edit = fused ? unfuse : form === 'low-memory' ? weightsAsInputs : undefined;
    return {
      model: edit === undefined ? bytes : edited(bytes, edit),
      weights: weights ?? path.dirname(file),
      form,
    };
  }

  /** A place for a part's weights with LoRAs. */
  private mergedFile(opened: Opened): string {
    const folder = this.home === undefined ? fs.mkdtempSync(path.join(os.tmpdir(), 'weft-')) : scratchFolder(this.home);
    if (this.merged.size === 0) process.once('exit', this.removeAllMerged);
    this.merged.set(opened, path.join(folder, `${opened}.weights`));
    return this.merged.get(opened)!;
  }

  private removeMerged(opened: Opened): void {
    const file = this.merged.get(opened);
    if (file === undefined) return;
    this.merged.delete(opened);
    if (this.merged.size === 0) process.off('exit', this.removeAllMerged);
    try {
      fs.rmSync(path.dirname(file), { recursive: true, force: true });
    } catch {
      // Windows keeps what is mapped: a later start removes it.
    }
  }

  private readonly removeAllMerged = (): void => {
    for (const opened of [...this.merged.keys()]) this.removeMerged(opened);
  };

  /** The text encoder without its last layers. `weights`: where those of an emitted graph are. */
  private async shortened(file: string, clipSkip: number, weights: string | undefined): Promise<Uint8Array> {
    // The graph alone, whose weights another folder has; or a model, whose weights may lie in the same file.
    const model: OnnxModel =
      weights === undefined
        ? readModel(file)
        : { path: file, proto: fromBinary(ModelProtoSchema, await fs.promises.readFile(file)), weights: [] };
    const graph = new Graph(model.proto);
    const problem = clipSkipProblem({ id: this.prepared.id, clipSkip: mostClipSkip(graph) }, clipSkip);
    if (problem !== undefined) throw new WeftError('graph', problem);
    leaveOutLayers(graph, clipSkip);
    return modelBytes(model, weights ?? path.dirname(file));
  }

  /** The key of a part's session. */
  open(part: Opened): Promise<string> {
    this.closing.delete(part);
    let opening = this.opened.get(part);
    if (!opening) {
      // The other parts are the same with any VAE.
      const sha256 = this.prepared.vae?.of ?? this.prepared.sha256;
      const key = this.keyOf(part);
      const { provider, threads } = this;
      opening = this.modelOf(part)
        .then(({ model, weights, form }) => {
          // An optimised graph comes with a copy of its weights: worth it where they are small and laid out anew, and not of those read in place.
          const keeps = weights === undefined && form === undefined && this.home !== undefined;
          // What the graph of a UNet is called with is not in the checkpoint's digest.
          const name = `${sha256.slice(0, 16)}-${part}${part === 'unet' ? `-${SURGERY_VERSION}` : ''}`;
          return this.sessions.load(key, model, {
            provider,
            threads,
            ...(form === undefined ? {} : { keepLayout: true }),
            ...(weights === undefined ? {} : { weights }),
            ...(keeps ? { optimised: { folder: path.join(this.home!, 'optimised'), name } } : {}),
          });
        })
        .then(() => {
          // Others have read them, and the system has not written them to the disk yet.
          if (this.form !== 'low-memory') this.removeMerged(part);
          return key;
        });
      opening.catch(() => {
        this.opened.delete(part);
        this.removeMerged(part);
      });
      this.opened.set(part, opening);
    }
    return opening;
  }

  /** Runs a part, which stays open at least until it has answered. */
  async run(part: Opened, feeds: Record<string, TensorData>, fetches: string[]): Promise<Record<string, TensorData>> {
    this.busy.set(part, (this.busy.get(part) ?? 0) + 1);
    try {
      return await this.sessions.run(await this.open(part), feeds, fetches);
    } finally {
      this.busy.set(part, this.busy.get(part)! - 1);
      if (this.closing.has(part)) await this.close(part);
    }
  }

  /** Whether a part is worth closing when its work is done. */
  isLarge(part: Part): boolean {
    const { half = 0, single = 0 } = this.prepared.parameters?.[WEIGHTS[part]] ?? {};
    return 2 * half + 4 * single >= WORTH_CLOSING;
  }

  /** Says that a part is not needed for now: a large one gives its memory back, and is opened again when asked for. */
  async idle(part: Part): Promise<void> {
    if (!this.isLarge(part)) return;
    for (const opened of [...this.opened.keys()].filter((each) => partOf(each) === part)) {
      this.closing.add(opened);
      await this.close(opened);
    }
  }

  /** Closes every part that is open, when its work is done. */
  async closeAll(): Promise<void> {
    for (const part of [...this.opened.keys()]) {
      this.closing.add(part);
      await this.close(part);
    }
  }

  private async close(part: Opened): Promise<void> {
    if ((this.busy.get(part) ?? 0) > 0) return;
    this.closing.delete(part);
    const opening = this.opened.get(part);
    this.opened.delete(part);
    const key = await opening?.catch(() => undefined);
    if (key === undefined) return;
    const placement = this.sessions.placement(key);
    if (placement) this.closed.set(part, placement);
    await this.sessions.release(key);
    this.removeMerged(part);
  }

  /** Nodes by the provider that ran them, over all sessions that have run. */
  async placement(): Promise<Placement> {
    const all: Placement = {};
    const parts = new Map(this.closed);
    for (const [part, opening] of this.opened) {
      const key = await opening.catch(() => undefined);
      const placement = key && this.sessions.placement(key);
      if (placement) parts.set(part, placement);
    }
    for (const placement of parts.values())
      for (const [provider, count] of Object.entries(placement)) all[provider] = (all[provider] ?? 0) + count;
    return all;
  }
}
