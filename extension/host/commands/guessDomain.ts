/**
 * The domain that file names speak of: "giraffe-2.png" is of the kind giraffe, and so an animal. Whole words count, in the singular or
 * with an s: a scarf is no car.
 */
export function guessDomain(
  domains: readonly { noun: string; kinds: readonly string[] }[],
  names: readonly string[],
): string | undefined {
  const texts = names.map((name) => ` ${wordsOf(name)} `);
  const isNamed = (kind: string): boolean => {
    const words = wordsOf(kind);
    return words !== '' && texts.some((text) => text.includes(` ${words} `) || text.includes(` ${words}s `));
  };
  const scored = domains.map(({ noun, kinds }) => ({
    noun,
    score: [...new Set([noun, ...kinds])].filter(isNamed).length,
  }));
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (top, each) => (each.score > (top?.score ?? 0) ? each : top),
    undefined,
  );
  return best?.noun;
}

/** The words of a text with a space between them: "myBerry-cake_2" is "my berry cake". macOS writes "é" as two characters. */
function wordsOf(text: string): string {
  const apart = text.normalize('NFC').replace(/(\p{Ll})(?=\p{Lu})/gu, '$1 ');
  return (apart.match(/[\p{L}\p{M}]+/gu) ?? []).join(' ').toLowerCase();
}
