import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { alphasCumprod, createScheduler } from '../../../../extension/engine/diffusion/scheduler';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';
import { SafetensorsFile } from '../../../support/safetensors';
import { references, uniform } from '../../../support/smallModels';

const reference = new SafetensorsFile(path.join(import.meta.dirname, '../../../fixtures/reference/runA.safetensors'));
const stableDiffusion = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
};
const noiseOf = (timestep: number, length = 64) =>
  gaussianNoise({ seed: 1, imageDigest: new Uint8Array(8), timestep, length });
const largest = (values: Iterable<number>) => Math.max(...[...values].map(Math.abs));

describe('the training schedule', () => {
  it('agrees with the reference alphas_cumprod to a float32 rounding', () => {
    const ours = alphasCumprod(stableDiffusion);
    const theirs = reference.floats('alphas_cumprod');
    expect(ours.length).toBe(1000);
    expect(largest(ours.map((value, t) => (value - theirs[t]!) / theirs[t]!))).toBeLessThan(3e-7);
  });

  it('follows the config, not constants', () => {
    const linear = alphasCumprod({ num_train_timesteps: 4, beta_start: 0.1, beta_end: 0.4, beta_schedule: 'linear' });
    expect([...linear].map((value) => Number(value.toFixed(5)))).toEqual([0.9, 0.72, 0.504, 0.3024]);
  });

  it('refuses a schedule, a prediction type or betas that it does not know, naming them', () => {
    expect(() => alphasCumprod({ beta_schedule: 'squaredcos_cap_v2' })).toThrow(/squaredcos_cap_v2/);
    expect(() => createScheduler({ ...stableDiffusion, prediction_type: 'sample' }, 10)).toThrow(/"sample"/);
    expect(() => alphasCumprod({ beta_start: 0.02, beta_end: 0.01 })).toThrow(/betas/);
  });
});

describe('the timesteps', () => {
  it('are 991, 981 … 11, 1 for 100 steps and the reference run’s for 20', () => {
    const hundred = createScheduler(stableDiffusion, 100).timesteps;
    expect([hundred[0], hundred[1], hundred[98], hundred[99]]).toEqual([991, 981, 11, 1]);
    expect(createScheduler(stableDiffusion, 20).timesteps).toEqual([...reference.floats('timesteps')]);
  });

  it('floor the stride when the steps do not divide the training steps', () => {
    const { timesteps } = createScheduler(stableDiffusion, 30);
    expect([timesteps[0], timesteps[29]]).toEqual([29 * 33 + 1, 1]);
  });

  it('exist for every number of steps from 1 to 1000, with finite and positive coefficients', () => {
    for (let steps = 1; steps <= 1000; steps += steps < 40 || steps > 990 ? 1 : 37) {
      const scheduler = createScheduler(stableDiffusion, steps);
      expect(scheduler.timesteps.at(-1)).toBe(1);
      for (let i = 0; i < steps; i++) {
        const { sigma, direction, sqrtAlphaBar } = scheduler.coefficients(i);
        expect(sigma).toBeGreaterThan(0);
        expect(direction).toBeGreaterThanOrEqual(0);
        expect(sqrtAlphaBar).toBeGreaterThan(0);
      }
    }
  });

  it('refuse 0, 1001 and 2.5 steps with a sentence that says the range', () => {
    for (const steps of [0, 1001, 2.5, NaN]) {
      expect(() => createScheduler(stableDiffusion, steps)).toThrow(/whole number from 1 to 1000/);
    }
  });
});

