import { describe, expect, it } from 'vitest';
import {
  applyChanges,
  applyEdit,
  blockingProblems,
  formatProblem,
  type GraphEdit,
  GraphEditError,
  MOST_PROBLEMS,
  parseGraph,
  planGraph,
  PlanError,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';
import { heavyGraphs } from '../../support/heavyGraphs';
import { documentOf, edited, randomOf, standardText, strangeText } from './helpers';

const scraps = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\\u12',
  'null',
  'true',
  '-1',
  '1e999',
  '0',
  '""',
  '[]',
  '{}',
  '"__proto__"',
  '"constructor"',
  '"swap.transfer"',
  '"adain"',
  '"denoise.image"',
  '"type"',
  '"inputs"',
  '"params"',
  '"muted"',
  '"weft"',
  '2',
  '[[]]',
  '{"a":{}}',
  '\u0000',
  '\ud800',
  'é',
  '\ufeff',
  '//',
];

/** Breaks a text as bit rot, bad merges and ill will do. */
function mutated(text: string, random: (below: number) => number): string {
  let result = text;
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(result.length + 1);
    const end = Math.min(result.length, at + random(random(5) === 0 ? 200 : 12));
    const scrap = scraps[random(scraps.length)] as string;
    switch (random(6)) {
      case 0:
        result = result.slice(0, at) + result.slice(end);
        break;
      case 1:
        result = result.slice(0, at) + scrap + result.slice(at);
        break;
      case 2: {
        // A value in another's place: the text stays JSON, and means something else.
        const values = [...result.matchAll(/"[^"\n]*"|-?\d+(\.\d+)?|\{\}|\[[^\][]*\]/g)];
        const one = values[random(values.length)];
        const other = random(2) === 0 ? scrap : (values[random(values.length)]?.[0] ?? scrap);
        if (one) result = result.slice(0, one.index) + other + result.slice(one.index + one[0].length);
        break;
      }
      case 3:
        result = result.slice(0, end) + result.slice(at);
        break;
      case 4: {
        const lines = result.split('\n');
        const [from, to] = [random(lines.length), random(lines.length)];
        lines.splice(to, 0, ...lines.splice(from, 1 + random(6)));
        result = lines.join('\n');
        break;
      }
      case 5:
        result = result.slice(0, at) + String.fromCharCode(random(256)) + result.slice(at + 1);
        break;
    }
  }
  return result;
}

describe('10,000 damaged graph files', () => {
  it('are read, judged, planned, edited and written without a throw that is not ours', () => {
    const random = randomOf(20261124);
    const originals = [standardText(), strangeText];
    const facts = { fileExists: () => false, checkpoints: [{ id: 'mini', domains: [{ noun: 'house', kinds: [] }] }] };
    const seen = new Map<string, number>();
    for (let index = 0; index < 10_000; index++) {
      const text = mutated(originals[index % 2] as string, random);
      const problems = validateGraph(text, facts);
      for (const problem of problems) {
        seen.set(problem.code, (seen.get(problem.code) ?? 0) + 1);
        if (problem.code === 'internal') throw new Error(`${problem.message}\n${text}`);
        if (
          problem.line < 1 ||
          problem.column < 1 ||
          problem.offset < 0 ||
          problem.offset + problem.length > text.length
        ) {
          throw new Error(`${JSON.stringify(problem)} lies outside\n${text}`);
        }
      }
      const { document } = parseGraph(text);
      if (!document) continue;
      try {
        planGraph(document);
      } catch (error) {
        if (!(error instanceof PlanError)) throw error;
        // What can't be planned was said before.
        if (!problems.some(({ severity }) => severity === 'error')) throw error;
      }
      const once = writeGraph(document);
      if (document.weft === 1 && writeGraph(documentOf(once)) !== once) throw new Error(`Not stable:\n${text}`);
      if (index % 4 > 0) continue;
      const id = Object.keys(document.nodes)[random(20)];
      if (id === undefined) continue;
      try {
        const renamed = applyChanges(text, applyEdit(text, { kind: 'renameNode', id, to: 'fresh-name' }));
        if (!Object.hasOwn(documentOf(renamed).nodes, 'fresh-name')) throw new Error(`Not renamed:\n${text}`);
        const removed = applyChanges(text, applyEdit(text, { kind: 'removeNodes', ids: [id] }));
        if (Object.hasOwn(documentOf(removed).nodes, id)) throw new Error(`Not removed:\n${text}`);
      } catch (error) {
        if (!(error instanceof GraphEditError)) throw error;
      }
    }
    // The damage is varied enough to mean something.
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining([
        'syntax',
        'duplicate-key',
        'schema',
        'bad-id',
        'unknown-type',
        'unknown-node',
        'wrong-type',
        'missing-input',
        'bad-value',
        'cycle',
      ]),
    );
  });
});

