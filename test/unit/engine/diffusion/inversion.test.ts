/** The method with a UNet of one line: no onnxruntime, no cache. */
import { describe, expect, it } from 'vitest';
import { denoiseSteps, invertSteps, type ReferenceStep } from '../../../../extension/engine/diffusion/inversion';
import { createScheduler } from '../../../../extension/engine/diffusion/scheduler';
import { predictTransfer } from '../../../../extension/engine/diffusion/transfer';
import { type DecoderInput, FREEU_OFF, type Unet, type UnetCall } from '../../../../extension/engine/diffusion/unet';

const STEPS = 6;
const scheduler = createScheduler({ beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 }, STEPS);
const x0 = Float32Array.from({ length: 8 }, (_, i) => Math.cos(i));
const promptEmbeds = Float32Array.of(1);
const guidance = { guidanceScale: 3.5, emptyPromptEmbeds: Float32Array.of(-1) };
const indices = Array.from({ length: STEPS }, (_, index) => index);
const noised = [
  ...indices.map((step) => {
    const noise = x0.map((_, i) => Math.sin(7 * step + 3 * i));
    return scheduler.addNoise(x0, noise, step);
  }),
  x0,
];
const inputOf = (index: number, latents: Float32Array): ReferenceStep => ({ scheduler, index, latents, promptEmbeds });

/** Predicts a bent copy of the latents, moved by the prompt, the timestep and, where keys come from elsewhere, by those. */
class BentUnet implements Unet {
  readonly swapLayers = [{ index: 0, level: 'high' as const }];
  readonly calls: UnetCall[] = [];
  bestBatchSize = (): number => 8;
  run: Unet['run'] = (call) => {
    this.calls.push(call);
    const decoderBatch: DecoderInput[] = call.decoderBatch ?? call.batch.map((_, from) => ({ from }));
    const epsilons = decoderBatch.map(({ from, source }) => {
      const { latents, timestep, promptEmbeds } = call.batch[from]!;
      const foreign = source?.high?.[0]?.keyValues.keys[0]?.[0] ?? 0;
      return latents.map((value) => Math.tanh(value) + 0.1 * promptEmbeds[0]! + timestep / 5000 + foreign);
    });
    return Promise.resolve({ epsilons });
  };
}

describe('an inversion', () => {
  it('gives noise maps along which the denoising walks back to the image, whatever the UNet predicts', async () => {
    const unet = new BentUnet();
    const steps = indices.map((index) => ({ ...inputOf(index, noised[index]!), previous: noised[index + 1]! }));
    const inverted = await invertSteps(unet, steps, { freeu: FREEU_OFF, guidance, keep: {} });
    expect(unet.calls).toHaveLength(1);
    let latents = noised[0]!;
    for (const index of indices) {
      const [step] = await denoiseSteps(unet, [inputOf(index, latents)], { freeu: FREEU_OFF, guidance, keep: {} });
      latents = scheduler.step(latents, step!.epsilon, inverted[index]!.noiseMap, index);
    }
    latents.forEach((value, i) => expect(value).toBeCloseTo(x0[i]!, 4));
  });

  it('at guidance 1 asks for no empty prompt', async () => {
    const unet = new BentUnet();
    const [step] = await denoiseSteps(unet, [inputOf(2, x0)], { freeu: FREEU_OFF, keep: {} });
    expect(unet.calls[0]!.batch).toHaveLength(1);
    expect(step!.unconditional).toBeUndefined();
  });
});

describe('a step of the transfer', () => {
  const sources = [{ keyValues: { keys: [Float32Array.of(0.5)], values: [Float32Array.of(0)] } }];
  const step = { swap: { high: 'appearance' as const }, contrast: 1.67, guidance: 2, adain: false };
  const input = { ...inputOf(2, x0), step, sources, freeu: FREEU_OFF };

  it('is guided away from the prediction without the swap', async () => {
    const { epsilon, withSwap, without } = await predictTransfer(new BentUnet(), input);
    epsilon.forEach((value, i) => {
      expect(withSwap[i]! - without![i]!).toBeCloseTo(0.5, 5);
      expect(value).toBeCloseTo(without![i]! + 1, 5);
    });
  });

  it('swaps and contrasts only the levels that it names', async () => {
    const unet = new BentUnet();
    await predictTransfer(unet, input);
    expect(unet.calls[0]!.decoderBatch).toEqual([
      { from: 0, source: { high: sources }, contrast: { high: 1.67 } },
      { from: 0 },
    ]);
    await predictTransfer(unet, { ...input, step: { ...step, swap: {} } });
    expect(unet.calls[1]!.decoderBatch).toBeUndefined();
  });
});
