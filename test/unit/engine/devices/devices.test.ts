import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CudaLibrary } from '../../../../extension/engine/devices/cudaLibrary';
import { Devices } from '../../../../extension/engine/devices/devices';
import { explain, type Surroundings } from '../../../../extension/engine/devices/explain';
import { tryProvider } from '../../../../extension/engine/devices/trial';
import { type Trial } from '../../../../extension/engine/devices/types';
import { cardAndProcessor, fastAnswer } from '../../../support/cardThatFails';

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-devices-'));
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

const { candidates: two } = cardAndProcessor;
/** A trial of a card that is fast and right, but for what a test says. */
const trialOf = (answer: object = {}): Trial => ({ answer: { ...fastAnswer, ...answer }, stderr: '' });
const fast = trialOf();

describe('what to compute on', () => {
  let home: string;
  let tried: string[];
  const devices = (trial: Trial, runtime = '1.0.0'): Devices =>
    new Devices({
      home,
      runtime,
      version: 'test',
      probePath: '',
      cuda: new CudaLibrary({ home, version: runtime, runtimeFolder: '' }),
      log: () => {},
      candidates: two,
      attempt: async (provider) => {
        tried.push(provider);
        return trial;
      },
    });
  beforeEach(() => {
    home = fs.mkdtempSync(path.join(work, 'home-'));
    tried = [];
  });

  it('is the first that works and is faster than the processor', async () => {
    expect((await devices(fast).choose(undefined)).provider).toBe('gpu');
    const [card, processor] = await devices(fast).list();
    expect(card).toMatchObject({ provider: 'gpu', available: true, chosen: true });
    expect(processor).toMatchObject({ provider: 'cpu', available: true, chosen: false });
  });

  it.each(['null', '[]', '{"key": 1}', 'no JSON'])('is found anew when what is remembered is %s', async (text) => {
    await devices(fast).list();
    const remembered = path.join(home, 'devices.json');
    const whole = JSON.parse(fs.readFileSync(remembered, 'utf8')) as { key: string };
    fs.writeFileSync(remembered, text);
    expect((await devices(fast).choose(undefined)).provider).toBe('gpu');
    // The right key with verdicts that are none.
    fs.writeFileSync(remembered, JSON.stringify({ key: whole.key, verdicts: { gpu: null, cpu: 7 } }));
    expect((await devices(fast).choose(undefined)).provider).toBe('gpu');
    expect(tried).toEqual(['gpu', 'gpu', 'gpu']);
    expect(JSON.parse(fs.readFileSync(remembered, 'utf8'))).toEqual(whole);
  });

  it('is not a software driver, unless it is asked for by name', async () => {
    const found = devices(trialOf({ milliseconds: 900, cpuMilliseconds: 4 }));
    expect((await found.choose('auto')).provider).toBe('cpu');
    expect((await found.choose('gpu')).provider).toBe('gpu');
    expect((await found.list())[0]!.sentence).toMatch(/slower than the processor \(900 ms .* 4\.0 ms\)/);
  });

  it('is never one that computes wrong numbers, or that leaves everything to the processor', async () => {
    const attention = (difference: number): object => ({ attention: { tokens: 320, fused: true, difference } });
    for (const [answer, sentence] of [
      [{ difference: 0.3 }, 'It computes wrong numbers: 30.0 % off in the test graph.'],
      [{ difference: NaN }, 'It computes wrong numbers: not even numbers in the test graph.'],
      [
        attention(0.213),
        'It computes attention wrongly: 21.3 % off over 320 tokens (the operator MultiHeadAttention).',
      ],
      [attention(NaN), 'It computes attention wrongly: not even numbers over 320 tokens'],
      [{ nodes: { cpu: 10 } }, 'ran nothing on it: all 10 nodes'],
    ] as const) {
      const found = devices(trialOf(answer));
      expect((await found.choose(undefined)).provider).toBe('cpu');
      const [card] = await found.list();
      expect(card!.available).toBe(false);
      expect(card!.sentence).toContain(sentence);
      expect(card!.next).toMatch(/probe again/);
      home = fs.mkdtempSync(path.join(work, 'home-'));
    }
  });

  it('is remembered, found anew for another onnxruntime, and on request', async () => {
    await devices(fast).list();
    await devices(fast).list();
    expect(tried).toEqual(['gpu']);
    await devices(fast, '2.0.0').list();
    expect(tried).toHaveLength(2);
    await devices(fast, '2.0.0').list(true);
    expect(tried).toHaveLength(3);
  });

  it('is another one after it failed while it computed', async () => {
    const found = devices(fast);
    expect((await found.choose(undefined)).provider).toBe('gpu');
    found.reportFailure('gpu', 'Device lost.');
    expect((await found.choose(undefined)).provider).toBe('cpu');
    expect((await found.list())[0]!.sentence).toContain('Device lost.');
    await found.list(true);
    expect((await found.choose(undefined)).provider).toBe('gpu');
  });

  it('refuses a name that this platform does not have, and lists those it has', async () => {
    await expect(devices(fast).choose('tpu')).rejects.toThrow(/no provider "tpu".*gpu, cpu or auto/);
  });
});