describe('graphs that are very large', () => {
  // Half a second each; what is quadratic takes minutes, and so runs into the runner's limit.
  it.each(Object.entries(heavyGraphs))(
    '%s: a megabyte is judged and planned, and told in a list that ends',
    (_, make) => {
      const text = make(1_000_000);
      const problems = validateGraph(text, { fileExists: () => true });
      expect(problems.filter(({ code }) => code === 'internal')).toEqual([]);
      expect(problems.length).toBeLessThan(5 * MOST_PROBLEMS);
      expect(Math.max(0, ...problems.map((problem) => formatProblem('g', problem).length))).toBeLessThan(1000);
      const { document } = parseGraph(text);
      try {
        if (document) planGraph(document);
      } catch (error) {
        if (!(error instanceof PlanError)) throw error;
        expect(error.message.length).toBeLessThan(1000);
      }
    },
  );

  it.each(['a ring of adain nodes', 'nodes that are none', 'a wire list of numbers'])('%s: so are ten', (name) => {
    const problems = validateGraph(heavyGraphs[name]!(10_000_000));
    expect(problems.some(({ severity }) => severity === 'error')).toBe(true);
    expect(problems.filter(({ code }) => code === 'internal')).toEqual([]);
  });

  it('name one circle once, wherever it is', () => {
    const problems = validateGraph(heavyGraphs['a ring of adain nodes']!(100_000));
    expect(problems.filter(({ code }) => code === 'cycle').map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The wires form a cycle: n\d+ → .* → … → .* → n\d+\. Remove one of them\.$/),
    ]);
  });

  it('have as many errors listed as anybody reads, in the order of the text, and the rest counted where it begins', () => {
    const nodes = Array.from({ length: 3000 }, (_, index) => `"n${index}": 0`).join(',\n');
    const problems = validateGraph(`{"weft": 1, "nodes": {\n${nodes}}}`);
    expect(problems).toHaveLength(MOST_PROBLEMS + 1);
    expect(problems[999]).toMatchObject({ code: 'schema', node: 'n999', line: 1001, column: 1 });
    expect(problems[1000]).toMatchObject({
      code: 'more-problems',
      severity: 'error',
      message: '2000 more errors are not listed. Fix the others first.',
      line: 1002,
    });
    // What is not listed holds up a run all the same.
    expect(blockingProblems(problems, { nodes: [], byId: new Map(), muted: [] })).toHaveLength(1);
  });

  it('get names suggested while that costs little', () => {
    const wires = (count: number): string =>
      Array.from(
        { length: count },
        (_, i) => `"node-${i}":{"type":"adain","inputs":{"transfer":"nodw-${i}.transfer"}}`,
      ).join(',');
    const hints = (text: string): number =>
      validateGraph(text).filter(({ message }) => message.includes('Did you mean node-')).length;
    expect(hints(`{"weft":1,"nodes":{${wires(20)}}}`)).toBe(20);
    const many = hints(`{"weft":1,"nodes":{${wires(1000)}}}`);
    expect(many).toBeGreaterThan(20);
    expect(many).toBeLessThan(1000);
    const long = 'a'.repeat(30_000);
    expect(hints(`{"weft":1,"nodes":{"${long}":{"type":"adain","inputs":{"transfer":"${long}b.transfer"}}}}`)).toBe(0);
  });

  it('are changed throughout, laid out by hand or all on one line', () => {
    const text = heavyGraphs['a ring of adain nodes']!(2_000_000);
    const ids = Object.keys(documentOf(text).nodes);
    expect(text).not.toContain('\n');
    const layout = (x: number): GraphEdit => ({
      kind: 'moveNodes',
      positions: Object.fromEntries(ids.map((id, index) => [id, [x, index]])),
    });
    const placed = edited(text, layout(1), layout(2));
    expect(documentOf(placed).layout!['n7']).toEqual([2, 7]);
    const muted = documentOf(edited(text, { kind: 'setMuted', ids, muted: true }));
    expect(Object.values(muted.nodes).every((node) => node.muted)).toBe(true);
    expect(Object.keys(documentOf(edited(text, { kind: 'duplicate', ids })).nodes)).toHaveLength(2 * ids.length);
    const many = Object.fromEntries(ids.map((_, index) => [`a-${index + 2}`, { type: 'adain' }]));
    const fragment = writeGraph({ weft: 1, nodes: many });
    const twice = documentOf(edited(fragment, { kind: 'pasteFragment', fragment }));
    expect(Object.keys(twice.nodes)).toHaveLength(2 * ids.length);
  });
});
