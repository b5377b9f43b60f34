import { createHash } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { draftName, graphChanges, type GraphDocument, parseGraph, parseWire, specOf, wiresOf } from '../../graph';
import { type RunState } from '../../protocol/studio';

const copySchema = z.object({
  bytes: z.number(),
  /** Tells whether a file is still this run's, also when the copy is no longer kept. */
  sha256: z.string(),
  kept: z.boolean(),
});

const entrySchema = z.object({
  id: z.string().regex(/^[a-z0-9-]+$/),
  /** What ran: the graph's file name or the pair of a palette run. */
  title: z.string(),
  /** Milliseconds since 1970 at the run's end. */
  when: z.number(),
  seconds: z.number(),
  provider: z.string(),
  /** It ran with the draft schedule. Absent of drafts of older versions, too. */
  draft: z.literal(true).optional(),
  /** The checkpoint, of a run that computed one image in full: its seconds are what an image takes. */
  oneImageOf: z.string().optional(),
  /** Path of the graph file, as it was; it may be gone, or have changed since. */
  graphPath: z.string(),
  /** Paths of the images written. The next run of the graph writes the same files anew. */
  files: z.array(z.string()),
  /** The history's own copy of each of them; null of one that could not be copied. */
  copies: z.array(copySchema.nullable()).default([]),
  /** What changed against the run before of the same graph; absent of the first. */
  changes: z.array(z.string()).optional(),
});
export type HistoryEntry = z.infer<typeof entrySchema>;
export type NewEntry = Omit<HistoryEntry, 'copies' | 'changes'>;

/** Where the list is kept: VS Code's global state, or a variable in tests. */
export interface HistoryState {
  read(): unknown;
  write(entries: readonly HistoryEntry[]): Promise<void>;
}

/** Where what is too large for the list is kept: the graph's text and the images, one folder a run. */
export interface HistoryFiles {
  write(id: string, name: string, data: Uint8Array): Promise<void>;
  read(id: string, name: string): Promise<Uint8Array>;
  /** A file or folder of the run, or all of the run; nothing when it is not there. */
  remove(id: string, name?: string): Promise<void>;
}

export interface HistoryLimits {
  runs: number;
  /** Of all copies of images together. */
  bytes: number;
}

/** Two gigabytes hold some 4,000 images of 512 pixels. */
const LIMITS: HistoryLimits = { runs: 100, bytes: 2 ** 31 };
/** Changes that an entry lists; a graph that was written anew may have any number. */
const MOST_CHANGES = 50;
/** Changes that a label names. */
const NAMED_CHANGES = 2;

export const GRAPH_FILE = 'graph.weft.json';
const IMAGES = 'images';

/** Name of the copy of one of a run's files, below the run's folder: as the file was called. */
export const copyName = (entry: NewEntry, index: number): string =>
  `${IMAGES}/${index}/${path.basename(entry.files[index] ?? '')}`;

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Past runs, newest first, each with its graph and its images: what a graph writes next takes the place of its last result, so the history
 * keeps whole copies. Entries that can't be read (an older version's) are left out, never an error.
 */
export class RunHistory {
  constructor(
    private readonly state: HistoryState,
    private readonly files: HistoryFiles,
    private readonly limits: HistoryLimits = LIMITS,
    private readonly compare: (before: string, after: string) => string[] = graphChanges,
  ) {}

  list(): HistoryEntry[] {
    const stored = this.state.read();
    if (!Array.isArray(stored)) return [];
    return stored.flatMap((value) => {
      const entry = entrySchema.safeParse(value);
      return entry.success ? [entry.data] : [];
    });
  }

  /**
   * Takes in a run with the bytes of its files, undefined of one that can't be read.
   * @returns the runs that were forgotten for it, and those whose images were
   */
  async add(
    added: NewEntry,
    graphText: string,
    images: readonly (Uint8Array | undefined)[],
  ): Promise<{ forgotten: HistoryEntry[]; withoutImages: HistoryEntry[] }> {
    const copies = images.map((bytes) =>
      bytes ? { bytes: bytes.length, sha256: digestOf(bytes), kept: bytes.length <= this.limits.bytes } : null,
    );
    const changes = await this.changesOf(added, graphText);
    const entry: HistoryEntry = { ...added, copies, ...(changes === undefined ? {} : { changes }) };
    await this.files.write(entry.id, GRAPH_FILE, new TextEncoder().encode(graphText));
    for (const [index, bytes] of images.entries())
      if (bytes && copies[index]?.kept === true) await this.files.write(entry.id, copyName(entry, index), bytes);
    const all = [entry, ...this.list().filter(({ id }) => id !== entry.id)];
    const forgotten = all.splice(this.limits.runs);
    const withoutImages = withinBytes(all, this.limits.bytes);
    await this.state.write(all);
    for (const { id } of forgotten) await this.files.remove(id);
    for (const { id } of withoutImages) await this.files.remove(id, IMAGES);
    return { forgotten, withoutImages };
  }

