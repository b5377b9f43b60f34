import { describe, expect, it, vi } from 'vitest';
import { type RunRequest, type RunResult } from '../../../../extension/protocol/engine';
import { WeftError } from '../../../../extension/protocol/errors';
import { type RunListener, RunQueue } from '../../../../extension/host/runs/runQueue';

const result: RunResult = {
  report: {
    weft: '0',
    graph: '',
    checkpoint: { id: 'mini', sha256: '' },
    providerNodes: {},
    provider: 'cpu',
    seed: 0,
    unet: { encoder: 4, decoder: 2 },
    nodes: {},
    seconds: 1.5,
    peakRssBytes: 0,
    outputs: ['a.png'],
  },
  files: ['/out/a.png'],
  warnings: [],
};

/** An engine whose runs end when the test says so. */
function setUp(graceMs = 10_000, wrote?: RunListener['wrote']) {
  const started: string[] = [];
  const cancelled: string[] = [];
  const killed: string[] = [];
  const log: string[] = [];
  const ends = new Map<string, { resolve(result: RunResult): void; reject(error: Error): void }>();
  const queue = new RunQueue(
    {
      run: (params: RunRequest) => {
        started.push(params.graphText);
        return new Promise<RunResult>((resolve, reject) => ends.set(params.graphText, { resolve, reject }));
      },
      cancel: async (runId) => void cancelled.push(runId),
      kill: (sentence) => {
        killed.push(sentence);
        for (const { reject } of ends.values()) reject(new WeftError('internal', sentence));
      },
    },
    {
      changed: (run) => log.push(`${run.title} ${run.record.state.state}`),
      event: (_, event) => {
        if (event.event === 'cell') log.push(event.message ?? event.state);
      },
      wrote,
    },
    () => graceMs,
  );
  const add = (name: string) => queue.add(name, name, { graphText: name, graphPath: `/${name}`, outDir: '/out' });
  return { queue, add, started, cancelled, killed, log, ends };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('the queue of runs', () => {
  it('tells why a cell failed as it reads beside the graph, without the place in its file', async () => {
    const { add, queue, log } = setUp();
    const { runId } = add('a').record.state;
    await turn();
    const cell = { event: 'cell' as const, runId, node: 'sweep', row: 0, column: 0, graphText: '', set: [] };
    queue.receive({ event: 'sweep', runId, node: 'sweep', columns: { title: 'skip', labels: ['30'] } });
    queue.receive({ ...cell, state: 'failed', message: '/a:12:5: schedule.skip: skip must be less than steps.' });
    expect(log.at(-1)).toBe('skip must be less than steps.');
  });

  it('does one run at a time, in order, and tells of each change', async () => {
    const { add, started, log, ends } = setUp();
    const first = add('a');
    const second = add('b');
    await turn();
    expect(started).toEqual(['a']);
    ends.get('a')?.resolve(result);
    expect(await first.done).toBe(result);
    await turn();
    ends.get('b')?.resolve(result);
    await second.done;
    expect(log).toEqual(['a queued', 'a running', 'b queued', 'a done', 'b running', 'b done']);
    expect(first.record.state).toMatchObject({ seconds: 1.5, provider: 'cpu', unet: { encoder: 4, decoder: 2 } });
  });

  it('begins the next run only when what the last one wrote is kept: both may write the same file', async () => {
    let kept: () => void = () => undefined;
    const seen: string[] = [];
    const { add, started, ends } = setUp(undefined, (run, files) => {
      seen.push(`${run.title} ${files.join()}`);
      return new Promise((resolve) => (kept = resolve));
    });
    add('a');
    add('b');
    await turn();
    ends.get('a')?.resolve(result);
    await turn();
    expect(seen).toEqual(['a /out/a.png']);
    expect(started).toEqual(['a']);
    kept();
    await turn();
    expect(started).toEqual(['a', 'b']);
  });

  it('shows the previews that come after the end of a run, and those of no run before it', async () => {
    const { add, queue, ends } = setUp();
    const preview = (runId: string) => {
      const frame = { index: 0, total: 2, timestep: 1, kind: 'x0' as const, width: 1, height: 1 };
      queue.receive({ event: 'preview', runId, node: 'denoise', ...frame, rgba: new Uint8Array(4) });
    };
    const runs = [add('a'), add('b')];
    for (const run of runs) {
      await turn();
      ends.get(run.title)?.resolve(result);
      await run.done;
    }
    for (const run of runs) preview(run.record.state.runId);
    expect(runs.map((run) => run.record.frames.length)).toEqual([0, 1]);
  });

  it('goes on after a run that failed, whose record says why and at which node', async () => {
    const { add, started, ends } = setUp();
    const first = add('a');
    add('b');
    await turn();
    ends.get('a')?.reject(new WeftError('graph', 'No such picture.', 'structure'));
    expect(await first.done).toBeUndefined();
    expect(first.record.state).toMatchObject({
      state: 'failed',
      message: 'No such picture.',
      nodes: { structure: { state: 'failed', message: 'No such picture.' } },
    });
    await turn();
    expect(started).toEqual(['a', 'b']);
  });

  it('never starts a run that was stopped while it waited', async () => {
    const { queue, add, started, ends } = setUp();
    add('a');
    const waiting = add('b');
    await queue.stop(waiting.record.state.runId);
    expect(waiting.record.state.state).toBe('cancelled');
    await turn();
    ends.get('a')?.resolve(result);
    expect(await waiting.done).toBeUndefined();
    expect(started).toEqual(['a']);
    expect(queue.open).toHaveLength(0);
  });

  it('says what is wrong in a graph without the place, which the studio shows itself', async () => {
    const { add, ends } = setUp();
    const run = add('a');
    await turn();
    const sentence = 'The file images/cat.png is not there: choose another.';
    ends
      .get('a')
      ?.reject(
        new WeftError('graph', `/a:7:12: structure.path: ${sentence}\n/a:9:1: A wire leads nowhere.`, 'structure'),
      );
    await run.done;
    expect(run.record.state).toMatchObject({
      message: `${sentence}\nA wire leads nowhere.`,
      nodes: { structure: { message: `${sentence}\nA wire leads nowhere.` } },
    });
  });

  it('asks the engine to stop and calls the run stopped, not failed', async () => {
    const { queue, add, cancelled, killed, ends } = setUp();
    const run = add('a');
    await turn();
    const stopped = queue.stop(run.record.state.runId);
    expect(cancelled).toEqual([run.record.state.runId]);
    ends.get('a')?.reject(new WeftError('interrupted', 'Interrupted.'));
    await stopped;
    expect(run.record.state).toMatchObject({ state: 'cancelled', message: 'Stopped.' });
    expect(killed).toEqual([]);
  });

  it('ends the engine when it does not stop within the grace time', async () => {
    vi.useFakeTimers();
    try {
      const { queue, add, killed } = setUp(3000);
      const run = add('a');
      await vi.advanceTimersByTimeAsync(1);
      const stopped = queue.stop(run.record.state.runId);
      await vi.advanceTimersByTimeAsync(2900);
      expect(killed).toEqual([]);
      await vi.advanceTimersByTimeAsync(200);
      await stopped;
      expect(killed).toHaveLength(1);
      expect(run.record.state.state).toBe('cancelled');
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives an engine that died as a failure of the node at work', async () => {
    const { queue, add, ends } = setUp();
    const run = add('a');
    await turn();
    const { runId } = run.record.state;
    queue.receive({ event: 'run.started', runId, nodes: ['invert', 'denoise'] });
    queue.receive({ event: 'node', runId, node: 'invert', state: 'running', step: 3, total: 9 });
    ends.get('a')?.reject(new WeftError('internal', 'The engine ended unexpectedly (SIGKILL).'));
    await run.done;
    expect(run.record.state.nodes).toEqual({
      invert: { state: 'failed', message: 'The engine ended unexpectedly (SIGKILL).' },
      denoise: { state: 'skipped' },
    });
  });

  it('drops events of runs that are over', async () => {
    const { queue, add, ends } = setUp();
    const run = add('a');
    await turn();
    ends.get('a')?.resolve(result);
    await run.done;
    queue.receive({ event: 'node', runId: run.record.state.runId, node: 'x', state: 'running' });
    expect(run.record.state.nodes).toEqual({});
  });
});
