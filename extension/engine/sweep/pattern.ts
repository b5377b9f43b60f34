/**
 * Patterns for names of files: `*` any letters, `?` one letter, `[ab]`, `[a-z]`, `[!ab]` one of them or one other, `{cow,dog}` one of those.
 * The libraries for this make regular expressions of them, which search some patterns for minutes; here every place of the pattern that
 * could be reached is held at once (Thompson's construction), so each letter of a name costs the length of the pattern at most.
 */

/** One place of a pattern: a letter to pass, or ways to go on without one. */
type Place = { passes: (letter: string) => boolean; next: number } | { ways: number[] };

/** Thrown for a pattern that can't be read. */
export class PatternError extends Error {}

/**
 * Whether names fit a pattern, whole. Takes at most (letters of the name) × (letters of the pattern) steps.
 * @throws PatternError when a bracket stays open
 */
export function fitting(pattern: string): (name: string) => boolean {
  const places = placesOf([...pattern]);
  const end = places.length;
  return (name) => {
    let reached = follow(places, [0]);
    for (const letter of name) {
      const passed: number[] = [];
      for (const at of reached) {
        const place = places[at];
        if (place && 'passes' in place && place.passes(letter)) passed.push(place.next);
      }
      if (passed.length === 0) return false;
      reached = follow(places, passed);
    }
    return reached.has(end);
  };
}

/** All places that can be reached without a letter: each is visited once. */
function follow(places: readonly Place[], from: readonly number[]): Set<number> {
  const reached = new Set(from);
  // A set that grows is gone through to its end.
  for (const at of reached) {
    const place = places[at];
    if (place && 'ways' in place) for (const way of place.ways) reached.add(way);
  }
  return reached;
}

/** The places of a pattern in its order; the end is the number behind the last. */
function placesOf(letters: readonly string[]): Place[] {
  const places: Place[] = [];
  const braces: { begin: { ways: number[] }; exits: { ways: number[] }[] }[] = [];
  const closed = (): never => {
    throw new PatternError('a bracket is not closed');
  };
  const pass = (passes: (letter: string) => boolean): void => {
    places.push({ passes, next: places.length + 1 });
  };
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at] as string;
    const brace = braces.at(-1);
    if (letter === '*') {
      const here = places.length;
      places.push({ ways: [here + 1, here + 2] }, { passes: () => true, next: here });
    } else if (letter === '?') pass(() => true);
    else if (letter === '[') {
      const end = letters.indexOf(']', at + 2);
      if (end < 0) closed();
      pass(oneOf(letters.slice(at + 1, end)));
      at = end;
    } else if (letter === '{') {
      const begin = { ways: [places.length + 1] };
      places.push(begin);
      braces.push({ begin, exits: [] });
    } else if (brace && (letter === ',' || letter === '}')) {
      const exit = { ways: [] as number[] };
      places.push(exit);
      brace.exits.push(exit);
      if (letter === ',') brace.begin.ways.push(places.length);
      else for (const { ways } of (braces.pop() as typeof brace).exits) ways.push(places.length);
    } else if (letter === ']' || letter === '}') closed();
    else pass((other) => other === letter);
  }
  if (braces.length > 0) closed();
  return places;
}

/** A letter between brackets: any of those, any from one to another, or with `!` or `^` in front any other. */
function oneOf(inside: readonly string[]): (letter: string) => boolean {
  const others = inside[0] === '!' || inside[0] === '^';
  const letters = others ? inside.slice(1) : inside;
  const ranges: [string, string][] = [];
  for (let at = 0; at < letters.length; at++) {
    const from = letters[at] as string;
    const to = letters[at + 1] === '-' ? letters[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return (letter) => ranges.some(([from, to]) => from <= letter && letter <= to) !== others;
}
