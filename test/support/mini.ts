/** An engine of its own over the embedded checkpoint, and small graphs to run on it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Devices } from '../../extension/engine/devices/devices';
import { Engine } from '../../extension/engine/engine';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { type SessionHost } from '../../extension/engine/onnx/types';
import { type Injected } from '../../extension/engine/execution/context';
import { type GraphRun } from '../../extension/engine/execution/runGraph';
import { type GraphDocument, standardGraph, writeGraph } from '../../extension/graph';
import { type EngineEvent, type RunRequest } from '../../extension/protocol/engine';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const pictures = path.join(root, 'examples', 'images');

/** onnxruntime sessions are shared by all engines of a test file: opening them takes longer than a run. */
const sessions = inProcessSessions();

export interface Bench {
  engine: Engine;
  events: EngineEvent[];
  /** The engine's home and the output folder. */
  home: string;
  out: string;
  run(graph: GraphDocument | string, options?: Partial<RunRequest>, injected?: Injected): Promise<GraphRun>;
}

/** An engine with an empty home, or with the home of another one (as a second process has). */
export function makeEngine(
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-')),
  other: { sessions?: SessionHost; devices?: Devices } = {},
): Bench {
  const events: EngineEvent[] = [];
  const engine = new Engine({
    version: 'test',
    sessions: other.sessions ?? sessions,
    devices: other.devices && { found: other.devices, cuda: undefined as never },
    builtInModels: path.join(root, 'models'),
    home,
    emit: (event) => events.push(event),
  });
  const out = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-out-'));
  let count = 0;
  return {
    engine,
    events,
    home,
    out,
    run: (graph, options, injected) =>
      engine.run(
        {
          runId: `run-${++count}`,
          graphText: typeof graph === 'string' ? graph : writeGraph(graph),
          graphPath: path.join(pictures, 'test.weft.json'),
          outDir: out,
          reportName: 'run.json',
          ...options,
        },
        injected,
      ),
  };
}

/** A short transfer: 12 steps of which 4 are skipped. */
export function shortGraph(options: Partial<Parameters<typeof standardGraph>[0]> = {}): GraphDocument {
  return standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    steps: 12,
    skip: 4,
    ...options,
  });
}

/** Sets a parameter of a copy of a graph. */
export function withParam(graph: GraphDocument, node: string, param: string, value: unknown): GraphDocument {
  const copy = structuredClone(graph);
  copy.nodes[node]!.params = { ...copy.nodes[node]!.params, [param]: value };
  return copy;
}

/** Ids of nodes that computed something. */
export const ran = (run: GraphRun): string[] =>
  Object.entries(run.result.report.nodes).flatMap(([id, { cached }]) => (cached ? [] : [id]));

/** The picture that a denoise node made. */
export function resultOf(run: GraphRun, node = 'denoise'): Uint8Array {
  const image = run.values.get(node)?.['image'];
  if (image?.kind !== 'image' || image.from !== 'run') throw new Error(`${node} made no picture.`);
  return image.rgb;
}
