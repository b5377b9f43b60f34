/** The built command line on a home of its own. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { writeGraph } from '../../extension/graph';
import { pictures, root, shortGraph, withParam } from '../support/mini';

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Longer than any of these commands takes on a busy machine: what is not over by then hangs. */
const HANGS_MS = 120_000;

export function weft(home: string, folder: string, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [path.join(root, 'dist', 'weft.js'), ...args], {
    cwd: folder,
    env: { ...process.env, WEFT_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended: Ended = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (ended.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (ended.stderr += data.toString()));
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      ended.stderr += `\nIt did not end within ${HANGS_MS / 1000} s.`;
      child.kill('SIGKILL');
    }, HANGS_MS);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ ...ended, status });
    });
  });
}

/** A folder with two pictures and a graph of a few steps, made with a checkpoint. */
export function makeProject(folder: string, checkpoint = 'mini'): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  const graph = withParam(shortGraph({ steps: 6, skip: 2 }), 'model', 'id', checkpoint);
  fs.writeFileSync(path.join(folder, 'short.weft.json'), writeGraph(graph));
}

export const RUN = ['run', 'short.weft.json', '--timeline', '--provider', 'cpu'];

/** What a run writes for people to look at, by name: its report has timings. */
export function picturesIn(folder: string): Map<string, Buffer> {
  const out = path.join(folder, 'weft-out');
  if (!fs.existsSync(out)) return new Map();
  const names = fs.readdirSync(out).filter((name) => !name.endsWith('.json'));
  return new Map(names.map((name) => [name, fs.readFileSync(path.join(out, name))]));
}

/** How pictures differ from those that were right, as a sentence. */
export function differences(right: Map<string, Buffer>, found: Map<string, Buffer>): string | undefined {
  const names = [...new Set([...right.keys(), ...found.keys()])];
  const wrong = names.filter((name) => !right.get(name)?.equals(found.get(name) ?? Buffer.alloc(0)));
  return wrong.length === 0 ? undefined : `wrong, missing or new pictures: ${wrong.join(', ')}`;
}