  /** The graph as it was when it ran. */
  async graph(id: string): Promise<string> {
    return new TextDecoder().decode(await this.files.read(id, GRAPH_FILE));
  }

  private async changesOf({ id, graphPath }: NewEntry, graphText: string): Promise<string[] | undefined> {
    const before = this.list().find((each) => each.graphPath === graphPath && each.id !== id);
    const text = before && (await this.graph(before.id).catch(() => undefined));
    return text === undefined ? undefined : this.compare(text, graphText).slice(0, MOST_CHANGES);
  }

  /** Forgets a run and its copies. The files it wrote stay where they are. */
  async remove(id: string): Promise<void> {
    await this.state.write(this.list().filter((entry) => entry.id !== id));
    await this.files.remove(id);
  }

  async clear(): Promise<void> {
    for (const { id } of this.list()) await this.remove(id);
  }
}

/** A run by what changed, or by its title when it is the first of its graph. */
export function entryLabel({ title, changes }: HistoryEntry): string {
  if (changes === undefined) return title;
  if (changes.length === 0) return 'Same settings';
  const more = changes.length - NAMED_CHANGES;
  return [...changes.slice(0, NAMED_CHANGES), ...(more > 0 ? [`+${more}`] : [])].join(', ');
}

/** Whether a run was of one image and computed it, with the steps that the graph asks for: drafts, sweeps and what came from the cache are not. */
export function computedOneImage(graphText: string, { draft, nodes }: Pick<RunState, 'draft' | 'nodes'>): boolean {
  const made = Object.entries(parseGraph(graphText).document?.nodes ?? {}).filter(
    ([, { type }]) => type === 'denoise' || type === 'sweep',
  );
  return (
    !draft && made.length === 1 && made.every(([id, { type }]) => type === 'denoise' && nodes[id]?.state === 'done')
  );
}

/** Images that say how long one takes. */
const MEASURED_IMAGES = 5;

/** How long an image takes with a checkpoint on what computed its last one: the median of the newest runs, newest first in `entries`. */
export function imageTime(
  entries: readonly HistoryEntry[],
  checkpoint: string,
): { seconds: number; provider: string; images: number } | undefined {
  const own = entries.filter(({ oneImageOf }) => oneImageOf === checkpoint);
  const provider = own[0]?.provider;
  const seconds = own
    .filter((entry) => entry.provider === provider)
    .slice(0, MEASURED_IMAGES)
    .map((entry) => entry.seconds)
    .sort((a, b) => a - b);
  const median = seconds[Math.floor(seconds.length / 2)];
  return median === undefined || provider === undefined
    ? undefined
    : { seconds: median, provider, images: seconds.length };
}

/** The node whose image a run's file shows: the one that its save node is connected to. */
export function nodeOfFile(graph: GraphDocument, { files, draft }: HistoryEntry, index: number): string | undefined {
  const file = (files[index] ?? '').replaceAll('\\', '/');
  const saves = Object.values(graph.nodes).flatMap(({ type, params, inputs }) => {
    const [name, image] = [specOf(type)?.params.find(({ kind }) => kind === 'path'), wiresOf(inputs?.['image'])[0]];
    if (name?.kind !== 'path' || name.access !== 'write' || image === undefined) return [];
    const written = String(params?.[name.name] ?? name.default);
    return [{ path: draft ? draftName(written) : written, node: parseWire(image)?.node }];
  });
  // The longest of those that fit: `out/a.png` also ends as `a.png`. A file that got a number, because another had its name, fits none.
  const fitting = saves.filter(({ path: written }) => file.endsWith(`/${written}`));
  return [...fitting.sort((a, b) => b.path.length - a.path.length), ...saves][0]?.node;
}

/** Marks the images of the oldest runs as forgotten until the others fit; returns those runs. */
function withinBytes(entries: readonly HistoryEntry[], limit: number): HistoryEntry[] {
  let room = limit;
  const over: HistoryEntry[] = [];
  for (const entry of entries) {
    const kept = entry.copies.filter((copy) => copy?.kept);
    room -= kept.reduce((sum, copy) => sum + (copy?.bytes ?? 0), 0);
    if (room >= 0 || kept.length === 0) continue;
    for (const copy of kept) if (copy) copy.kept = false;
    over.push(entry);
  }
  return over;
}
