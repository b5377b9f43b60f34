/**
 * What the checks of the documentation find: links and images that lead nowhere, sentences that are too long, phrases that must not
 * return. Everything is read from the disk; nothing is asked of the network.
 */
import fs from 'node:fs';
import path from 'node:path';
import MarkdownIt from 'markdown-it';

const SKIPPED = new Set(['node_modules', 'dist', 'out', 'weft-out', 'test-artifacts', '.git', '.venv', 'fixtures']);
const parser = new MarkdownIt({ html: true });

/** Files below `root` whose name ends with one of `endings`, relative, with forward slashes, sorted. */
export function filesBelow(root, endings, folder = '') {
  return fs
    .readdirSync(path.join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(root, endings, name);
      return endings.some((ending) => name.endsWith(ending)) ? [name] : [];
    })
    .sort();
}

/** Runs of text, each with the line where its block begins: cells of a table have no line of their own. */
function inlineTokens(text) {
  let line = 1;
  return parser.parse(text, {}).flatMap(({ type, map, children }) => {
    line = map === null ? line : map[0] + 1;
    return type === 'inline' ? [{ line, children: children ?? [] }] : [];
  });
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text) {
  const seen = new Map();
  const tokens = parser.parse(text, {});
  return new Set(
    tokens.flatMap((token, at) => {
      if (tokens[at - 1]?.type !== 'heading_open') return [];
      const words = (token.children ?? []).map(({ content }) => content).join('');
      const slug = words
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return [count === 0 ? slug : `${slug}-${count}`];
    }),
  );
}

/** One sentence for each link or image of the Markdown files that leads nowhere. */
export function brokenLinks(root, files = filesBelow(root, ['.md'])) {
  const texts = new Map();
  const textOf = (file) => {
    if (!texts.has(file)) texts.set(file, fs.readFileSync(path.join(root, file), 'utf8'));
    return texts.get(file);
  };
  const problems = [];
  for (const file of files) {
    const targets = inlineTokens(textOf(file)).flatMap(({ children, line }) =>
      children.flatMap((token) => {
        if (token.type === 'link_open') return [{ line, target: token.attrGet('href') ?? '' }];
        if (token.type !== 'image') return [];
        return [{ line, target: token.attrGet('src') ?? '', image: true, described: token.content.trim() !== '' }];
      }),
    );
    for (const { line, target, image, described } of targets) {
      const problem = problemOf(target);
      if (problem !== undefined) problems.push(`${file}:${line}: ${target} ${problem}`);
      if (image && !described)
        problems.push(`${file}:${line}: ${target} has no description for readers who can't see it`);
    }

    function problemOf(target) {
      if (/^(https|mailto):/.test(target)) return URL.canParse(target) ? undefined : 'is no address';
      if (/^[a-z][a-z+.-]*:/i.test(target)) return 'is neither a file nor an https address';
      const [name, anchor] = target.split('#', 2);
      const at = name === '' ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), decodeURI(name)));
      if (at.startsWith('..')) return 'leads out of the repository';
      const stat = fs.statSync(path.join(root, at), { throwIfNoEntry: false });
      if (!stat) return 'does not exist';
      if (stat.isFile() && stat.size === 0) return 'is empty';
      if (anchor === undefined || anchor === '') return undefined;
      if (!at.endsWith('.md')) return 'has an anchor, which only Markdown files have';
      return anchorsOf(textOf(at)).has(decodeURI(anchor)) ? undefined : 'names no heading of that page';
    }
  }
  return problems;
}

/** The sentences of a Markdown text, without code blocks; code and links count as what they show. */
export function sentencesOf(text) {
  return inlineTokens(text).flatMap(({ children }) => {
    const shown = children
      .map(({ type, content }) => {
        if (type === 'softbreak' || type === 'hardbreak') return ' ';
        // A point inside code ends no sentence.
        return type === 'code_inline' ? `\`${content.replaceAll(/[.?!\s]/g, '_')}\`` : content;
      })
      .join('');
    return shown
      .split(/(?<=[.!?][)"”]?)\s+(?=[\p{Lu}\d`"“(])/u)
      .map((sentence) => sentence.trim())
      .filter((sentence) => sentence !== '');
  });
}

export const wordsIn = (sentence) => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

/** The sentences of a Markdown text that have more than `most` words. */
export const longSentences = (text, most) => sentencesOf(text).filter((sentence) => wordsIn(sentence) > most);

/** The phrases of a list: a line each, without comments. */
export const phrasesOf = (list) =>
  list
    .split('\n')
    .map((line) => line.trim().toLowerCase())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** Which of the phrases a text has, with the line where each begins. Line breaks, markup and signs of comments count as spaces. */
export function phrasesIn(text, phrases) {
  const plain = text.toLowerCase().replaceAll(/[\s*`_/]/g, (sign) => (sign === '\n' ? '\n' : ' '));
  return phrases.flatMap((phrase) => {
    const words = phrase.split(/\s+/).map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return [...plain.matchAll(new RegExp(words.join('\\s+'), 'g'))].map((match) => ({
      phrase,
      line: plain.slice(0, match.index).split('\n').length,
    }));
  });
}