describe('a step', () => {
  const scheduler = createScheduler(stableDiffusion, 20);

  it('uses ᾱ[0] below zero', () => {
    expect(scheduler.coefficients(19).previousTimestep).toBe(-49);
    expect(scheduler.coefficients(19).alphaBarPrevious).toBe(alphasCumprod(stableDiffusion)[0]);
  });

  it('computes μ and σ as the formulas say', () => {
    const alphas = alphasCumprod(stableDiffusion);
    const [at, before] = [alphas[451]!, alphas[401]!];
    const sigma = Math.sqrt(((1 - before) / (1 - at)) * (1 - at / before));
    const [x, eps, z] = [0.7, -0.3, 1.1];
    const original = (x - Math.sqrt(1 - at) * eps) / Math.sqrt(at);
    const mean = Math.sqrt(before) * original + Math.sqrt(1 - before - sigma * sigma) * eps;
    const one = (value: number) => Float32Array.of(value);
    expect(scheduler.timesteps[10]).toBe(451);
    expect(scheduler.coefficients(10).sigma).toBeCloseTo(sigma, 12);
    expect(scheduler.predOriginalSample(one(x), one(eps), 10)[0]).toBeCloseTo(original, 6);
    expect(scheduler.mean(one(x), one(eps), 10)[0]).toBeCloseTo(mean, 6);
    expect(scheduler.step(one(x), one(eps), one(z), 10)[0]).toBeCloseTo(mean + sigma * z, 6);
  });

  it('recovers the original from noised latents when the prediction is the true noise', () => {
    const original = noiseOf(0);
    const noise = noiseOf(1);
    for (const i of [0, 10, 19]) {
      const recovered = scheduler.predOriginalSample(scheduler.addNoise(original, noise, i), noise, i);
      expect(largest(recovered.map((value, at) => value - original[at]!))).toBeLessThan(1e-5);
    }
  });

  it('lands on the next latents with the noise found between them', () => {
    const [x, eps, next] = [noiseOf(2), noiseOf(3), noiseOf(4)];
    const z = scheduler.noiseBetween(x, eps, next, 7);
    const landed = scheduler.step(x, eps, z, 7);
    expect(largest(landed.map((value, at) => value - next[at]!))).toBeLessThan(1e-6);
  });

  it('takes the reference run’s inversion noise to the sampled latents of its guided prediction', () => {
    // tr_init_latents is not in the cut, but x at index 10 follows from x0 and draw 9; its ε at t = 451 is known.
    const x = scheduler.addNoise(reference.floats('inv_app_x0'), draw(9), 10);
    const after = scheduler.addNoise(reference.floats('inv_app_x0'), draw(8), 11);
    const conditional = reference.floats('inv_app_eps_cond_t451');
    const unconditional = reference.floats('inv_app_eps_uncond_t451');
    const eps = conditional.map((value, at) => unconditional[at]! + 3.5 * (value - unconditional[at]!));
    const z = scheduler.noiseBetween(x, eps, after, 10);
    const back = scheduler.step(x, eps, z, 10);
    expect(largest(back.map((value, at) => value - after[at]!))).toBeLessThan(1e-5);
    expect(largest(z)).toBeGreaterThan(1);
  });

  it('refuses latents of different lengths', () => {
    const x = Float32Array.of(1, 2);
    expect(() => scheduler.mean(x, Float32Array.of(0), 3)).toThrow(RangeError);
    expect(() => scheduler.coefficients(20)).toThrow(RangeError);
  });
});

describe.each(['epsilon', 'v_prediction'])('a UNet that predicts %s', (prediction_type) => {
  const scheduler = createScheduler({ ...stableDiffusion, prediction_type }, 20);
  const theirs = new SafetensorsFile(path.join(references, 'expected.safetensors'));
  const input = (name: string) => Float32Array.from(uniform(name, 64));
  const [x, prediction, z] = [input('x'), input('prediction'), input('z')];
  const difference = (a: Float32Array, name: string) =>
    largest(a.map((value, at) => value - theirs.floats(`${prediction_type}.${name}`)[at]!));

  it.each([0, 10, 19])('steps as diffusers does at step %d, and is inverted', (step) => {
    expect(difference(scheduler.predOriginalSample(x, prediction, step), `${step}.original`)).toBeLessThan(
      2e-6 / scheduler.coefficients(step).sqrtAlphaBar,
    );
    const next = scheduler.step(x, prediction, z, step);
    expect(difference(next, `${step}.previous`)).toBeLessThan(2e-6);
    const back = scheduler.noiseBetween(x, prediction, next, step);
    expect(largest(back.map((value, at) => value - z[at]!))).toBeLessThan(1e-4);
  });

  it('recovers the original from the prediction that is true', () => {
    for (const step of [0, 10, 19]) {
      const { sqrtAlphaBar: a, sqrtOneMinusAlphaBar: b } = scheduler.coefficients(step);
      const truth = prediction_type === 'epsilon' ? z : z.map((noise, at) => a * noise - b * x[at]!);
      const recovered = scheduler.predOriginalSample(scheduler.addNoise(x, z, step), truth, step);
      expect(largest(recovered.map((value, at) => value - x[at]!))).toBeLessThan(1e-5);
    }
  });
});

