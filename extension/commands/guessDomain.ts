/** The domain that file names speak of: "giraffe-2.png" is of the kind giraffe, and so an animal. */
export function guessDomain(
  domains: readonly { noun: string; kinds: readonly string[] }[],
  names: readonly string[],
): string | undefined {
  const text = names.join(' ').toLowerCase();
  const scored = domains.map(({ noun, kinds }) => ({
    noun,
    score: [noun, ...kinds].filter((word) => text.includes(word.toLowerCase())).length,
  }));
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (top, each) => (each.score > (top?.score ?? 0) ? each : top),
    undefined,
  );
  return best?.noun;
}
