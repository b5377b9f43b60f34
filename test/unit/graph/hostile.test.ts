import { describe, expect, it } from 'vitest';
import {
  applyChanges,
  applyEdit,
  GraphEditError,
  parseGraph,
  planGraph,
  PlanError,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';
import { documentOf, randomOf, standardText, strangeText } from './helpers';

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
  const time = (work: () => void) => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };

  it('are judged in time that grows with their size only', () => {
    const nodes: Record<string, unknown> = { swap0: { type: 'attention-swap' } };
    // A chain of 20,000, wired to its end so that it closes.
    for (let index = 1; index <= 20_000; index++)
      nodes[`swap${index}`] = { type: 'guidance', inputs: { transfer: `swap${index - 1}.transfer` } };
    nodes['swap0'] = { type: 'guidance', inputs: { transfer: 'swap20000.transfer' } };
    const text = JSON.stringify({ weft: 1, nodes });
    let problems: ReturnType<typeof validateGraph> = [];
    expect(time(() => (problems = validateGraph(text)))).toBeLessThan(10_000);
    expect(problems.filter(({ code }) => code === 'cycle').length).toBe(1);
    expect(problems.some(({ code }) => code === 'internal')).toBe(false);
  });

  it('with 300 nodes are edited well within a keystroke', () => {
    const nodes: Record<string, unknown> = {};
    for (let index = 0; index < 300; index++) nodes[`n${index}`] = { type: 'attention-swap', params: { contrast: 2 } };
    const layout = Object.fromEntries(Object.keys(nodes).map((id, index) => [id, [index, index]]));
    const text = writeGraph({ weft: 1, nodes, layout } as Parameters<typeof writeGraph>[0]);
    applyEdit(text, { kind: 'setParam', id: 'n7', param: 'contrast', value: 3 });
    expect(time(() => applyEdit(text, { kind: 'setParam', id: 'n7', param: 'contrast', value: 4 }))).toBeLessThan(100);
    const positions = Object.fromEntries(Object.keys(nodes).map((id) => [id, [1, 2] as [number, number]]));
    expect(time(() => applyEdit(text, { kind: 'setLayout', positions }))).toBeLessThan(300);
  });
});
