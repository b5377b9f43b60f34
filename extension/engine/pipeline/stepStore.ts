import { type ContentStore, type Key, keyOf } from '../cache/store';
import { type Tensors } from '../cache/tensorFile';
import { type KeyValues, type AttentionProbe } from '../diffusion/unet';

/** Versions of the algorithms whose products are kept: a change of what they compute must change them. */
export const INVERSION_VERSION = 1;
export const REFERENCE_VERSION = 1;

/** Of what a step has one array, the array's name in the cache's files. */
const ARRAYS = { 'noise-map': 'z', original: 'original', latents: 'latents' } as const;
type ArrayKind = keyof typeof ARRAYS;

const flat = (data: Float32Array): Tensors[string] => ({ dims: [data.length], data });

/**
 * What is kept of one image's inversion and reference pass, step by step. What was made or found once stays with this object, except
 * keys and values, which are large: the content store may lose it while the run goes on.
 */
export class StepStore {
  private readonly keys = new Map<string, Key>();
  private readonly arrays = new Map<Key, Float32Array>();
  private readonly probes = new Map<Key, AttentionProbe>();

  constructor(
    readonly content: ContentStore,
    private readonly inversionKey: Key,
    private readonly referenceKey: Key,
    private readonly timestepAt: (step: number) => number,
  ) {}

  /** The arrays that this object keeps alive. */
  *held(): Iterable<Float32Array> {
    yield* this.arrays.values();
    for (const probe of this.probes.values()) yield* Object.values(probe).filter((data) => data !== undefined);
  }

  /** Each key is asked for several times a run. */
  private keyOf(kind: ArrayKind | 'key-values' | 'probe', step: number): Key {
    const timestep = this.timestepAt(step);
    const name = `${kind} ${timestep}`;
    const ofInversion = kind === 'noise-map';
    const key =
      this.keys.get(name) ??
      keyOf(kind, ofInversion ? INVERSION_VERSION : REFERENCE_VERSION, [
        ofInversion ? this.inversionKey : this.referenceKey,
        timestep,
      ]);
    this.keys.set(name, key);
    return key;
  }

  async array(kind: ArrayKind, step: number): Promise<Float32Array | undefined> {
    const key = this.keyOf(kind, step);
    const known = this.arrays.get(key) ?? (await this.content.get(key))?.[ARRAYS[kind]]?.data;
    if (known) this.arrays.set(key, known);
    return known;
  }

  keepArray(kind: ArrayKind, step: number, data: Float32Array): void {
    const key = this.keyOf(kind, step);
    this.arrays.set(key, data);
    this.content.put(key, { [ARRAYS[kind]]: flat(data) });
  }

  async probe(step: number): Promise<AttentionProbe | undefined> {
    const key = this.keyOf('probe', step);
    const known = this.probes.get(key);
    if (known) return known;
    const { selfQuery, selfKey, crossQuery, crossKey } = (await this.content.get(key)) ?? {};
    if (!selfQuery || !selfKey) return undefined;
    const probe = {
      selfQuery: selfQuery.data,
      selfKey: selfKey.data,
      crossQuery: crossQuery?.data,
      crossKey: crossKey?.data,
    };
    this.probes.set(key, probe);
    return probe;
  }

  keepProbe(step: number, probe: AttentionProbe): void {
    const arrays = Object.entries(probe).filter(([, data]) => data !== undefined) as [string, Float32Array][];
    this.content.put(this.keyOf('probe', step), Object.fromEntries(arrays.map(([name, data]) => [name, flat(data)])));
  }

  async keyValues(step: number): Promise<KeyValues | undefined> {
    const stored = await this.content.get(this.keyOf('key-values', step));
    if (!stored) return undefined;
    const keyValues: KeyValues = { keys: [], values: [] };
    for (let layer = 0; stored[`k${layer}`]; layer++) {
      keyValues.keys.push(stored[`k${layer}`]!.data);
      keyValues.values.push(stored[`v${layer}`]!.data);
    }
    return keyValues;
  }

  keepKeyValues(step: number, { keys, values }: KeyValues): void {
    const named = (prefix: string, arrays: Float32Array[]): [string, Tensors[string]][] =>
      arrays.map((data, layer) => [`${prefix}${layer}`, flat(data)]);
    this.content.put(this.keyOf('key-values', step), Object.fromEntries([...named('k', keys), ...named('v', values)]));
  }

  /** Whether {@link keyValues} will probably find a step's, without reading them. */
  seemsToHaveKeyValues(step: number): boolean {
    return this.content.seems(this.keyOf('key-values', step));
  }

  /** Starts reading a step's keys and values before they are asked for. */
  prefetchKeyValues(step: number): void {
    this.content.get(this.keyOf('key-values', step)).catch(() => {});
  }
}
