import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearOptimisedGraphs } from '../../../../extension/engine/onnx/optimisedGraphs';
import { defaultThreads, inProcessSessions, workerSessions } from '../../../../extension/engine/onnx/session';
import { type SessionHost, type TensorData } from '../../../../extension/engine/onnx/types';
import { WeftError } from '../../../../extension/protocol/errors';
import { productModel, saveModel } from '../../../fixtures/onnx/build';
import { difference, float32, noise } from '../../../fixtures/onnx/feeds';
import { fixtures } from '../../../fixtures/onnx/open';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-session-'));
const model = path.join(folder, 'model.onnx');
const weights = noise(64, 4);
beforeAll(() => saveModel(model, productModel(8, 8, weights)));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const x = noise(16, 9);
const expected = Float32Array.from({ length: 16 }, (_, at) => {
  const [row, column] = [at >> 3, at & 7];
  let sum = 0;
  for (let k = 0; k < 8; k++) sum += x[row * 8 + k]! * weights[k * 8 + column]!;
  return sum;
});
const cpu = { provider: 'cpu', threads: 1 };

describe.each([
  ['on the calling thread', () => inProcessSessions()],
  ['on a worker thread', () => workerSessions(path.join(fixtures, 'worker.cjs'))],
])('onnxruntime %s', (_, make) => {
  let sessions: SessionHost;
  beforeAll(async () => {
    sessions = make();
    await sessions.load('m', model, cpu);
  });
  afterAll(() => sessions.release('m'));

  it('computes', async () => {
    const { y } = await sessions.run('m', { x: float32([2, 8], x) }, ['y']);
    expect(y!.dims).toEqual([2, 8]);
    expect(difference(y!.data as Float32Array, expected)).toBeLessThan(1e-6);
  });

  it('takes and gives tensors without rows', async () => {
    const { y } = await sessions.run('m', { x: float32([0, 8], []) }, ['y']);
    expect(y!.dims).toEqual([0, 8]);
  });

  it('answers in the order of the calls, and counts what it spends inside', async () => {
    sessions.times(true);
    const answers = await Promise.all(
      [1, 2, 3].map((rows) => sessions.run('m', { x: float32([rows, 8], noise(rows * 8)) }, ['y'])),
    );
    expect(answers.map(({ y }) => y!.dims[0])).toEqual([1, 2, 3]);
    const { runs, runMs } = sessions.times(true);
    expect(runs).toBe(3);
    expect(runMs).toBeGreaterThan(0);
    expect(sessions.times().runs).toBe(0);
  });

  it('leaves the feeds usable unless they are handed over', async () => {
    const feed = float32([2, 8], x.slice());
    await sessions.run('m', { x: feed }, ['y']);
    expect(feed.data.length).toBe(16);
    const { y } = await sessions.run('m', { x: feed }, ['y'], { transfer: [feed] });
    expect(difference(y!.data as Float32Array, expected)).toBeLessThan(1e-6);
  });

  it('says in a sentence that a provider is not there, and does not fall back by itself', async () => {
    const refused = sessions.load('gpu', model, { provider: 'no-such-provider' });
    await expect(refused).rejects.toThrow(/refused the provider "no-such-provider".*"cpu", which always works/);
    await expect(refused).rejects.toBeInstanceOf(WeftError);
    await expect(sessions.run('gpu', { x: float32([2, 8], x) }, ['y'])).rejects.toThrow(/No onnxruntime session/);
  });

  it('says of a damaged model, a missing input and a wrong shape what onnxruntime says, and lives on', async () => {
    const damaged = path.join(folder, 'damaged.onnx');
    fs.writeFileSync(damaged, 'no model');
    await expect(sessions.load('damaged', damaged, cpu)).rejects.toThrow(/onnxruntime refused/);
    await expect(sessions.run('m', {}, ['y'])).rejects.toThrow(WeftError);
    await expect(sessions.run('m', { x: float32([2, 7], noise(14)) }, ['y'])).rejects.toThrow(/could not run/);
    await sessions.run('m', { x: float32([2, 8], x) }, ['y']);
  });

  it('replaces a session when another model takes its key', async () => {
    const other = path.join(folder, 'other.onnx');
    saveModel(
      other,
      productModel(
        8,
        8,
        weights.map((value) => 2 * value),
      ),
    );
    await sessions.load('k', model, cpu);
    await sessions.load('k', other, cpu);
    const { y } = await sessions.run('k', { x: float32([2, 8], x) }, ['y']);
    expect(
      difference(
        y!.data as Float32Array,
        expected.map((value) => 2 * value),
      ),
    ).toBeLessThan(1e-6);
    await sessions.release('k');
    await expect(sessions.run('k', { x: float32([2, 8], x) }, ['y'])).rejects.toThrow(/No onnxruntime session/);
  });
});

it('uses no more threads than the machine has', () => {
  expect(defaultThreads()).toBeGreaterThanOrEqual(1);
  expect(defaultThreads()).toBeLessThanOrEqual(os.availableParallelism());
});

