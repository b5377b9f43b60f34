import { expect, it } from 'vitest';
import { effectiveParams, type IntegerParam, specOf } from '../../../../extension/graph';
import { sliderSpan } from '../../../../webview/model/sliderSpan';

const spanOf = (type: string, name: string, written: Record<string, unknown> = {}): [number, number] => {
  const param = specOf(type)!.params.find((each) => each.name === name) as IntegerParam;
  return sliderSpan(param, effectiveParams(type, written));
};

it('a slider covers what is useful', () => {
  expect(spanOf('schedule', 'steps')).toEqual([10, 150]);
  expect(spanOf('attention-swap', 'structureEvery')).toEqual([1, 20]);
  expect(spanOf('mask-image', 'threshold')).toEqual([0, 1]);
});

it('no step but the last can be skipped: the slider ends below the steps', () => {
  expect(spanOf('schedule', 'skip', { steps: 30 })).toEqual([0, 29]);
});

it('it widens for a value that was typed', () => {
  expect(spanOf('schedule', 'steps', { steps: 400 })).toEqual([10, 400]);
  expect(spanOf('schedule', 'steps', { steps: 4 })).toEqual([4, 150]);
});