describe('a trial in a process of its own', () => {
  const program = (name: string, text: string): string => {
    const file = path.join(work, name);
    fs.writeFileSync(file, text);
    return file;
  };
  it('survives a crash and tells the signal', async () => {
    const { ended, answer } = await tryProvider(program('crash.cjs', 'process.kill(process.pid, "SIGSEGV")'), 'gpu');
    expect([ended, answer]).toEqual(['SIGSEGV', undefined]);
  });
  it('ends one that hangs', async () => {
    const trial = await tryProvider(program('hang.cjs', 'setInterval(() => {}, 1000)'), 'gpu', process.env, 1500);
    expect(trial.ended).toBe('timeout');
  });
  it('brings back the answer and what the driver wrote', async () => {
    const text = 'console.error("driver says"); process.send({ error: `no ${process.argv[2]}` })';
    const trial = await tryProvider(program('say.cjs', `${text}; process.disconnect()`), 'gpu');
    expect(trial.answer).toEqual({ error: 'no gpu' });
    expect(trial.stderr).toContain('driver says');
  });
});

describe('why a provider is not there', () => {
  const around: Surroundings = { platform: 'linux', nvidia: true, vulkanLoader: true, cudaInstalled: true };
  const says = (provider: string, error: string, more: Partial<Surroundings> = {}, stderr = ''): string => {
    const verdict = explain({ provider, title: provider }, { answer: { error }, stderr }, { ...around, ...more });
    expect(verdict.available).toBe(false);
    return `${verdict.sentence} ${verdict.next}`;
  };
  it.each([
    ['cuda', 'Failed to load shared library', { nvidia: false }, /No driver of NVIDIA.*nvidia-smi/],
    [
      'cuda',
      'Failed to load shared library',
      { cudaInstalled: false },
      /CUDA library is not.*weft devices install cuda/,
    ],
    [
      'cuda',
      'Failed to load library x/libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file: No such file or directory',
      {},
      /libcudnn\.so\.9, which .* can't be loaded.*LD_LIBRARY_PATH/,
    ],
    [
      'cuda',
      'Failed to load library x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file',
      { cuda: { version: 13, missing: ['libcublas.so.13', 'libcublasLt.so.13'], driverLibrary: true } },
      /^libcublas\.so\.13 and libcublasLt\.so\.13, which .* are not found on this machine.*CUDA 13 libraries/,
    ],
    [
      'cuda',
      'CUDA driver version is insufficient for CUDA runtime version',
      { cuda: { version: 13, missing: [], driverLibrary: true, driver: '535.104.05' } },
      /driver 535\.104\.05 is too old for CUDA 13.*580 series or later/,
    ],
    [
      'cuda',
      'CUDA driver version is insufficient for CUDA runtime version',
      { cuda: { version: 13, missing: [], driverLibrary: true } },
      /driver is too old for the CUDA 13.*580 series or later/,
    ],
    [
      'cuda',
      'CUDA driver version is insufficient for CUDA runtime version',
      { cuda: { version: 13, missing: [], driverLibrary: false, driver: '580.65.06' } },
      /libcuda\.so\.1, is not found.*container/,
    ],
    ['cuda', 'CUDA failure 100: no CUDA-capable device is detected', {}, /sees no CUDA card.*CUDA_VISIBLE_DEVICES/],
    ['webgpu', 'Failed to get a WebGPU adapter: No supported adapters', { vulkanLoader: false }, /libvulkan1/],
    ['webgpu', 'Failed to get a WebGPU adapter: No supported adapters', {}, /No Vulkan driver.*mesa-vulkan-drivers/],
    ['dml', 'no available backend found. ERR: [dml] backend not found.', {}, /has no "dml"/],
  ])('%s: %s', (provider, error, more, expected) => {
    expect(says(provider, error, more)).toMatch(expected);
  });
});