describe('optimised graphs', () => {
  const optimised = { folder: path.join(folder, 'optimised'), name: 'model' };
  const compute = async (): Promise<Float32Array> => {
    const sessions = inProcessSessions();
    await sessions.load('m', model, { ...cpu, optimised });
    const { y } = await sessions.run('m', { x: float32([2, 8], x) }, ['y']);
    await sessions.release('m');
    return y!.data as Float32Array;
  };
  const keptModel = (): string => path.join(optimised.folder, fs.readdirSync(optimised.folder)[0]!, 'model.onnx');

  it('are kept by the first start, opened by the second, and made anew when they are damaged', async () => {
    const first = await compute();
    expect(difference(first, expected)).toBeLessThan(1e-5);
    const written = fs.statSync(keptModel()).mtimeMs;
    // The graph itself need not be there any more: the kept one is opened.
    fs.renameSync(model, `${model}.away`);
    fs.writeFileSync(model, 'no model');
    expect(await compute()).toEqual(first);
    fs.renameSync(`${model}.away`, model);
    expect(fs.statSync(keptModel()).mtimeMs).toBe(written);
  });

  it('are made anew at once when a file of theirs has changed, is missing or belongs to another graph', async () => {
    clearOptimisedGraphs(optimised.folder);
    const [large, twice] = [1, 2].map((factor) => {
      const file = path.join(folder, `large-${factor}.onnx`);
      // Enough weights for a file of their own.
      saveModel(
        file,
        productModel(
          32,
          32,
          noise(1024, 4).map((value) => factor * value),
        ),
      );
      return file;
    });
    const result = async (file = large!, name = 'large'): Promise<TensorData> => {
      const sessions = inProcessSessions();
      await sessions.load('m', file, { ...cpu, optimised: { ...optimised, name } });
      const { y } = await sessions.run('m', { x: float32([2, 32], noise(64, 9)) }, ['y']);
      await sessions.release('m');
      return y!;
    };
    const first = await result();
    const place = path.dirname(keptModel());
    const whole = new Map(fs.readdirSync(place).map((name) => [name, fs.readFileSync(path.join(place, name))]));
    expect([...whole.keys()].sort()).toEqual(['check.json', 'model.onnx', 'model.weights']);
    // A graph of the same interface that computes something else.
    expect(await result(twice, 'twice')).not.toEqual(first);
    const others = path.join(
      optimised.folder,
      fs.readdirSync(optimised.folder).find((name) => /^twice/.test(name))!,
    );

    for (const name of whole.keys()) {
      const file = path.join(place, name);
      const flipped = Buffer.from(whole.get(name)!);
      flipped[Math.floor(flipped.length * 0.7)]! ^= 1;
      const damages: (() => void)[] = [
        () => fs.writeFileSync(file, flipped),
        () => fs.truncateSync(file, 10),
        () => fs.writeFileSync(file, Buffer.alloc(flipped.length)),
        () => fs.writeFileSync(file, 'null'),
        () => fs.rmSync(file),
        () => fs.copyFileSync(path.join(others, name), file),
      ];
      for (const [index, damage] of damages.entries()) {
        damage();
        expect(await result(), `${name}, damage ${index}`).toEqual(first);
        // What was made anew is whole: the next start opens it.
        const { ino } = fs.statSync(path.join(place, 'model.onnx'));
        await result();
        expect(fs.statSync(path.join(place, 'model.onnx')).ino).toBe(ino);
      }
    }
    // All files of the other one.
    for (const name of whole.keys()) fs.copyFileSync(path.join(others, name), path.join(place, name));
    expect(await result()).toEqual(first);
    clearOptimisedGraphs(optimised.folder);
  });

  it('leaves nothing of a process that was killed while it wrote one', async () => {
    clearOptimisedGraphs(optimised.folder);
    const left = ['model-0.99999999.0a0b0c0d', 'model-0.99999999.0a0b0c0d.removed', 'model-0.aB3xYz'];
    for (const name of left) fs.mkdirSync(path.join(optimised.folder, name), { recursive: true });
    await compute();
    expect(fs.readdirSync(optimised.folder)).toHaveLength(1);
  });

  it('are removed on request, and give way to newer ones beyond their budget', async () => {
    await compute();
    const place = path.dirname(keptModel());
    const bytes = fs.readdirSync(place).reduce((sum, name) => sum + fs.statSync(path.join(place, name)).size, 0);
    expect(clearOptimisedGraphs(optimised.folder)).toBe(bytes);
    expect(fs.readdirSync(optimised.folder)).toEqual([]);
    expect(clearOptimisedGraphs(path.join(folder, 'never written'))).toBe(0);

    const old = path.join(optimised.folder, 'old-graph');
    fs.mkdirSync(old);
    fs.writeFileSync(path.join(old, 'model.weights'), '');
    fs.truncateSync(path.join(old, 'model.weights'), 2 * 2 ** 30);
    fs.utimesSync(old, 1, 1);
    // What another process has removed since the folder was listed.
    fs.symlinkSync('nowhere', path.join(optimised.folder, 'removed'));
    await compute();
    fs.rmSync(path.join(optimised.folder, 'removed'));
    expect(fs.existsSync(old)).toBe(false);
    expect(fs.existsSync(keptModel())).toBe(true);
  });
});
