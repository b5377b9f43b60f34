import * as os from 'node:os';
import { machineMemory } from '../machineMemory';

/** What a step may take on a graphics card, which onnxruntime does not let us ask: what a card of 6 GB has beside weights in fp16. */
const CARD_BYTES = 2e9;

/** How long an answer about free memory holds: asking the system takes longer than a step's arithmetic. */
const HOLDS_MS = 500;

/** What the person allows, in bytes; absent: by what the machine has. Shared, so that it can change between runs. */
export interface MemoryLimit {
  bytes?: number;
}

/** Memory that intermediate results may take, beside the weights and what is kept between steps. */
export class WorkingMemory {
  private free = { bytes: 0, until: -Infinity };

  constructor(
    private readonly provider: string,
    private readonly limit: MemoryLimit = {},
  ) {}

  /** At about this moment: for choices that change no number (slices, batches). */
  now(): number {
    if (this.limit.bytes !== undefined) return this.limit.bytes;
    if (!this.onProcessor) return CARD_BYTES;
    const now = performance.now();
    if (now >= this.free.until) {
      // A container may have less than its machine; older versions of Node 20 can't say.
      const bytes = typeof process.availableMemory === 'function' ? process.availableMemory() : os.freemem();
      this.free = { bytes, until: now + HOLDS_MS };
    }
    return this.free.bytes / 2;
  }

  /** On this machine at any time: for choices that a picture's pixels depend on, so that they are the same tomorrow. */
  always(): number {
    return this.limit.bytes ?? (this.onProcessor ? machineMemory() / 4 : CARD_BYTES);
  }

  get onProcessor(): boolean {
    return this.provider === 'cpu';
  }
}
