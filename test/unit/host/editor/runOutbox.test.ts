import { describe, expect, it, vi } from 'vitest';
import { RunOutbox } from '../../../../extension/host/editor/runOutbox';
import { type HostToStudio } from '../../../../extension/protocol/studio';
import { Throttle } from '../../../../extension/host/throttle';

function setUp() {
  const sent: HostToStudio[] = [];
  const arrivals: (() => void)[] = [];
  const outbox = new RunOutbox((message) => {
    sent.push(message);
    return new Promise<void>((resolve) => arrivals.push(resolve));
  });
  const arrive = async () => {
    arrivals.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  };
  const frame = (index: number, runId = 'r', node = 'n') =>
    outbox.frame({
      type: 'frame',
      frame: {
        runId,
        node,
        index,
        total: 9,
        timestep: 0,
        kind: 'x0',
        width: 1,
        height: 1,
        rgba: new Uint8Array(4),
      },
    });
  const status = (node: string, step: number) =>
    outbox.status({ type: 'node', runId: 'r', node, status: { state: 'running', step, total: 9 } });
  const words = () =>
    sent.map((message) => {
      if (message.type === 'frame')
        return `${message.frame.node === 'n' ? 'frame' : message.frame.node} ${message.frame.index}`;
      if (message.type === 'node') return `${message.node} ${message.status.step}`;
      return message.type;
    });
  return { outbox, arrive, frame, status, words };
}

describe('messages of a run to a page', () => {
  it('has one under way at a time, and sends the newest frame before those it missed', async () => {
    const { arrive, frame, words } = setUp();
    for (const index of [0, 1, 2, 3]) frame(index);
    expect(words()).toEqual(['frame 0']);
    await arrive();
    frame(4);
    expect(words()).toEqual(['frame 0', 'frame 3']);
    for (let count = 0; count < 4; count++) await arrive();
    expect(words()).toEqual(['frame 0', 'frame 3', 'frame 4', 'frame 2', 'frame 1']);
  });

  it('shows a node that is done before the older steps of one that goes on, and does not let it wait for newer ones', async () => {
    const { arrive, frame, words } = setUp();
    frame(0);
    for (const index of [0, 1]) frame(index, 'r', 'inversion');
    for (const index of [1, 2]) frame(index);
    await arrive();
    frame(3);
    for (let count = 0; count < 5; count++) await arrive();
    expect(words()).toEqual(['frame 0', 'inversion 1', 'frame 3', 'frame 2', 'frame 1', 'inversion 0']);
  });

  it('sends only the newest state of a node, before any frame', async () => {
    const { arrive, frame, status, words } = setUp();
    frame(0);
    frame(1);
    for (const step of [1, 2, 3]) status('a', step);
    status('b', 1);
    for (let count = 0; count < 3; count++) await arrive();
    expect(words()).toEqual(['frame 0', 'a 3', 'b 1', 'frame 1']);
  });

  it('sends the end of a run at once, and nothing older after it', async () => {
    const { outbox, arrive, frame, status, words } = setUp();
    frame(0);
    status('a', 8);
    frame(1, 'another run');
    outbox.run({ type: 'run', run: { runId: 'r', state: 'cancelled', nodes: {} } });
    expect(words()).toEqual(['frame 0', 'run']);
    await arrive();
    expect(words()).toEqual(['frame 0', 'run']);
  });

  it('starts afresh with a page that was loaded anew', async () => {
    const { outbox, arrive, frame, words } = setUp();
    frame(0);
    frame(1);
    outbox.reset();
    frame(7);
    expect(words()).toEqual(['frame 0', 'frame 7']);
    frame(8);
    await arrive();
    expect(words()).toEqual(['frame 0', 'frame 7']);
    await arrive();
    expect(words()).toEqual(['frame 0', 'frame 7', 'frame 8']);
  });
});

describe('a throttle', () => {
  it('acts at once, then at most once in its time, and not after it is disposed', () => {
    vi.useFakeTimers();
    const action = vi.fn();
    const throttle = new Throttle(action, 100);
    for (let count = 0; count < 5; count++) throttle.request();
    expect(action).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(100);
    expect(action).toHaveBeenCalledTimes(2);
    throttle.request();
    throttle.dispose();
    vi.advanceTimersByTime(1000);
    expect(action).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
