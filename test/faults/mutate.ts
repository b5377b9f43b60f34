import { type Random } from './random';

/** A few bytes changed, cut out, doubled or zeroed. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let copy = Buffer.from(bytes);
  for (let times = 1 + random.below(6); times > 0; times--) {
    const at = random.below(copy.length + 1);
    const length = 1 + random.below(random.next() < 0.7 ? 8 : 4096);
    switch (random.below(5)) {
      case 0:
        if (at < copy.length) copy[at]! ^= 1 << random.below(8);
        break;
      case 1:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)]);
        break;
      case 2:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at, at + length), copy.subarray(at)]);
        break;
      case 3:
        copy.fill(random.pick([0, 255, 127]), at, Math.min(copy.length, at + length));
        break;
      default:
        copy = copy.subarray(0, random.next() < 0.2 ? at : copy.length);
    }
  }
  return copy;
}

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  0.5,
  '',
  'a'.repeat(2000),
  '../../x',
  '__proto__',
  'constructor',
  '\u0000\u001b[31m',
  [],
  {},
  [[]],
  [null],
  { weft: 1 },
];

/** A copy of a JSON value in which some entries have another value, another name, or are gone. */
export function mutateJson(value: unknown, random: Random): unknown {
  const copy = structuredClone(value);
  for (let times = 1 + random.below(4); times > 0; times--) {
    const places: { of: Record<string, unknown>; key: string }[] = [];
    const visit = (each: unknown): void => {
      if (each === null || typeof each !== 'object') return;
      for (const [key, inner] of Object.entries(each)) {
        places.push({ of: each as Record<string, unknown>, key });
        visit(inner);
      }
    };
    visit(copy);
    if (places.length === 0) break;
    const { of, key } = random.pick(places);
    const other = random.pick(places);
    switch (random.below(4)) {
      case 0:
        delete of[key];
        break;
      case 1:
        of[key] = structuredClone(other.of[other.key]);
        break;
      case 2:
        // As a parser would: an own entry, also of the name __proto__.
        Object.defineProperty(of, random.pick(['__proto__', 'toString', 'A b', other.key]), {
          value: structuredClone(of[key]),
          enumerable: true,
          configurable: true,
          writable: true,
        });
        break;
      default:
        of[key] = structuredClone(random.pick(VALUES));
    }
  }
  return copy;
}
