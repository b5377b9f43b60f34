import { measureOf, measureWords } from '../../graph';

/** Numbers about a picture, by name, in the order in which they are shown. */
export type Metrics = Record<string, number>;

/** `label value` for each number. */
export const metricLines = (metrics: Metrics | undefined): string[] =>
  Object.entries(metrics ?? {}).map(
    ([name, value]) => `${measureOf(name)?.label ?? name} ${measureWords(name, value)}`,
  );
