import { Recent } from '../cache/recent';
import { gaussianNoise, type NoiseRequest } from '../diffusion/philox';

/** Noise of pictures that are looked at again and again: drawing it takes longer than all else that a warm step does beside the UNet. */
export class NoiseMemory {
  readonly recent: Recent<Float32Array>;

  constructor(mostBytes = 32 * 2 ** 20) {
    this.recent = new Recent(mostBytes);
  }

  /** As {@link gaussianNoise}; shared, so callers must not write to it. */
  noise(request: NoiseRequest): Float32Array {
    const { seed, imageDigest, timestep, length } = request;
    const name = [seed, Buffer.from(imageDigest.subarray(0, 8)).toString('hex'), timestep, length].join();
    return this.recent.get(name) ?? this.recent.keep(name, gaussianNoise(request));
  }
}
