import { z } from 'zod';

const entrySchema = z.object({
  id: z.string().regex(/^[a-z0-9-]+$/),
  /** What ran: the graph's file name or the pair of a palette run. */
  title: z.string(),
  /** Milliseconds since 1970 at the run's end. */
  when: z.number(),
  seconds: z.number(),
  provider: z.string(),
  /** Path of the graph file, as it was; it may be gone, or have changed since. */
  graphPath: z.string(),
  /** Paths of the pictures written. */
  files: z.array(z.string()),
});
export type HistoryEntry = z.infer<typeof entrySchema>;

/** Where the list is kept: VS Code's global state, or a variable in tests. */
export interface HistoryState {
  read(): unknown;
  write(entries: readonly HistoryEntry[]): Promise<void>;
}

/** Where what is too large for the list is kept: the graph's text and the thumbnail, one folder a run. */
export interface HistoryFiles {
  write(id: string, name: string, data: Uint8Array): Promise<void>;
  read(id: string, name: string): Promise<Uint8Array>;
  remove(id: string): Promise<void>;
}

export const GRAPH_FILE = 'graph.weft.json';
export const THUMBNAIL_FILE = 'thumbnail.png';

/** Past runs, newest first. Entries that can't be read (an older version's) are left out, never an error. */
export class RunHistory {
  constructor(
    private readonly state: HistoryState,
    private readonly files: HistoryFiles,
    private readonly limit = 100,
  ) {}

  list(): HistoryEntry[] {
    const stored = this.state.read();
    if (!Array.isArray(stored)) return [];
    return stored.flatMap((value) => {
      const entry = entrySchema.safeParse(value);
      return entry.success ? [entry.data] : [];
    });
  }

  async add(entry: HistoryEntry, graphText: string, thumbnail: Uint8Array | undefined): Promise<void> {
    await this.files.write(entry.id, GRAPH_FILE, new TextEncoder().encode(graphText));
    if (thumbnail) await this.files.write(entry.id, THUMBNAIL_FILE, thumbnail);
    const entries = [entry, ...this.list().filter(({ id }) => id !== entry.id)];
    await this.state.write(entries.slice(0, this.limit));
    for (const { id } of entries.slice(this.limit)) await this.files.remove(id);
  }

  /** The graph as it was when it ran. */
  async graph(id: string): Promise<string> {
    return new TextDecoder().decode(await this.files.read(id, GRAPH_FILE));
  }

  /** Forgets a run. The pictures it wrote stay where they are. */
  async remove(id: string): Promise<void> {
    await this.state.write(this.list().filter((entry) => entry.id !== id));
    await this.files.remove(id);
  }

  async clear(): Promise<void> {
    for (const { id } of this.list()) await this.remove(id);
  }
}
