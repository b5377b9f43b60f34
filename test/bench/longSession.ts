/**
 * `npm run bench:session [-- --runs N] [--repeat]`: the memory of one engine process over a long session. N transfers with mini at few steps,
 * each with other settings (seed, pictures, steps, contrast, ranges, masks); every 25 runs a line with the process's resident memory and
 * the bytes of each store in memory. With `--repeat` the settings stay.
 */
import { fork } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeGraph } from '../../extension/graph';
import { PROTOCOL_VERSION } from '../../extension/protocol/engine';
import { EngineChannel } from '../../extension/engine-client/engineChannel';
import { engineEnvironment } from '../../extension/engine-client/engineEnvironment';
import { pictures, root } from '../support/mini';
import { variedGraph } from '../support/variedGraph';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '500' }, repeat: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1).padStart(7);

async function main(): Promise<void> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-session-'));
  const child = fork(path.join(root, 'dist', 'engine.js'), [], {
    env: { ...engineEnvironment(process.env), WEFT_HOME: home },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const channel = new EngineChannel({ send: (message) => void child.send(message as object) }, { onEvent: () => {} });
  child.on('message', (message) => channel.receive(message));

  try {
    await channel.request('hello', { protocol: PROTOCOL_VERSION }, 60_000);
    for (let run = 1; run <= runs; run++) {
      await channel.request(
        'run',
        {
          runId: `run-${run}`,
          graphText: writeGraph(variedGraph(values.repeat ? 0 : run)),
          graphPath: path.join(pictures, 'session.weft.json'),
          outDir: path.join(home, 'out'),
          reportName: 'run.json',
          keepAttention: true,
        },
        0,
      );
      if (run !== 1 && run % 25 !== 0) continue;
      const { rssBytes } = await channel.request('ping', {}, 60_000);
      const held = await channel.request('memory', {}, 60_000);
      console.log(
        `run ${String(run).padStart(4)}: ${megabytes(rssBytes)} MB resident; ` +
          held
            .map(({ title, bytes, mostBytes }) => `${title} ${megabytes(bytes)} of ${megabytes(mostBytes)}`)
            .join(', '),
      );
    }
  } finally {
    await channel.request('shutdown', {}, 60_000).catch(() => {});
    child.disconnect();
    fs.rmSync(home, { recursive: true, force: true });
  }
}

void main();
