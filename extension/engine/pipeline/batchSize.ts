/** Gains below this share are noise. */
const WORTH_IT = 0.97;
/** A size is given up when it was slow this often: once may be another program's doing. */
const TRIES = 2;

/**
 * The batch size that a call of the UNet should have, found by measuring: each size that has proven itself is doubled until entries stop getting
 * cheaper or the limit is reached. What an entry gives does not depend on those beside it, so results don't depend on timings.
 */
export class BatchSize {
  /** Fewest milliseconds an entry took, by the size of its batch. */
  private readonly perEntry = new Map<number, number>();
  /** Tries of the doubled size that did not pay. */
  private failures = 0;
  /** The first call of a session also warms it up. */
  private warmed = false;

  /** Entries of the next call, at most `limit` (which memory decides) and at least 1. */
  next(limit: number): number {
    // The call that warms a session up tells nothing of larger ones, and the first preview waits for it.
    if (!this.warmed) return Math.max(1, Math.min(limit, START / 2));
    const best = this.best();
    const wanted = this.failures < TRIES ? best * 2 : best;
    return Math.max(1, Math.min(limit, wanted));
  }

  /** A call of `batch` entries took so long. Short batches at the end of a list teach nothing about longer ones. */
  took(batch: number, milliseconds: number): void {
    const before = this.best();
    const perEntry = milliseconds / batch;
    if (!this.warmed) {
      this.warmed = true;
      return;
    }
    this.perEntry.set(batch, Math.min(perEntry, this.perEntry.get(batch) ?? Infinity));
    const known = this.perEntry.get(before);
    if (batch > before && known !== undefined) this.failures = perEntry > known * WORTH_IT ? this.failures + 1 : 0;
  }

  /** The size with the cheapest entries so far; before anything was measured, half of what a first call may well have. */
  private best(): number {
    let best = START / 2;
    let cost = Infinity;
    for (const [batch, perEntry] of this.perEntry) if (perEntry < cost) [best, cost] = [batch, perEntry];
    return best;
  }
}

const START = 4;
