/**
 * Seconds of the processor that checking a graph's text takes (`npm run bench:validate`): reading and validating, and planning what can be read, for graphs
 * that are as costly as we could think of. `npm run bench:validate -- 1 10` are megabytes, `-- 0.25 ring` those with "ring" in their name.
 */
import { parseGraph, planGraph, PlanError, validateGraph } from '../../extension/graph';
import { heavyGraphs } from '../support/heavyGraphs';

const words = process.argv.slice(2);
const sizes = words.filter((word) => Number.isFinite(Number(word))).map(Number);
const named = words.filter((word) => !Number.isFinite(Number(word)));

/** Of the processor, so that what else the machine does counts little. */
const seconds = (work: () => void): number => {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
};

for (const size of sizes.length > 0 ? sizes : [1, 10]) {
  process.stdout.write(`\n| ${size} MB | validate, s | plan, s | problems |\n| --- | ---: | ---: | ---: |\n`);
  for (const [name, make] of Object.entries(heavyGraphs)) {
    if (named.length > 0 && !named.some((word) => name.includes(word))) continue;
    const text = make(size * 1_000_000);
    let problems = 0;
    const validated = seconds(() => (problems = validateGraph(text, { fileExists: () => true }).length));
    const { document } = parseGraph(text);
    const planned = seconds(() => {
      try {
        if (document) planGraph(document);
      } catch (error) {
        if (!(error instanceof PlanError)) process.stdout.write(`${name}: ${String(error)}\n`);
      }
    });
    process.stdout.write(`| ${name} | ${validated.toFixed(2)} | ${planned.toFixed(2)} | ${problems} |\n`);
  }
}
