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

/** Adds to a map that forgets its oldest entries. */
export function keepNewest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
}

/** What `make` gives, asked for once a key; a failure is not kept, and neither are more than the newest `most`. */
export function once<K, V>(map: Map<K, Promise<V>>, key: K, make: () => Promise<V>, most = Infinity): Promise<V> {
  const known = map.get(key);
  if (known) return known;
  const made = make();
  made.catch(() => map.delete(key));
  keepNewest(map, key, made, most);
  return made;
}
