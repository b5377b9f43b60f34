/** Shape computations that never change are written into the graph; whatever can change stays computed. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { type DeclaredDim } from '../../../../extension/engine/onnx/graph';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { dropOutputCopies, foldShapes } from '../../../../extension/engine/onnx/surgery/foldShapes';
import { addResult, emptyModel, FLOAT, saveModel } from '../../../fixtures/onnx/build';
import { float32, noise } from '../../../fixtures/onnx/feeds';

/** x [b, 4, h, w] → [b, 4, h·w] as exporters write it, by way of x's shape; the same again as a second output. */
function flattened(dims: DeclaredDim[], fold: boolean): { file: string; operators: string[] } {
  const { model, graph } = emptyModel();
  graph.addInput('x', FLOAT, dims);
  const shape = graph.add('Shape', ['x'], 'shape');
  const side = (axis: number): string => graph.add('Gather', [shape, graph.int64([axis])], 'side', { axis: 0 });
  const pixels = graph.add('Mul', [side(2), side(3)], 'pixels');
  const target = graph.add('Concat', [side(0), side(1), pixels], 'target', { axis: 0 });
  addResult(graph, 'y', graph.add('Reshape', ['x', target], 'flat'));
  const doubled = graph.add('Add', ['y', 'y'], 'doubled');
  graph.addOutput('z', doubled, FLOAT, [undefined, undefined, undefined]);
  if (fold) {
    foldShapes(graph);
    dropOutputCopies(graph);
  }
  graph.tidy();
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-fold-')), 'm.onnx');
  saveModel(file, model);
  return { file, operators: graph.nodes.map(({ opType }) => opType) };
}

async function run(file: string, dims: number[]): Promise<unknown> {
  const sessions = inProcessSessions();
  await sessions.load('m', file, { provider: 'cpu', threads: 1 });
  const x = float32(dims, noise(dims.reduce((a, b) => a * b, 1)));
  const answer = await sessions.run('m', { x }, ['y', 'z']);
  await sessions.release('m');
  return answer;
}

it('with one open side nothing of the shapes is left, and the results are the same for any batch', async () => {
  const plain = flattened(['b', 4, 8, 6], false);
  const folded = flattened(['b', 4, 8, 6], true);
  expect(plain.operators).toContain('Shape');
  expect(folded.operators).toEqual(['Reshape', 'Add']);
  for (const batch of [1, 2, 5]) {
    expect(await run(folded.file, [batch, 4, 8, 6])).toEqual(await run(plain.file, [batch, 4, 8, 6]));
  }
});

it('with more of them open the target stays computed', async () => {
  const folded = flattened(['b', 4, 'h', 'w'], true);
  expect(folded.operators).toContain('Shape');
  const plain = flattened(['b', 4, 'h', 'w'], false);
  for (const dims of [
    [1, 4, 8, 6],
    [3, 4, 5, 7],
  ])
    expect(await run(folded.file, dims)).toEqual(await run(plain.file, dims));
});
