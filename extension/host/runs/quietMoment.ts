/** Puts off what can wait until nothing has happened for a while. */
export class QuietMoment {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted: (() => void) | undefined;

  constructor(private readonly ms: number) {}

  /** Does it when it has been quiet for so long; what was put off before is not done any more. */
  later(action: () => void): void {
    this.wanted = action;
    this.disturb();
  }

  /** Something happens: whatever waits goes on waiting. */
  disturb(): void {
    clearTimeout(this.timer);
    if (!this.wanted) return;
    this.timer = setTimeout(() => {
      const action = this.wanted;
      this.wanted = undefined;
      action?.();
    }, this.ms);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.wanted = undefined;
  }
}
