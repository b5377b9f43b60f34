import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type EngineEvent } from '../../../extension/protocol/engine';
import { EngineChannel } from '../../../extension/engine-client/engineChannel';
import { engineEnvironment } from '../../../extension/engine-client/engineEnvironment';

interface Sent {
  id: number;
  method: string;
}

function setUp() {
  const sent: Sent[] = [];
  const events: EngineEvent[] = [];
  const unknown: unknown[] = [];
  const channel = new EngineChannel(
    { send: (message) => void sent.push(message as Sent) },
    { onEvent: (event) => events.push(event), onUnknown: (message) => unknown.push(message) },
  );
  return { channel, sent, events, unknown };
}

describe('requests to the engine', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('gives each request its own answer, in whatever order they come', async () => {
    const { channel, sent } = setUp();
    const first = channel.request('cache.clear', {}, 1000);
    const second = channel.request('cache.clear', {}, 1000);
    channel.receive({ type: 'response', id: sent[1]?.id, result: { bytes: 2 } });
    channel.receive({ type: 'response', id: sent[0]?.id, result: { bytes: 1 } });
    expect(await Promise.all([first, second])).toEqual([{ bytes: 1 }, { bytes: 2 }]);
  });

  it('keeps kind and node of an error', async () => {
    const { channel, sent } = setUp();
    const answer = channel.request('models.verify', { id: 'mini' }, 1000);
    channel.receive({
      type: 'response',
      id: sent[0]?.id,
      error: { kind: 'checkpoint', message: 'Damaged.', node: 'model' },
    });
    await expect(answer).rejects.toMatchObject({ kind: 'checkpoint', message: 'Damaged.', node: 'model' });
  });

  it('ends a request that is never answered, and ignores an answer after that', async () => {
    const { channel, sent } = setUp();
    const answer = channel.request('ping', {}, 5000);
    const ended = expect(answer).rejects.toThrow(/'ping' within 5 s/);
    await vi.advanceTimersByTimeAsync(5000);
    await ended;
    expect(() => channel.receive({ type: 'response', id: sent[0]?.id, result: {} })).not.toThrow();
  });

  it('waits for a run as long as it takes', async () => {
    const { channel, sent } = setUp();
    let settled = false;
    const run = channel.request('run', { runId: 'a', graphText: '', graphPath: '', outDir: '' }, 0);
    void run.finally(() => (settled = true));
    await vi.advanceTimersByTimeAsync(24 * 3600 * 1000);
    expect(settled).toBe(false);
    channel.receive({ type: 'response', id: sent[0]?.id, result: { files: [] } });
    expect(await run).toEqual({ files: [] });
  });

  it('ends every open and every later request when the engine is gone', async () => {
    const { channel } = setUp();
    const open = channel.request('ping', {}, 0);
    channel.fail(new Error('The engine ended.'));
    await expect(open).rejects.toThrow('The engine ended.');
    await expect(channel.request('ping', {}, 0)).rejects.toThrow('The engine ended.');
  });

  it('fails a request that could not be sent', async () => {
    const channel = new EngineChannel(
      {
        send: () => {
          throw new Error('channel closed');
        },
      },
      { onEvent: () => undefined },
    );
    await expect(channel.request('ping', {}, 1000)).rejects.toThrow('channel closed');
  });

  it('tells events and what it does not know apart', () => {
    const { channel, events, unknown } = setUp();
    channel.receive({ type: 'event', event: 'log', level: 'info', message: 'hello' });
    for (const strange of [undefined, 7, 'x', {}, { type: 'response' }, { type: 'event' }]) channel.receive(strange);
    expect(events).toHaveLength(1);
    expect(unknown).toHaveLength(6);
  });
});

describe("the engine's environment", () => {
  it('drops what would make the fork part of the workbench or load a debugger, and keeps the rest', () => {
    const env = engineEnvironment({
      PATH: '/bin',
      VSCODE_PID: '1',
      NODE_OPTIONS: '--inspect',
      WEFT_HOME: '/w',
      EMPTY: undefined,
    });
    expect(env).toMatchObject({ PATH: '/bin', WEFT_HOME: '/w', ELECTRON_RUN_AS_NODE: '1' });
    expect(Object.keys(env)).not.toContain('VSCODE_PID');
    expect(Object.keys(env)).not.toContain('NODE_OPTIONS');
    expect(Object.keys(env)).not.toContain('EMPTY');
  });

  it("leaves the user's own allocator settings alone", () => {
    expect(engineEnvironment({ MALLOC_MMAP_MAX_: '5' }).MALLOC_MMAP_MAX_).toBe('5');
  });
});
