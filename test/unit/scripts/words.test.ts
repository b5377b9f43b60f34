import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { marketplacePage } from '../../../scripts/marketplace.mjs';
import {
  brokenLinks,
  filesBelow,
  longSentences,
  phrasesIn,
  phrasesOf,
  sentencesOf,
  wordsIn,
} from '../../../scripts/words.mjs';

const root = path.resolve(__dirname, '..', '..', '..');
const read = (name: string): string => fs.readFileSync(path.join(root, name), 'utf8');

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-words-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string): void => {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
};

describe('links and images of the documentation', () => {
  it('are named with file and line where they lead nowhere', () => {
    write('docs/other.md', '# Other\n\n## Why is it `there`?\n\n## Twice\n\n## Twice\n');
    write('docs/empty.png', '');
    write('docs/image.png', 'x');
    write(
      'README.md',
      [
        '# Page',
        '[a](docs/other.md) [b](docs/other.md#why-is-it-there) [c](#page) [d](docs/other.md#twice-1) [e](docs) [f](https://example.org/x)',
        '![An image](docs/image.png)',
        '',
        '[gone](docs/gone.md)',
        '',
        '[heading](docs/other.md#why)',
        '',
        '![Empty](docs/empty.png) ![](docs/image.png)',
        '',
        '[out](../elsewhere.md) [plain](http://example.org)',
        '',
        '    [code](nowhere.md)',
        '',
        '| a |',
        '| --- |',
        '| [cell](nowhere.md) |',
      ].join('\n'),
    );
    expect(brokenLinks(folder)).toEqual([
      'README.md:5: docs/gone.md does not exist',
      'README.md:7: docs/other.md#why names no heading of that page',
      'README.md:9: docs/empty.png is empty',
      "README.md:9: docs/image.png has no description for readers who can't see it",
      'README.md:11: ../elsewhere.md leads out of the repository',
      'README.md:11: http://example.org is neither a file nor an https address',
      'README.md:17: nowhere.md does not exist',
    ]);
  });
});

describe('the length of sentences', () => {
  it('counts words as a reader sees them, and neither code blocks nor addresses', () => {
    expect(
      sentencesOf(
        'Run `weft run a.weft.json --set x.y=1`. `weft` writes [the result](docs/a.md).\nThen: Open it:\n\n    code one two\n\n- One.\n- Two!\n',
      ),
    ).toEqual([
      'Run `weft_run_a_weft_json_--set_x_y=1`.',
      '`weft` writes the result.',
      'Then: Open it:',
      'One.',
      'Two!',
    ]);
  });

  it('names the one that is too long', () => {
    expect(longSentences('Four words are here. Six words are too many here.', 5)).toEqual([
      'Six words are too many here.',
    ]);
  });
});

describe('phrases that must not return', () => {
  it('are found over line breaks, case, markup and the signs of a comment', () => {
    const phrases = phrasesOf('# a comment\nhas not met a card\n\nis told in\n');
    expect(
      phrasesIn('First.\n * It has *not* met\n * a card. `weft sweep` Is  told\nin [Sweeps](x).', phrases),
    ).toEqual([
      { phrase: 'has not met a card', line: 2 },
      { phrase: 'is told in', line: 3 },
    ]);
    expect(phrasesIn('It has not met the card.', phrases)).toEqual([]);
  });
});

describe("the extension's own page", () => {
  const page = read('docs/marketplace.md');
  const images = [...page.matchAll(/\]\(\.\.\/([^)]+\.png)\)/g)].map(([, file]) => file!);

  it('shows no image that VS Code can not show', () => {
    expect(images.length).toBeGreaterThan(2);
    const shown = marketplacePage(page);
    expect(shown).not.toContain('![');
    for (const line of page.split('\n').filter((each) => !each.startsWith('!['))) expect(shown).toContain(line);
  });

  it('shows its images from the address where the repository is published', () => {
    const shown = marketplacePage(page, 'https://example.org/weft/raw/main');
    for (const file of images) expect(shown).toContain(`](https://example.org/weft/raw/main/${file})`);
    expect(() => marketplacePage(page, 'http://example.org')).toThrow(
      '--images-url http://example.org: write an address',
    );
  });

  it('has images that are in the package, three steps, and links and commands for no checkout', () => {
    for (const file of images) expect(file, file).toMatch(/^media\//);
    expect(page.match(/^\d\. /gm)).toHaveLength(3);
    expect(page).not.toMatch(/\bnp[mx]\b|\]\((?!\.\.\/media\/)/);
  });
});

describe('the version', () => {
  it('is the same in package.json, CHANGELOG and CITATION.cff', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(read('CITATION.cff')).toContain(`\nversion: ${version}\n`);
    const [, inChanges, date] = /^## (?:\[)?(\d+\.\d+\.\d+)\]? - (\d{4}-\d\d-\d\d)$/m.exec(read('CHANGELOG.md')) ?? [];
    expect(inChanges).toBe(version);
    expect(read('CITATION.cff')).toContain(`\ndate-released: '${date}'\n`);
  });
});

describe('the changelog', () => {
  const entries = read('CHANGELOG.md').split('\n');

  it('has the sections of Keep a Changelog, with what is to come on top', () => {
    const [first, ...versions] = entries.filter((line) => line.startsWith('## '));
    expect(first).toBe('## Unreleased');
    for (const version of versions) expect(version).toMatch(/^## \d+\.\d+\.\d+( - \d{4}-\d\d-\d\d)?$/);
    const sections = entries.filter((line) => line.startsWith('### '));
    expect(sections.length).toBeGreaterThan(3);
    for (const section of sections) expect(section).toMatch(/^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/);
  });

  it('says each thing once, in one line, below the section of a version that is out', () => {
    const released = entries.slice(entries.findIndex((line) => /^## \d/.test(line)));
    const lines = released.filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.filter((line) => !line.startsWith('- '))).toEqual([]);
    expect(lines.filter((line, at) => lines.indexOf(line) !== at)).toEqual([]);
    expect(lines.filter((line) => wordsIn(line) > 40)).toEqual([]);
    expect(released[released.findIndex((line) => line.startsWith('- ')) - 2]).toBe('### Added');
  });
});

describe('the pages', () => {
  const { contributes, name } = JSON.parse(read('package.json')) as {
    name: string;
    contributes: {
      commands: { command: string; category?: string; title: string }[];
      views: Record<string, { id: string }[]>;
      configuration: { properties: object };
    };
  };
  const titles = contributes.commands.map(({ category, title }) => (category ? `${category}: ${title}` : title));
  const ids = [
    ...Object.keys(contributes.configuration.properties),
    ...contributes.commands.map(({ command }) => command),
    `${name}.json`,
  ];

  it.each(filesBelow(root, ['.md']))('%s names commands by their titles and settings by their ids', (file) => {
    const text = read(file);
    for (const [, title] of text.matchAll(/\*(Weft: [^*\n]+)\*/g)) expect(titles).toContain(title);
    if (file === 'CHANGELOG.md') return;
    for (const [, id] of text.matchAll(/`(weft\.[a-zA-Z]+)`/g)) expect(ids).toContain(id);
  });
});
