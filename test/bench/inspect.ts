/**
 * `npm run bench:inspect [-- --points N]`: how long a place of a picture takes to its heat map.
 * - From the extension's side of a real engine process with the embedded checkpoint: request to answer, for a step whose queries are
 *   kept, while nothing runs and while a transfer is under way. The page draws what comes within its next frame.
 * - The arithmetic alone at the size of Stable Diffusion (64 × 64 tokens, 8 heads of 40, three layers): a row, a column, and the one pass
 *   over all rows that the first column of a step needs.
 */
import { fork } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  attentionColumn,
  type AttentionLayer,
  attentionRow,
  summarise,
} from '../../extension/engine/inspect/attention';
import { gaussianNoise } from '../../extension/engine/diffusion/philox';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { standardGraph, writeGraph } from '../../extension/graph';
import { type EngineEvent, PROTOCOL_VERSION } from '../../extension/protocol/engine';
import { EngineChannel } from '../../extension/engine-client/engineChannel';
import { pictures, root } from '../support/mini';

const { values } = parseArgs({ options: { points: { type: 'string', default: '200' } } });
const count = Number(values.points);

const ordered = (numbers: number[]): number[] => [...numbers].sort((a, b) => a - b);
const quantile = (numbers: number[], share: number): number =>
  ordered(numbers)[Math.min(numbers.length - 1, Math.floor(share * numbers.length))]!;
const line = (name: string, times: number[]): string =>
  `${name.padEnd(58)} ${quantile(times, 0.5).toFixed(1).padStart(8)} ${quantile(times, 0.95).toFixed(1).padStart(8)} ${Math.max(
    ...times,
  )
    .toFixed(1)
    .padStart(8)}`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function engineProcess(): Promise<void> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-inspect-'));
  const child = fork(path.join(root, 'dist', 'engine.js'), [], {
    env: { ...process.env, WEFT_HOME: home },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let onEvent: (event: EngineEvent) => void = () => {};
  const channel = new EngineChannel(
    { send: (message) => void child.send(message as object) },
    { onEvent: (event) => onEvent(event) },
  );
  child.on('message', (message) => channel.receive(message));
  await channel.request('hello', { protocol: PROTOCOL_VERSION }, 60_000);
  const run = (runId: string, steps: number, seed: number): Promise<unknown> =>
    channel.request(
      'run',
      {
        runId,
        graphText: writeGraph(
          standardGraph({ structure: 'giraffe.png', appearance: 'zebra.png', domain: 'animal', steps, seed }),
        ),
        graphPath: path.join(pictures, 'bench.weft.json'),
        outDir: home,
        keepAttention: true,
        previewEvery: 1,
      },
      0,
    );
  const ask = async (runId: string, from: 'output' | 'source', step: number, token: number): Promise<number> => {
    const begin = performance.now();
    const point: [number, number] = [((token % 16) + 0.5) / 16, (Math.floor(token / 16) + 0.5) / 16];
    await channel.request(
      'inspect.map',
      { runId, node: 'denoise', step, level: 'high', look: 0, raw: false, from, points: [point] },
      60_000,
    );
    return performance.now() - begin;
  };
  const many = async (
    runId: string,
    from: 'output' | 'source',
    step: number,
    going: () => boolean,
  ): Promise<number[]> => {
    const times: number[] = [];
    for (let index = 0; index < count && going(); index++) {
      times.push(await ask(runId, from, step, (index * 37) % 256));
      // A pointer moves on; it does not ask as fast as it is answered.
      await pause(8);
    }
    return times;
  };
  await run('first', 50, 1);
  console.log(line('mini, idle: place of the output → appearance', await many('first', 'output', 13, () => true)));
  console.log(line('mini, idle: place of the appearance → output', await many('first', 'source', 13, () => true)));

  // A run long enough to ask beside it; its own kept steps are asked about as soon as there are some.
  let reached = -1;
  let ended = false;
  onEvent = (event) => {
    if (event.event === 'node' && event.node === 'denoise' && event.step !== undefined) reached = event.step;
  };
  const under = run('second', 400, 2).finally(() => (ended = true));
  while (reached < 20 && !ended) await pause(5);
  const beside = (from: 'output' | 'source') => many('second', from, 15, () => !ended);
  console.log(line('mini, beside a run: place of the output → appearance', await beside('output')));
  console.log(line('mini, beside a run: place of the appearance → output', await beside('source')));
  await under;
  child.disconnect();
  child.kill();
  fs.rmSync(home, { recursive: true, force: true });
}

async function arithmetic(): Promise<void> {
  const [tokens, heads, size] = [4096, 8, 40];
  const layers: AttentionLayer[] = [0, 1, 2].map((layer) => {
    const [query, key] = [0, 1].map((which) =>
      gaussianNoise({
        seed: 2 * layer + which,
        imageDigest: new Uint8Array(32),
        timestep: 1,
        length: tokens * heads * size,
      }),
    ) as [Float32Array, Float32Array];
    return { query, key, heads, scale: 1 / Math.sqrt(size), contrast: 1.67, tokens };
  });
  const times = (work: (token: number) => void): number[] =>
    Array.from({ length: 20 }, (_, index) => {
      const begin = performance.now();
      work((index * 211) % tokens);
      return performance.now() - begin;
    });
  console.log(
    line(
      '64 × 64: a row',
      times((token) => attentionRow(layers, token)),
    ),
  );
  const sessions = inProcessSessions();
  await summarise(sessions, layers.slice(0, 1));
  const begin = performance.now();
  const summary = await summarise(sessions, layers);
  console.log(line('64 × 64: one pass over all rows, once a step', [performance.now() - begin]));
  console.log(
    line(
      '64 × 64: a column',
      times((token) => attentionColumn(layers, summary, token)),
    ),
  );
}

async function main(): Promise<void> {
  console.log(`${''.padEnd(58)} ${'median'.padStart(8)} ${'95 %'.padStart(8)} ${'worst'.padStart(8)} ms`);
  await engineProcess();
  await arithmetic();
}

void main();
