/** The last used of what is made again and again, by name and within a budget of bytes. What is kept is shared: callers must not write to it. */
export class Recent<T extends { byteLength: number }> {
  private readonly kept = new Map<string, T>();
  private bytes = 0;

  constructor(readonly mostBytes: number) {}

  get heldBytes(): number {
    return this.bytes;
  }

  get(name: string): T | undefined {
    const known = this.kept.get(name);
    if (known === undefined) return undefined;
    this.kept.delete(name);
    this.kept.set(name, known);
    return known;
  }

  keep(name: string, value: T): T {
    this.bytes += value.byteLength - (this.kept.get(name)?.byteLength ?? 0);
    this.kept.delete(name);
    this.kept.set(name, value);
    for (const [oldest, { byteLength }] of this.kept) {
      if (this.bytes <= this.mostBytes) break;
      this.kept.delete(oldest);
      this.bytes -= byteLength;
    }
    return value;
  }
}
