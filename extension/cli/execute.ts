import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import { type RunRequest, type RunResult } from '../protocol/engine';
import { EngineProcess } from './engineProcess';
import { onInterrupt } from './interrupts';
import { Progress } from './progress';
import { printPath, tell } from './terminal';

export interface EngineUse {
  /** States of nodes are told only after so many milliseconds. */
  quietMs?: number;
  /** False where nothing needs to be kept: then a folder of Weft's that can't be used is no obstacle. */
  cache?: boolean;
}

/** Starts an engine, hands it to `work`, ends it. Its progress goes to stderr. */
export async function withEngine<T>(
  work: (engine: EngineProcess) => Promise<T>,
  { quietMs = 0, cache = true }: EngineUse = {},
): Promise<T> {
  const progress = new Progress();
  const begin = performance.now();
  const engine = new EngineProcess((event) => {
    if (event.event !== 'node' || performance.now() - begin >= quietMs) progress.show(event);
  }, !cache);
  return onInterrupt(engine.interrupt, async () => {
    try {
      await engine.ready();
      return await work(engine);
    } finally {
      progress.stop();
      await engine.close();
    }
  });
}

/** Which part of the graphs another provider ran than the one that was asked to. */
function elsewhere(provider: string, nodes: Record<string, number>): string {
  const total = Object.values(nodes).reduce((sum, count) => sum + count, 0);
  const others = Object.entries(nodes).filter(([name]) => name !== provider);
  return others.length === 0
    ? ''
    : ` (${others.map(([name, count]) => `${count} of ${total} nodes on ${name}`).join(', ')})`;
}

/** Runs a graph, tells on stderr what came from the cache, and prints the files it wrote to stdout, one a line. */
export async function execute(engine: EngineProcess, request: Omit<RunRequest, 'runId'>): Promise<RunResult> {
  const result = await engine.run({ runId: randomUUID(), ...request });
  const { nodes, seconds, unet, provider, providerNodes, lowMemory } = result.report;
  const cached = Object.entries(nodes).flatMap(([id, node]) => (node.cached ? [id] : []));
  tell(
    `${seconds.toFixed(1)} s on ${provider}${elsewhere(provider, providerNodes)}, UNet passes: ${unet.encoder} encoder, ${unet.decoder} decoder${unet.masked ? `, ${unet.masked} masked` : ''}` +
      `${lowMemory ? ', in the low-memory form (WEFT_LOW_MEMORY=0 for the faster one)' : ''}` +
      `${cached.length > 0 ? `; from the cache: ${cached.join(', ')}` : ''}\n`,
  );
  if (result.files.length === 0) tell('Nothing was saved because the graph has no save node.\n');
  for (const file of result.files) printPath(path.relative(process.cwd(), file) || file);
  return result;
}
