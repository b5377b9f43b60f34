/** Numbers about a picture, by name, in the order in which they are shown. */
export type Metrics = Record<string, number>;

/** How many digits a number needs to be told from its neighbours. */
const digits = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 3 : 1);

/** `name value` for each number. */
export const metricLines = (metrics: Metrics | undefined): string[] =>
  Object.entries(metrics ?? {}).map(([name, value]) => `${name} ${digits(value)}`);
