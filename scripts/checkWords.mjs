/**
 * `npm run check:words`, a part of `npm test`: links and images of all Markdown files, the length of sentences in README and tutorial,
 * phrases that must not return, markdownlint, and the spelling (words of the project: test/words/dictionary.txt).
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from './prepare.mjs';
import { brokenLinks, filesBelow, longSentences, phrasesIn, phrasesOf, wordsIn } from './words.mjs';

/** Pages that a stranger reads first. */
const LANDING = ['README.md', 'docs/tutorial.md', 'docs/marketplace.md'];
const MOST_WORDS = 30;

const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const pages = filesBelow(root, ['.md']);
const sources = ['extension', 'webview', 'scripts'].flatMap((folder) =>
  filesBelow(root, ['.ts', '.tsx', '.mjs'], folder),
);
const phrases = phrasesOf(read('test/words/phrases.txt'));

const problems = [
  ...brokenLinks(root, pages),
  ...LANDING.flatMap((file) =>
    longSentences(read(file), MOST_WORDS).map(
      (sentence) => `${file}: ${wordsIn(sentence)} words, at most ${MOST_WORDS}: ${sentence}`,
    ),
  ),
  ...[...pages, ...sources, 'package.json'].flatMap((file) =>
    phrasesIn(read(file), phrases).map(
      ({ phrase, line }) => `${file}:${line}: “${phrase}” must not return (test/words/phrases.txt)`,
    ),
  ),
];
for (const problem of problems) console.error(problem);

const tool = (...name) => path.join(root, 'node_modules', ...name);
const failed = [
  [tool('markdownlint-cli2', 'markdownlint-cli2-bin.mjs')],
  [
    tool('cspell', 'bin.mjs'),
    '--no-progress',
    '--no-summary',
    '--cache',
    '--cache-location',
    'test-artifacts/cspell',
    ...pages,
  ],
].filter((args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status !== 0);

console.log(`${pages.length} pages: ${problems.length} problems of links, sentences and phrases`);
process.exitCode = problems.length > 0 || failed.length > 0 ? 1 : 0;
