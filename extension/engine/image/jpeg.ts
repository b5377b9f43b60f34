/** JPEGs without their last two bytes, the marker of their end (ITU-T T.81 §B). */

const END = Buffer.from([0xff, 0xd9]);
/** Coefficients of a block. */
const COEFFICIENTS = 64;

/**
 * A JPEG whose scans are all there, with its end put on; undefined when a scan is missing. The last scan may still be cut: whoever decodes
 * it has to take the decoder's warnings for errors.
 */
export function withEnd(bytes: Uint8Array): Uint8Array | undefined {
  // Half of the marker may be there.
  const body = bytes.at(-1) === 0xff ? bytes.subarray(0, -1) : bytes;
  return allScans(body) ? Buffer.concat([body, END]) : undefined;
}

/** Whether the scans state every coefficient of every component to its last bit. */
function allScans(bytes: Uint8Array): boolean {
  /** By component, the bits of each coefficient that are still to come. */
  const missing = new Map<number, Uint8Array>();
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) {
      // The data of a scan: on to the next marker.
      const next = bytes.indexOf(0xff, at);
      if (next < 0) break;
      at = next;
      continue;
    }
    const marker = bytes[at + 1]!;
    // Fill bytes, stuffed zeros and restarts have no length.
    if (marker === 0xff) at += 1;
    else if (marker === 0 || (marker >= 0xd0 && marker <= 0xd9) || marker === 0x01) at += 2;
    else {
      const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      const segment = bytes.subarray(at + 4, at + 2 + length);
      // A frame: SOF0 to SOF15 but for DHT, JPG and DAC.
      if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
        for (let index = 0; index < (segment[5] ?? 0); index++) {
          missing.set(segment[6 + index * 3] ?? -1, new Uint8Array(COEFFICIENTS).fill(255));
        }
      } else if (marker === 0xda) {
        const count = segment[0] ?? 0;
        const [first = 0, last = 0, bits = 0] = segment.subarray(1 + count * 2);
        for (let index = 0; index < count; index++) {
          missing.get(segment[1 + index * 2] ?? -1)?.fill(bits & 15, first, last + 1);
        }
      }
      at += 2 + length;
    }
  }
  return missing.size > 0 && [...missing.values()].every((bits) => bits.every((left) => left === 0));
}
