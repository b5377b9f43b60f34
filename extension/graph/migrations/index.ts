/**
 * Steps from older versions of the file format to the current one, in order. A step gets the plain data of a file of version
 * `from` and returns that of version `from + 1`, `weft` included; it may not assume that the data is well formed.
 * Every version ever written is kept as a file in test/unit/graph/versions and read by a test.
 */
export interface Migration {
  from: number;
  /** What changed, for whoever reads the list. */
  about: string;
  migrate(data: Record<string, unknown>): Record<string, unknown>;
}

/** Version 1 is the first. */
export const migrations: readonly Migration[] = [];

/** Applies all steps from the data's version on. */
export function migrate(
  data: Record<string, unknown>,
  steps: readonly Migration[] = migrations,
): Record<string, unknown> {
  let current = data;
  for (const step of steps) if (current['weft'] === step.from) current = step.migrate(current);
  return current;
}
