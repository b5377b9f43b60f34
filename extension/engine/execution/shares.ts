/**
 * How much each of several appearances gives to each place, from the regions drawn for them.
 *
 * An appearance with a region gives inside it; where regions overlap they give in equal parts. Appearances without a region share
 * what no region covers; when all have one, the first also gives there, so that no place is left without a look.
 * @param regions [h·w] of 0 and 1 for each appearance, undefined where it has none
 * @returns for each appearance its share of each pixel; they add up to 1 everywhere
 */
export function sharesOf(regions: readonly (Float32Array | undefined)[], pixels: number): Float32Array[] {
  const shares = regions.map(() => new Float32Array(pixels));
  const free = regions.flatMap((region, index) => (region ? [] : [index]));
  const fillers = free.length > 0 ? free : [0];
  for (let pixel = 0; pixel < pixels; pixel++) {
    const covering = regions.flatMap((region, index) => (region?.[pixel] ? [index] : []));
    const givers = covering.length > 0 ? covering : fillers;
    for (const index of givers) shares[index]![pixel] = 1 / givers.length;
  }
  return shares;
}