describe('trailing spacing', () => {
  const theirs = new SafetensorsFile(path.join(references, 'spacing.safetensors'));
  const input = (name: string) => Float32Array.from(uniform(name, 64));
  const [x, prediction, z] = [input('x'), input('prediction'), input('z')];
  const counts = [1, 2, 7, 8, 12, 16, 30, 48, 61, 100, 666];

  it.each(counts)('has the timesteps of diffusers for %d steps', (steps) => {
    const { timesteps } = createScheduler(stableDiffusion, steps, 'trailing');
    expect(timesteps).toEqual([...theirs.floats(`timesteps.${steps}`)]);
  });

  describe.each(['epsilon', 'v_prediction'])('of a UNet that predicts %s', (prediction_type) => {
    it.each(counts)('steps as diffusers does with %d steps, and is inverted', (steps) => {
      const scheduler = createScheduler({ ...stableDiffusion, prediction_type }, steps, 'trailing');
      for (const step of [0, Math.floor(steps / 2), steps - 1]) {
        // As a share of the numbers: at the most noise x0 is up to 29.
        const difference = (ours: Float32Array, name: string): number => {
          const wanted = theirs.floats(`${prediction_type}.${steps}.${step}.${name}`);
          return largest(ours.map((value, at) => (value - wanted[at]!) / Math.max(1, Math.abs(wanted[at]!))));
        };
        expect(difference(scheduler.predOriginalSample(x, prediction, step), 'original')).toBeLessThan(1e-6);
        const next = scheduler.step(x, prediction, z, step);
        expect(difference(next, 'previous')).toBeLessThan(1e-6);
        const back = scheduler.noiseBetween(x, prediction, next, step);
        expect(largest(back.map((value, at) => value - z[at]!)) * scheduler.coefficients(step).sigma).toBeLessThan(
          1e-6,
        );
      }
    });
  });

  it('adds noise in its last step, too, which may come from far away; leading does not', () => {
    expect(createScheduler(stableDiffusion, 8, 'trailing').noisySteps).toBe(8);
    expect(createScheduler(stableDiffusion, 8).noisySteps).toBe(7);
  });

  it('is refused where steps come so close that the last one has no noise left', () => {
    expect(createScheduler(stableDiffusion, 666, 'trailing').coefficients(665).sigma).toBeGreaterThan(0);
    for (const steps of [667, 1000])
      expect(() => createScheduler(stableDiffusion, steps, 'trailing')).toThrow(
        `Trailing spacing takes at most 666 steps, not ${steps}. Set fewer steps, or leading spacing.`,
      );
    // Whatever the training schedule: the sentence's limit is the last that works.
    for (const num_train_timesteps of [4, 50, 100, 999])
      for (let steps = 1; steps <= Math.floor((2 * num_train_timesteps) / 3); steps++)
        expect(
          createScheduler({ ...stableDiffusion, num_train_timesteps }, steps, 'trailing').timesteps.at(-1),
        ).toBeGreaterThan(0);
  });
});

describe('shifted noise maps (TurboEdit)', () => {
  const theirs = new SafetensorsFile(path.join(references, 'spacing.safetensors'));
  const input = (name: string, count = 64) => Float32Array.from(uniform(name, count));
  const shifted = (steps: number) => createScheduler(stableDiffusion, steps, 'trailing', 'shifted');
  const counts = [2, 4, 8, 12, 16];

  it.each(counts)('noise for one step later with %d steps, and not at all in the last', (steps) => {
    const [x0, noise] = [input('x'), input('z')];
    for (let step = 0; step < steps; step++) {
      const wanted = theirs.floats(`shifted.${steps}.${step}`);
      const noised = shifted(steps).addNoise(x0, noise, step);
      expect(largest(noised.map((value, at) => value - wanted[at]!))).toBeLessThan(1e-6);
    }
    expect(shifted(steps).addNoise(x0, noise, steps - 1)).toEqual(x0);
  });

  it.each(counts)('limit the last noise of %d steps, and only a long one', (steps) => {
    const scheduler = shifted(steps);
    for (const name of ['long', 'short']) {
      const all = input('added', 4 * 64 * 64);
      const norm = Math.sqrt(all.reduce((sum, value) => sum + value * value, 0));
      const z = all.map((value) => (value / norm) * theirs.floats(`scale.${steps}.${name}`)[0]!);
      const limited = scheduler.limitNoise(z, steps - 1);
      const wanted = theirs.floats(`limited.${steps}.${name}`);
      wanted.forEach((value, at) => expect(Math.abs(limited[at]! - value) / Math.abs(value)).toBeLessThan(1e-5));
      expect(scheduler.limitNoise(z, 0)).toBe(z);
      if (name === 'short') expect(limited).toBe(z);
    }
    // Half the side: a quarter of the values, half the norm.
    const small = new Float32Array(4 * 32 * 32).fill(100);
    const { sigma } = scheduler.coefficients(steps - 1);
    const kept = scheduler.limitNoise(small, steps - 1);
    expect(sigma * Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0))).toBeCloseTo(15.5 / 2, 4);
  });

  it('leave noise maps of the own timestep as they are', () => {
    const own = createScheduler(stableDiffusion, 8, 'trailing');
    const z = new Float32Array(64).fill(1000);
    expect(own.limitNoise(z, 7)).toBe(z);
    expect([own.exactSteps, shifted(8).exactSteps]).toEqual([8, 7]);
  });
});

function draw(index: number): Float32Array {
  const all = reference.floats('inv_app_noise_draw_order');
  return all.subarray(index * 16384, (index + 1) * 16384);
}
