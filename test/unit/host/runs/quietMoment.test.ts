import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { QuietMoment } from '../../../../extension/host/runs/quietMoment';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('waits until nothing has happened for so long, and then asks once', () => {
  const ask = vi.fn();
  const moment = new QuietMoment(8000);
  moment.later(ask);
  vi.advanceTimersByTime(7000);
  // The next run begins, and goes on for a while.
  moment.disturb();
  vi.advanceTimersByTime(7000);
  moment.disturb();
  vi.advanceTimersByTime(7999);
  expect(ask).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(ask).toHaveBeenCalledOnce();
  moment.disturb();
  vi.advanceTimersByTime(60_000);
  expect(ask).toHaveBeenCalledOnce();
});

it('asks what was wanted last, and nothing after it was disposed of', () => {
  const asked: string[] = [];
  const moment = new QuietMoment(8000);
  moment.later(() => asked.push('first'));
  moment.later(() => asked.push('second'));
  vi.advanceTimersByTime(8000);
  moment.later(() => asked.push('third'));
  moment.dispose();
  vi.advanceTimersByTime(60_000);
  expect(asked).toEqual(['second']);
});
