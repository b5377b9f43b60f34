/** What a field needs of time; a test brings its own. */
export interface Clock {
  set(callback: () => void, ms: number): number;
  clear(handle: number): void;
}

const windowClock: Clock = {
  set: (callback, ms) => window.setTimeout(callback, ms),
  clear: (handle) => window.clearTimeout(handle),
};

/** A hand that rests this long has finished what it was typing. */
const REST_MS = 350;
/** However steadily somebody types, the document is never further behind than this. */
const LONGEST_MS = 1500;

/**
 * Turns keystrokes into edits. The first one after a rest goes out at once; those that follow it without a rest are held, and go
 * out as one when the hand rests, so that a burst of typing is two steps of undo and not one a letter. Another field, or `flush`
 * (blur, Enter, a save, a run), sends what is held at once.
 */
export class FieldCoalescer<T> {
  private field: string | undefined;
  private held: { value: T } | undefined;
  private rest: number | undefined;
  private longest: number | undefined;

  /** `hold` is told what is held, to show it meanwhile, and undefined when nothing is any more. */
  constructor(
    private readonly send: (field: string, value: T) => void,
    private readonly hold: (value: T | undefined) => void = () => undefined,
    private readonly clock: Clock = windowClock,
  ) {}

  /** With `holdFirst` also the first one of a burst is held, so that a burst is one step of undo. */
  input(field: string, value: T, holdFirst = false): void {
    if (this.field !== field) this.flush();
    if (this.field === undefined && !holdFirst) {
      this.field = field;
      this.send(field, value);
    } else {
      this.field = field;
      this.held = { value };
      this.longest ??= this.clock.set(() => this.release(), LONGEST_MS);
      this.hold(value);
    }
    if (this.rest !== undefined) this.clock.clear(this.rest);
    this.rest = this.clock.set(() => this.flush(), REST_MS);
  }

  /** Holds a value until the field is left: all that is typed is one step of undo, and {@link drop} takes it back. */
  keep(field: string, value: T): void {
    if (this.field !== field) this.flush();
    this.field = field;
    this.held = { value };
    this.hold(value);
  }

  flush(): void {
    this.release();
    this.end();
  }

  /** Forgets what is held: the field went back to what the document says. */
  drop(): void {
    if (this.held) this.hold(undefined);
    this.held = undefined;
    this.end();
  }

  private release(): void {
    if (this.longest !== undefined) this.clock.clear(this.longest);
    this.longest = undefined;
    const { field, held } = this;
    this.held = undefined;
    if (field === undefined || !held) return;
    this.hold(undefined);
    this.send(field, held.value);
  }

  private end(): void {
    for (const timer of [this.rest, this.longest]) if (timer !== undefined) this.clock.clear(timer);
    this.rest = undefined;
    this.longest = undefined;
    this.field = undefined;
  }
}
