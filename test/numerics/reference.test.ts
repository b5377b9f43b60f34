/** The vendored cut of the reference runs, replayed with each of the three UNet exports. `npm run check:reference` does the whole. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelNames, openModels } from '../fixtures/onnx/open';
import { compareRuns, parsePythonJson } from '../support/reference';

const fixtures = path.join(import.meta.dirname, '..', 'fixtures');
let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-reference-folder-'));
  fs.cpSync(path.join(fixtures, 'reference'), folder, { recursive: true });
  fs.cpSync(openModels(), path.join(folder, 'onnx'), { recursive: true });
  fs.cpSync(path.join(fixtures, 'onnx', 'tokenizer'), path.join(folder, 'tokenizer'), { recursive: true });
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

it.each(modelNames(/^unet/))(
  'agrees with the reference runs to the last latents, with %s',
  async (unet) => {
    const results = await compareRuns(folder, ['runA', 'runB'], path.join(folder, 'onnx', `${unet}.onnx`));
    for (const [run, differences] of results) {
      const keys = differences.map(({ key }) => key);
      expect(keys, run).toContain('tr_final_latents[O]');
      expect(
        differences.filter(({ difference, tolerance }) => !(difference <= tolerance)),
        run,
      ).toEqual([]);
    }
    const ofA = results.get('runA')!.map(({ key }) => key);
    expect(ofA).toEqual(
      expect.arrayContaining(['tr_eps_swap_006[O]', 'tr_lat_006_cb[O]', 'inv_app_eps_uncond_t451', 'emb_prompt']),
    );
  },
  600_000,
);

it('reads JSON as Python writes it', () => {
  expect(parsePythonJson('{"a": [NaN, 1, -Infinity], "b": "NaN, kept"}')).toEqual({
    a: [null, 1, null],
    b: 'NaN, kept',
  });
});
