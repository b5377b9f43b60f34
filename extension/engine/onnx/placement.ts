import type * as Ort from 'onnxruntime-node';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { type Placement } from './types';
import { isAlive } from '../../platform/processes';

const NAMES: Record<string, string> = {
  CPUExecutionProvider: 'cpu',
  CUDAExecutionProvider: 'cuda',
  WebGpuExecutionProvider: 'webgpu',
  DmlExecutionProvider: 'dml',
  CoreMLExecutionProvider: 'coreml',
};
const FOLDER = /^weft-profile-(\d+)$/;

const eventsSchema = z.array(
  z.object({
    cat: z.string().optional(),
    name: z.string().optional(),
    args: z
      .object({ provider: z.string(), op_name: z.string(), node_index: z.union([z.string(), z.number()]) })
      .partial()
      .optional(),
  }),
);

let folder: string | undefined;
let next = 0;

/** This process's folder for profiles; those that killed processes left are removed. */
function profileFolder(): string {
  if (folder !== undefined && fs.existsSync(folder)) return folder;
  for (const name of fs.readdirSync(os.tmpdir())) {
    const pid = Number(FOLDER.exec(name)?.[1] ?? process.pid);
    if (pid !== process.pid && !isAlive(pid)) fs.rmSync(path.join(os.tmpdir(), name), { recursive: true, force: true });
  }
  folder = path.join(os.tmpdir(), `weft-profile-${process.pid}`);
  fs.mkdirSync(folder, { recursive: true });
  const own = folder;
  process.once('exit', () => fs.rmSync(own, { recursive: true, force: true }));
  return folder;
}

/** Events of a profile; none of a file that a session which failed to open has left half written. */
function readEvents(file: string): z.infer<typeof eventsSchema> {
  try {
    return eventsSchema.safeParse(JSON.parse(fs.readFileSync(file, 'utf8'))).data ?? [];
  } catch {
    return [];
  }
}

/** onnxruntime's profile of a session's first run: it alone tells which provider each node really ran on. */
export class PlacementProfile {
  readonly prefix = path.join(profileFolder(), `${process.hrtime.bigint()}-${next++}`);
  placement?: Placement;

  /** Ends the profile after a run and reads it; what follows runs without one. */
  take(session: Ort.InferenceSession): void {
    if (this.placement !== undefined) return;
    session.endProfiling();
    this.placement = {};
    const seen = new Set<string>();
    for (const file of this.files()) {
      for (const { cat, name, args } of readEvents(file)) {
        if (cat !== 'Node' || args?.provider === undefined) continue;
        // Nodes of a loop's body run many times and count once.
        const node = `${args.node_index}/${args.op_name}/${name}`;
        if (seen.has(node)) continue;
        seen.add(node);
        const provider = NAMES[args.provider] ?? args.provider;
        this.placement[provider] = (this.placement[provider] ?? 0) + 1;
      }
    }
    this.discard();
  }

  discard(): void {
    for (const file of this.files()) fs.rmSync(file, { force: true });
  }

  private files(): string[] {
    const own = path.dirname(this.prefix);
    try {
      return fs
        .readdirSync(own)
        .filter((name) => name.startsWith(`${path.basename(this.prefix)}_`))
        .map((name) => path.join(own, name));
    } catch {
      return [];
    }
  }
}
