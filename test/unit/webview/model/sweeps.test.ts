import { describe, expect, it } from 'vitest';
import { catalogue, effectiveParams, parseAxis, type ParamSpec, standardGraph } from '../../../../extension/graph';
import { axisText, canSweep, sweptImage, usefulValues } from '../../../../webview/model/sweepAxis';
import { bestCells, type SweepView } from '../../../../webview/model/sweeps';

const paramOf = (type: keyof typeof catalogue, name: string): ParamSpec =>
  catalogue[type].params.find((param) => param.name === name)!;
const valuesOf = (
  type: keyof typeof catalogue,
  name: string,
  written: Record<string, unknown> = {},
  pictures: string[] = [],
) => usefulValues(paramOf(type, name), { params: effectiveParams(type, written), checkpoints: [], pictures });

describe('useful values of a sweep', () => {
  it('cover the useful span of a number, with the present value among them', () => {
    expect(valuesOf('attention-swap', 'contrast')).toEqual([0, 1.67, 2.5, 3.75, 5]);
    expect(valuesOf('schedule', 'steps', { steps: 50 })).toEqual([10, 50, 80, 115, 150]);
    expect(valuesOf('schedule', 'seed', { seed: 7 })).toEqual([7, 8, 9, 10]);
  });

  it('vary the end of a range, both states of a switch, all options of a choice', () => {
    expect(valuesOf('attention-swap', 'higherRange')).toEqual([30, 48, 65, 90, 100].map((end) => [10, end]));
    expect(valuesOf('schedule', 'spacing')).toContain('trailing');
  });

  it('compare an image with others of its folder', () => {
    const pictures = ['images/a.png', 'images/b.png', 'other/c.png'];
    expect(valuesOf('image', 'path', { path: 'images/b.png' }, pictures)).toEqual(['images/b.png', 'images/a.png']);
  });

  it('can be read back for every parameter of the catalogue that can be swept', () => {
    for (const spec of Object.values(catalogue))
      for (const param of spec.params.filter((each) => canSweep(spec.type, each))) {
        const written = param.kind === 'path' ? { [param.name]: "it's, a [photo].png" } : {};
        const values = usefulValues(param, {
          params: effectiveParams(spec.type, written),
          checkpoints: [],
          pictures: [],
        });
        if (values.length === 0) continue;
        expect(parseAxis(axisText('node', param.name, values)), `${spec.type}.${param.name}`).toEqual({
          node: 'node',
          param: param.name,
          values,
        });
      }
  });
});

it('a sweep shows what is measured, else the result below the parameter', () => {
  const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' });
  expect(sweptImage(graph, 'schedule')).toEqual({ node: 'denoise', port: 'image' });
  expect(sweptImage(graph, 'save')).toBeUndefined();
  const evaluate = { type: 'evaluate', inputs: { image: 'denoise.image' } };
  expect(sweptImage({ ...graph, nodes: { ...graph.nodes, evaluate } }, 'swap')?.node).toBe('evaluate');
});

it('marks the best cell of each metric, all of several that are equally good, and none where all are alike', () => {
  const cell = (structure: number, appearance: number, same: number) =>
    ({ state: 'done', set: [], metrics: { structure, appearance, colour: same } }) as const;
  const view: SweepView = {
    runId: 'run',
    columns: { title: 'swap.contrast', labels: ['1', '2', '3'] },
    cells: { '0/0': cell(0.7, 0.5, 3), '0/1': cell(0.9, 0.4, 3), '0/2': cell(0.9, 0.6, 3) },
  };
  // More structure is better, less distance from the appearance is better.
  expect(bestCells(view)).toEqual({ '0/1': ['structure', 'appearance'], '0/2': ['structure'] });
});
