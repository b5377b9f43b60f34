/** Gains below this share are noise. */
const WORTH_IT = 0.97;
/** A size is given up when it was slow this often: once may be another program's doing. */
const TRIES = 2;

/**
 * The batch size that a call of the UNet should have, found by measuring: each size that has proven itself is doubled until rows stop getting
 * cheaper or the limit is reached. What a row gives does not depend on the rows beside it, so results don't depend on timings.
 */
export class BatchSize {
  /** Fewest milliseconds a row took, by size. */
  private readonly perRow = new Map<number, number>();
  /** Tries of the doubled size that did not pay. */
  private failures = 0;
  /** The first call of a session also warms it up. */
  private warmed = false;

  /** Rows of the next call, at most `limit` (which memory decides) and at least 1. */
  next(limit: number): number {
    const best = this.best();
    const wanted = this.failures < TRIES ? best * 2 : best;
    return Math.max(1, Math.min(limit, wanted));
  }

  /** A call of `rows` took so long. Short batches at the end of a list teach nothing about longer ones. */
  took(rows: number, milliseconds: number): void {
    const before = this.best();
    const perRow = milliseconds / rows;
    if (!this.warmed) {
      this.warmed = true;
      return;
    }
    this.perRow.set(rows, Math.min(perRow, this.perRow.get(rows) ?? Infinity));
    const known = this.perRow.get(before);
    if (rows > before && known !== undefined) this.failures = perRow > known * WORTH_IT ? this.failures + 1 : 0;
  }

  /** The size with the cheapest rows so far; before anything was measured, half of what a first call may well have. */
  private best(): number {
    let best = START / 2;
    let cost = Infinity;
    for (const [rows, perRow] of this.perRow) if (perRow < cost) [best, cost] = [rows, perRow];
    return best;
  }
}

const START = 4;
