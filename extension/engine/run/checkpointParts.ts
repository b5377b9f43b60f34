import * as path from 'node:path';
import { weightForm } from '../checkpoints/memoryNeed';
import { requirePart, weightsOf } from '../checkpoints/stored';
import { type PreparedCheckpoint } from '../checkpoints/types';
import { lowMemoryGraph } from '../onnx/surgery/lowMemory';
import { needsParts, unfusedGraph } from '../onnx/surgery/unfuseAttention';
import { type RowCounts } from '../diffusion/unet';
import { type MemoryLimit, WorkingMemory } from './workingMemory';
import { type Placement, type SessionHost, type TensorData, type WeightForm } from '../onnx/types';

export type Part = 'textEncoder' | 'vaeEncoder' | 'vaeDecoder' | 'unet';

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
  readonly counts: RowCounts = { encoder: 0, decoder: 0 };
  readonly memory: WorkingMemory;
  /** How the weights are held. */
  readonly form?: WeightForm;
  private readonly opened = new Map<Part, Promise<string>>();
  /** Runs under way or about to be, and parts to close after them. */
  private readonly busy = new Map<Part, number>();
  private readonly closing = new Set<Part>();
  /** Where the nodes of closed sessions ran. */
  private readonly closed = new Map<Part, Placement>();

  constructor(
    readonly prepared: PreparedCheckpoint,
    readonly sessions: SessionHost,
    readonly provider: string,
    readonly threads?: number,
    /** Folder of onnxruntime's optimised graphs. */
    private readonly optimised?: string,
    limit?: MemoryLimit,
  ) {
    this.memory = new WorkingMemory(provider, limit);
    this.form = weightForm(prepared, provider);
  }

  /** Opens and closes every part, unoptimised: proof that onnxruntime takes the files. */
  async tryAll(): Promise<void> {
    for (const part of Object.keys(WEIGHTS) as Part[]) {
      const key = `${this.keyOf(part)}/trial`;
      const { provider, threads } = this;
      await this.sessions.load(key, await this.fileOf(part), {
        provider,
        threads,
        optimise: false,
        ...this.weightsOf(part),
      });
      await this.sessions.release(key);
    }
  }

  private keyOf(part: Part): string {
    return `${this.prepared.sha256}/${this.provider}/${this.form ?? ''}/${part}`;
  }

  private async fileOf(part: Part): Promise<string> {
    await requirePart(this.prepared, WEIGHTS[part]);
    const file = path.join(this.prepared.folder, this.prepared[part].path);
    // Fused operators are surgery's, in the UNet, or the emitter's, in every part.
    const fused = part === 'unet' || this.prepared.weights !== undefined;
    if (fused && needsParts(this.provider)) return unfusedGraph(file);
    return this.form === 'low-memory' ? lowMemoryGraph(file) : file;
  }

  /** Where a part's weights are, if they don't lie beside its graph. */
  private weightsOf(part: Part): { weights?: string } {
    const weights = weightsOf(this.prepared, WEIGHTS[part]);
    return weights === undefined ? {} : { weights };
  }

  /** The key of a part's session. */
  open(part: Part): Promise<string> {
    this.closing.delete(part);
    let opening = this.opened.get(part);
    if (!opening) {
      const { sha256 } = this.prepared;
      const key = this.keyOf(part);
      const { provider, threads } = this;
      const inPlace = this.weightsOf(part);
      // An optimised graph comes with a copy of its weights: of those that are read in place there is to be none.
      const optimised = inPlace.weights === undefined ? this.optimised : undefined;
      opening = this.fileOf(part)
        .then((file) =>
          this.sessions.load(key, file, {
            provider,
            threads,
            ...(this.form === undefined ? {} : { keepLayout: true }),
            ...inPlace,
            ...(optimised ? { optimised: { folder: optimised, name: `${sha256.slice(0, 16)}-${part}` } } : {}),
          }),
        )
        .then(() => key);
      opening.catch(() => this.opened.delete(part));
      this.opened.set(part, opening);
    }
    return opening;
  }

  /** Runs a part, which stays open at least until it has answered. */
  async run(part: Part, feeds: Record<string, TensorData>, fetches: string[]): Promise<Record<string, TensorData>> {
    this.busy.set(part, (this.busy.get(part) ?? 0) + 1);
    try {
      return await this.sessions.run(await this.open(part), feeds, fetches);
    } finally {
      this.busy.set(part, this.busy.get(part)! - 1);
      if (this.closing.has(part)) await this.close(part);
    }
  }

  /** Says that a part is not needed for now: a large one gives its memory back, and is opened again when asked for. */
  async idle(part: Part): Promise<void> {
    const { half = 0, single = 0 } = this.prepared.parameters?.[WEIGHTS[part]] ?? {};
    if (2 * half + 4 * single < WORTH_CLOSING || !this.opened.has(part)) return;
    this.closing.add(part);
    await this.close(part);
  }

  /** Closes every part that is open, when its work is done. */
  async closeAll(): Promise<void> {
    for (const part of [...this.opened.keys()]) {
      this.closing.add(part);
      await this.close(part);
    }
  }

  private async close(part: Part): Promise<void> {
    if ((this.busy.get(part) ?? 0) > 0) return;
    this.closing.delete(part);
    const opening = this.opened.get(part);
    this.opened.delete(part);
    const key = await opening?.catch(() => undefined);
    if (key === undefined) return;
    const placement = this.sessions.placement(key);
    if (placement) this.closed.set(part, placement);
    await this.sessions.release(key);
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
