import path from 'node:path';
import { RunRecord } from '../../../../extension/host/runs/runRecord';
import { type EngineEvent } from '../../../../extension/protocol/engine';
import { type InspectMethod } from '../../../../extension/protocol/inspect';
import { reportError } from '../../../../extension/protocol/errors';
import { Engine } from '../../../../extension/engine/engine';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { type FakeHost } from './fakeHost';

/** Run from the repository's root. */
const root = process.cwd();

/** Lets a page's runs and questions be answered by a real engine over the embedded checkpoint. */
export function attachEngine(host: FakeHost, home: string): { runs: Promise<void>[] } {
  let relay: (event: EngineEvent) => void = () => {};
  const engine = new Engine({
    version: 'preview',
    sessions: inProcessSessions(),
    builtInModels: path.join(root, 'models'),
    home,
    emit: (event) => relay(event),
  });
  const runs: Promise<void>[] = [];
  let count = 0;
  const start = async (target?: string): Promise<void> => {
    const record = new RunRecord(`run-${++count}`);
    record.begin();
    let told: Promise<unknown> = host.post({ type: 'run', run: record.state });
    const tell = (message: Parameters<FakeHost['post']>[0]): void => {
      told = told.then(() => host.post(message));
    };
    relay = (event) => {
      if (!record.apply(event) || event.event === 'log') return;
      if (event.event === 'preview') tell({ type: 'frame', frame: event });
      else if (event.event === 'picture') tell({ ...event, type: 'picture' });
      else if (event.event === 'node' || event.event === 'warning') {
        const status = record.state.nodes[event.node];
        if (status) tell({ type: 'node', runId: event.runId, node: event.node, status: { ...status } });
      }
    };
    try {
      const { result } = await engine.run({
        runId: record.state.runId,
        graphText: host.text,
        graphPath: path.join(root, 'examples', 'preview.weft.json'),
        outDir: path.join(home, 'out'),
        previewEvery: 1,
        previewSize: 256,
        keepAttention: true,
        ...(target === undefined ? {} : { target }),
      });
      record.succeed(result);
    } catch (error) {
      record.fail(reportError(error));
    }
    tell({ type: 'run', run: record.state });
    await told;
  };
  host.others = async (message) => {
    if (message.type === 'run') runs.push(start(message.target));
    if (message.type === 'inspect') {
      const handler = engine.handlers[message.method as InspectMethod] as (params: unknown) => Promise<never>;
      try {
        await host.post({ type: 'inspected', id: message.id, answer: await handler(message.params) });
      } catch (error) {
        await host.post({ type: 'inspected', id: message.id, error: reportError(error).message });
      }
    }
  };
  return { runs };
}
