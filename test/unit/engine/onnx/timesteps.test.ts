/** Timesteps as exporters declare them: any integer or float type, one number or one a row. Rows of one call may always differ. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DeclaredDim, Graph, makeNode, makeValueInfo, renameReads } from '../../../../extension/engine/onnx/graph';
import { readModel, writeModel } from '../../../../extension/engine/onnx/modelFile';
import { TensorProto_DataType } from '../../../../extension/engine/onnx/proto/onnx_pb';
import { difference, float32, noise, switchFeeds, timesteps } from '../../../fixtures/onnx/feeds';
import { modelPath } from '../../../fixtures/onnx/open';
import { openRewritten } from '../../../fixtures/onnx/rewritten';

const { INT64, INT32, FLOAT, FLOAT16 } = TensorProto_DataType;
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-timesteps-'));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

async function predict(source: string): Promise<{ type: string; rows: Float32Array }> {
  const open = await openRewritten(source);
  try {
    const feeds = {
      sample: float32([2, 4, 16, 16], noise(2 * 4 * 16 * 16, 5)),
      encoder_hidden_states: float32([2, 7, 12], noise(2 * 7 * 12, 6)),
      timestep: timesteps(open.unet, [301, 21]),
      ...switchFeeds(open.unet, [16, 16], { rows: [0, 1] }),
    };
    const output = (await open.run(feeds))[open.unet.output.name]!;
    return { type: open.unet.timestep.type, rows: output.data as Float32Array };
  } finally {
    await open.close();
  }
}

let expected: Float32Array;
beforeAll(async () => {
  expected = (await predict(modelPath('small_script17_joint'))).rows;
  const half = expected.length / 2;
  // The two rows do differ by their timesteps.
  expect(difference(expected.subarray(0, half), expected.subarray(half))).toBeGreaterThan(1e-3);
});

it.each<[string, number, DeclaredDim[], string]>([
  ['int64 [1]', INT64, [1], 'int64'],
  ['int64 [batch]', INT64, ['batch'], 'int64'],
  ['int32 [1]', INT32, [1], 'int32'],
  ['int32 [batch]', INT32, ['batch'], 'int32'],
  ['float [1]', FLOAT, [1], 'float32'],
  ['float [batch]', FLOAT, ['batch'], 'float32'],
  ['half [1]', FLOAT16, [1], 'float32'],
])('%s', async (name, type, dims, fed) => {
  const model = readModel(modelPath('small_script17_joint'));
  const graph = new Graph(model.proto);
  const at = graph.proto.input.findIndex((input) => input.name === 'timestep');
  for (const node of [...graph.consumers('timestep')])
    renameReads(node, (read) => (read === 'timestep' ? 'steps64' : read));
  graph.push(makeNode('Cast', ['timestep'], ['steps64'], { to: INT64 }));
  graph.proto.input[at] = makeValueInfo('timestep', type, dims);
  graph.changed();
  const file = path.join(root, name.replaceAll(/\W+/g, '-'), 'model.onnx');
  await writeModel(model, file);
  const { type: declared, rows } = await predict(file);
  expect(declared).toBe(fed);
  expect(difference(rows, expected)).toBeLessThan(1e-5);
});
