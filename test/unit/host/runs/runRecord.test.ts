import { describe, expect, it } from 'vitest';
import { type EngineEvent } from '../../../../extension/protocol/engine';
import { describeProgress, fractionDone } from '../../../../extension/host/runs/progressText';
import { RunRecord } from '../../../../extension/host/runs/runRecord';
import { formatSeconds } from '../../../../extension/protocol/numbers';

const preview = (index: number, bytes: number): EngineEvent => ({
  event: 'preview',
  runId: 'r',
  node: 'denoise',
  index,
  total: 100,
  timestep: 900 - index,
  kind: 'x0',
  width: 1,
  height: 1,
  rgba: new Uint8Array(bytes),
});

describe('the record of a run', () => {
  it('holds what an editor opened later must show: states, frames and pictures', () => {
    const record = new RunRecord('r');
    record.begin();
    record.apply({ event: 'run.started', runId: 'r', nodes: ['image', 'denoise'] });
    record.apply({ event: 'node', runId: 'r', node: 'image', state: 'done' });
    record.apply({ event: 'node', runId: 'r', node: 'denoise', state: 'running', step: 1, total: 4 });
    record.apply(preview(0, 4));
    record.apply(preview(1, 4));
    record.apply({ event: 'picture', runId: 'r', node: 'image', port: 'image', png: new Uint8Array([1]) });
    record.apply({
      event: 'picture',
      runId: 'r',
      node: 'image',
      port: 'image',
      png: new Uint8Array([2]),
      caption: 'newer',
    });
    expect(record.state.nodes).toEqual({ image: { state: 'done' }, denoise: { state: 'running', step: 1, total: 4 } });
    expect(record.frames.map(({ index }) => index)).toEqual([0, 1]);
    expect([...record.pictures.values()]).toEqual([
      { runId: 'r', node: 'image', port: 'image', png: new Uint8Array([2]), caption: 'newer' },
    ]);
  });

  it('forgets the oldest frames before it holds too much', () => {
    const record = new RunRecord('r');
    for (let index = 0; index < 5; index++) record.apply(preview(index, 40 * 1024 * 1024));
    expect(record.frames.map(({ index }) => index)).toEqual([3, 4]);
  });

  it('takes in previews after the end, but lets them push out none, and nothing else', () => {
    const record = new RunRecord('r');
    record.begin();
    record.apply(preview(9, 40 * 1024 * 1024));
    record.fail({ kind: 'interrupted', message: 'Stopped.' });
    expect(record.apply({ event: 'node', runId: 'r', node: 'denoise', state: 'done' })).toBe(false);
    expect([8, 7, 6].map((index) => record.apply(preview(index, 40 * 1024 * 1024)))).toEqual([true, false, false]);
    expect(record.frames.map(({ index }) => index)).toEqual([9, 8]);
  });

  it('takes in nothing of another run', () => {
    const record = new RunRecord('other');
    expect(record.apply(preview(0, 4))).toBe(false);
    expect(record.frames).toHaveLength(0);
  });
});

describe('progress in words and numbers', () => {
  it('names the node at work, its steps and the time left', () => {
    const nodes = {
      a: { state: 'done' as const },
      denoise: { state: 'running' as const, step: 41, total: 68, secondsLeft: 3.2 },
    };
    expect(describeProgress({ runId: 'r', state: 'running', nodes })).toBe('denoise 41/68, 3.2 s left');
    expect(describeProgress({ runId: 'r', state: 'queued', nodes: {} })).toBe('waiting');
  });

  it('counts finished nodes whole and the one at work by its steps', () => {
    const nodes = {
      a: { state: 'done' as const },
      b: { state: 'cached' as const },
      c: { state: 'running' as const, step: 1, total: 2 },
      d: { state: 'waiting' as const },
    };
    expect(fractionDone({ runId: 'r', state: 'running', nodes })).toBe(0.625);
  });

  it.each([
    [1.234, '1.2 s'],
    [42.4, '42 s'],
    [125, '2 min 5 s'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
});
