/** An engine killed in the middle of a run: the next one must give the same pictures and leave nothing half written. */
import { fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { PROTOCOL_VERSION } from '../../extension/protocol/engine';
import { EngineChannel } from '../../extension/engine-client/engineChannel';
import { root } from '../support/mini';
import { type FaultKind, halfDone } from './fault';
import { differences, makeProject, picturesIn, RUN, weft } from './program';

/** Runs the project's graph in an engine process, and kills it at its event number `at`. @returns how many events there were */
async function runAndKill(home: string, project: string, at: number, useCache: boolean): Promise<number> {
  const child = fork(path.join(root, 'dist', 'engine.js'), [], {
    env: { ...process.env, WEFT_HOME: home },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  let events = 0;
  const channel = new EngineChannel(
    { send: (message) => void child.send(message as object) },
    { onEvent: () => void (events++ === at && child.kill('SIGKILL')) },
  );
  child.on('message', (message) => channel.receive(message));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.once('exit', () => channel.fail(new Error('killed')));
  try {
    await channel.request('hello', { protocol: PROTOCOL_VERSION }, 60_000);
    const graphPath = path.join(project, 'short.weft.json');
    await channel.request(
      'run',
      {
        runId: 'run',
        graphText: fs.readFileSync(graphPath, 'utf8'),
        graphPath,
        outDir: path.join(project, 'weft-out'),
        reportName: 'run.json',
        previewEvery: 1,
        timeline: true,
        useCache,
      },
      0,
    );
    await channel.request('shutdown', {}, 60_000);
  } catch (error) {
    if (child.signalCode !== 'SIGKILL' && !(error instanceof Error && error.message === 'killed')) throw error;
  }
  if (child.connected) child.disconnect();
  await ended;
  return events;
}

export const kill: FaultKind = {
  name: 'kill',
  async *trials(random, folder) {
    const project = path.join(folder, 'project');
    makeProject(project);
    const total = await runAndKill(path.join(folder, 'first'), project, Infinity, true);
    const first = await weft(path.join(folder, 'first'), project, ...RUN);
    if (first.status !== 0) throw new Error(first.stderr);
    const right = picturesIn(project);
    for (;;) {
      const kills = 1 + random.below(3);
      const useCache = random.next() < 0.8;
      yield {
        title: `${kills} runs ${useCache ? '' : 'without cache '}killed one after another, then a whole one`,
        async run() {
          const home = path.join(folder, 'killed');
          for (const place of [home, path.join(project, 'weft-out')])
            fs.rmSync(place, { recursive: true, force: true });
          const at: number[] = [];
          for (let i = 0; i < kills; i++) {
            at.push(random.below(total));
            await runAndKill(home, project, at.at(-1)!, useCache);
          }
          const { status, stderr } = await weft(home, project, ...RUN);
          const where = `killed at the events ${at.join(', ')} of ${total}`;
          if (status !== 0) return `${where}: the run ended with ${status}: ${stderr}`;
          const left = [...halfDone(home), ...halfDone(project), ...scratchOf(home)];
          if (left.length > 0) return `${where}: half-written files are left: ${left.join(', ')}`;
          const wrong = differences(right, picturesIn(project));
          return wrong && `${where}: ${wrong}`;
        },
      };
    }
  },
};

const scratchOf = (home: string): string[] =>
  fs.existsSync(path.join(home, 'scratch')) ? fs.readdirSync(path.join(home, 'scratch')) : [];
