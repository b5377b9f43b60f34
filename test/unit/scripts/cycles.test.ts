import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { filesBelow } from '../../../scripts/words.mjs';

const root = path.resolve(__dirname, '..', '..', '..');
const files = ['extension', 'webview'].flatMap((folder) => filesBelow(root, ['.ts', '.tsx'], folder));

/** The files that a file imports, types included: knip looks at values only. */
const imports = new Map(
  files.map((file) => {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    const found = [...text.matchAll(/ from '(\.[^']*)'/g)].map(([, name]) =>
      path.posix.join(path.posix.dirname(file), name!),
    );
    return [file, found.flatMap((name) => [`${name}.ts`, `${name}.tsx`, `${name}/index.ts`])] as const;
  }),
);

/** A way from a file back to itself. */
function circle(start: string): string[] | undefined {
  const from = new Map<string, string>();
  const waiting = [start];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const next of imports.get(file) ?? []) {
      if (!imports.has(next)) continue;
      if (next === start) {
        const way = [file];
        while (way[0] !== start) way.unshift(from.get(way[0]!)!);
        return way;
      }
      if (from.has(next)) continue;
      from.set(next, file);
      waiting.push(next);
    }
  }
  return undefined;
}

it('no import goes round in a circle, types included', () => {
  expect(files.length).toBeGreaterThan(400);
  expect(files.map(circle).filter((way) => way !== undefined)).toEqual([]);
});
