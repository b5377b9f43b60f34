/** Calls `action` at most once in `ms`: at once when it has been quiet, and once more at the end for what came meanwhile. */
export class Throttle {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private again = false;

  constructor(
    private readonly action: () => void,
    private readonly ms: number,
  ) {}

  request(): void {
    if (this.timer !== undefined) {
      this.again = true;
      return;
    }
    this.action();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!this.again) return;
      this.again = false;
      this.request();
    }, this.ms);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.again = false;
  }
}
