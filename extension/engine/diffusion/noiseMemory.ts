import { gaussianNoise, type NoiseRequest } from './philox';

/** Noise of pictures that are looked at again and again: drawing it takes longer than all else that a warm step does beside the UNet. */
export class NoiseMemory {
  private readonly kept = new Map<string, Float32Array>();
  private bytes = 0;

  constructor(private readonly mostBytes = 64 * 2 ** 20) {}

  /** As {@link gaussianNoise}; shared, so callers must not write to it. */
  noise(request: NoiseRequest): Float32Array {
    const { seed, imageDigest, timestep, length } = request;
    const key = [seed, Buffer.from(imageDigest.subarray(0, 8)).toString('hex'), timestep, length].join();
    const known = this.kept.get(key);
    const noise = known ?? gaussianNoise(request);
    // The last used stay.
    this.kept.delete(key);
    this.kept.set(key, noise);
    if (!known) this.bytes += noise.byteLength;
    for (const [oldest, { byteLength }] of this.kept) {
      if (this.bytes <= this.mostBytes) break;
      this.kept.delete(oldest);
      this.bytes -= byteLength;
    }
    return noise;
  }
}
