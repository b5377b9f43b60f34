import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { applyFreeu } from '../../../../extension/engine/onnx/surgery/freeu';
import { addResult, emptyModel, FLOAT, saveModel } from '../../../fixtures/onnx/build';
import { difference, float32, noise } from '../../../fixtures/onnx/feeds';

/** The authors' filter, literally: shift, scale rows and columns −1 and 0 about the centre, shift back, keep the real part. */
function fourierFilter(x: Float32Array, channels: number, h: number, w: number, scale: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let c = 0; c < channels; c++) {
    const map = x.subarray(c * h * w, (c + 1) * h * w);
    const re = new Float64Array(h * w);
    const im = new Float64Array(h * w);
    for (let u = 0; u < h; u++)
      for (let v = 0; v < w; v++)
        for (let i = 0; i < h; i++)
          for (let j = 0; j < w; j++) {
            const angle = -2 * Math.PI * ((u * i) / h + (v * j) / w);
            re[u * w + v]! += map[i * w + j]! * Math.cos(angle);
            im[u * w + v]! += map[i * w + j]! * Math.sin(angle);
          }
    for (let u = 0; u < h; u++)
      for (let v = 0; v < w; v++) {
        // Index of the frequency after the shift; h >> 1 is the centre.
        const [su, sv] = [(u + (h >> 1)) % h, (v + (w >> 1)) % w];
        const low = su >= (h >> 1) - 1 && su < (h >> 1) + 1 && sv >= (w >> 1) - 1 && sv < (w >> 1) + 1;
        if (low) {
          re[u * w + v]! *= scale;
          im[u * w + v]! *= scale;
        }
      }
    for (let i = 0; i < h; i++)
      for (let j = 0; j < w; j++) {
        let sum = 0;
        for (let u = 0; u < h; u++)
          for (let v = 0; v < w; v++) {
            const angle = 2 * Math.PI * ((u * i) / h + (v * j) / w);
            sum += re[u * w + v]! * Math.cos(angle) - im[u * w + v]! * Math.sin(angle);
          }
        out[c * h * w + i * w + j] = sum / (h * w);
      }
  }
  return out;
}

async function freeu(x: Float32Array, dims: number[], gains: number[], offset: 0 | 2): Promise<Float32Array> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-freeu-'));
  const { model, graph } = emptyModel();
  graph.addInput('x', FLOAT, ['b', dims[1], 'h', 'w']);
  graph.addInput('gains', FLOAT, [4]);
  addResult(graph, 'y', applyFreeu(graph, 'x', dims[1]!, FLOAT, 'gains', offset));
  graph.tidy();
  saveModel(path.join(folder, 'm.onnx'), model);
  const sessions = inProcessSessions();
  await sessions.load('m', path.join(folder, 'm.onnx'), { provider: 'cpu', threads: 1 });
  const { y } = await sessions.run('m', { x: float32(dims, x), gains: float32([4], gains) }, ['y']);
  await sessions.release('m');
  fs.rmSync(folder, { recursive: true });
  return y!.data as Float32Array;
}

describe('FreeU in the graph', () => {
  it.each([
    [8, 8],
    [6, 10],
    [7, 5],
    [4, 16],
  ])('equals scaling the shifted FFT at %i × %i', async (h, w) => {
    const x = noise(4 * h * w, h * 100 + w);
    const [b, s] = [1.2, 0.2];
    const boosted = x.map((value, i) => (i < 2 * h * w ? value * b : value));
    const expected = fourierFilter(boosted, 4, h, w, s);
    expect(difference(await freeu(x, [1, 4, h, w], [b, s, 9, 9], 0), expected)).toBeLessThan(4e-6);
    expect(difference(await freeu(x, [1, 4, h, w], [9, 9, b, s], 2), expected)).toBeLessThan(4e-6);
  });

  it('with all gains 1 leaves every bit as it is', async () => {
    const x = noise(2 * 4 * 8 * 8, 3);
    expect(difference(await freeu(x, [2, 4, 8, 8], [1, 1, 1, 1], 0), x)).toBe(0);
  });
});
