/** What a field needs of time; a test brings its own. */
export interface Clock {
  set(callback: () => void, ms: number): number;
  clear(handle: number): void;
}

const windowClock: Clock = {
  set: (callback, ms) => window.setTimeout(callback, ms),
  clear: (handle) => window.clearTimeout(handle),
};

/**
 * Turns keystrokes into edits. Values of one field that arrive within `wait` ms become one edit with the last value; another
 * field, or `flush` (blur, Enter, a run), sends what waits at once. `wait` counts from the first value, so that steady typing is
 * never put off, and it is short enough that a keystroke is in the file within 100 ms.
 */
export class FieldCoalescer<T> {
  private waiting: { field: string; value: T } | undefined;
  private timer: number | undefined;

  constructor(
    private readonly send: (field: string, value: T) => void,
    private readonly wait = 30,
    private readonly clock: Clock = windowClock,
  ) {}

  input(field: string, value: T): void {
    if (this.waiting && this.waiting.field !== field) this.flush();
    this.waiting = { field, value };
    this.timer ??= this.clock.set(() => this.flush(), this.wait);
  }

  flush(): void {
    if (this.timer !== undefined) this.clock.clear(this.timer);
    this.timer = undefined;
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting) this.send(waiting.field, waiting.value);
  }

  /** Forgets what waits: the field went back to what the document says. */
  drop(): void {
    if (this.timer !== undefined) this.clock.clear(this.timer);
    this.timer = undefined;
    this.waiting = undefined;
  }
}
