import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { clipTokenizerFiles } from '../../../../extension/engine/checkpoints/clipTokenizer';
import { loadTokenizer } from '../../../../extension/engine/checkpoints/tokenizer';
import { fixtures } from '../../../fixtures/onnx/open';

const clip = path.join(fixtures, 'tokenizer');
const slow = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-tokenizer-'));
for (const name of ['vocab.json', 'merges.txt']) fs.copyFileSync(path.join(clip, name), path.join(slow, name));
afterAll(() => fs.rmSync(slow, { recursive: true, force: true }));

const begin = 568;
const end = 569;

describe('the tokenizer that Weft has for files without one', () => {
  const write = (name: string, padding?: string): string => {
    const folder = path.join(slow, name);
    fs.mkdirSync(folder);
    for (const [file, text] of Object.entries(clipTokenizerFiles(path.resolve('models', 'clip'), padding)))
      fs.writeFileSync(path.join(folder, file), text);
    return folder;
  };

  it("gives transformers' ids", async () => {
    const tokenizer = await loadTokenizer(write('clip'), 77);
    // CLIPTokenizer of transformers 5.24 with the same merges.
    const theirs: [prompt: string, ids: number[]][] = [
      ['a photo of a giraffe', [320, 1125, 539, 320, 22826]],
      [
        'A photo of an xylophone, 2 zebras — naïve façade!',
        [320, 1125, 539, 550, 20023, 549, 1951, 267, 273, 2254, 22611, 2005, 1097, 35689, 563, 778, 10067, 1928, 256],
      ],
      ["the cat's  PICTURE\nin 1984", [518, 2368, 568, 1674, 530, 272, 280, 279, 275]],
      ['Ünïcödé 猫 🦓 end', [6522, 77, 35689, 66, 7255, 67, 4166, 163, 234, 360, 6040, 497, 806]],
      [
        'masterpiece, (best quality:1.2), 8k uhd; by greg rutkowski | trending on artstation',
        [
          12066, 267, 263, 949, 3027, 281, 272, 269, 273, 2361, 279, 330, 84, 4414, 282, 638, 7943, 14973, 17649, 347,
          6087, 525, 1486, 2631,
        ],
      ],
      ['', []],
    ];
    for (const [prompt, ids] of theirs) {
      const own = tokenizer.tokenize(prompt).ids;
      expect(own.slice(0, ids.length + 3), prompt).toEqual([49406, ...ids, 49407, 49407]);
    }
  });

  it("fills up with zeros where the text encoder is OpenCLIP's", async () => {
    const { ids } = (await loadTokenizer(write('open-clip', '!'), 77)).tokenize('a photo');
    expect(ids.slice(0, 6)).toEqual([49406, 320, 1125, 49407, 0, 0]);
  });
});

describe('the tokenizer of CLIP', () => {
  it("gives the reference prompt the reference's ids, framed and filled up to the context's length", async () => {
    const { ids } = (await loadTokenizer(clip, 77)).tokenize('A photo of a animal');
    expect(ids).toHaveLength(77);
    expect(ids.slice(0, 7)).toEqual([begin, 320, 515, 526, 320, 539, end]);
    expect(new Set(ids.slice(7))).toEqual(new Set([end]));
  });

  it('gives the empty prompt a begin and an end', async () => {
    const { ids, words } = (await loadTokenizer(clip, 77)).tokenize('');
    expect(ids.slice(0, 3)).toEqual([begin, end, end]);
    expect(words).toEqual([]);
  });

  it('is the same from vocab.json and merges.txt alone', async () => {
    const [fast, own] = [await loadTokenizer(clip, 77), await loadTokenizer(slow, 77)];
    for (const prompt of [
      'A photo of a animal',
      "the cat's  PICTURE, (2 zebras) — naïve façade!",
      'giraffe-like houses\nin 1984',
      'Ünïcödé 猫 🦓 end',
    ])
      expect(own.tokenize(prompt)).toEqual(fast.tokenize(prompt));
  });

  it('tells where the tokens of each word are, also of words of several tokens', async () => {
    const tokenizer = await loadTokenizer(clip, 77);
    const { words, ids } = tokenizer.tokenize('a photo of a giraffe, zebra');
    const all = words.flatMap((word) => word.positions);
    expect(all).toEqual(Array.from({ length: all.length }, (_, i) => i + 1));
    expect(ids[all.length + 1]).toBe(end);
    const odd = tokenizer.tokenize('a photo of an xylophone here');
    const positions = odd.words.find((word) => word.text === 'xylophone')!.positions;
    expect(positions.length).toBeGreaterThan(1);
    expect(tokenizer.positionsOf('a photo of an xylophone here', 'Xylophone')).toEqual(positions);
    expect(tokenizer.positionsOf('a photo of an xylophone, here', 'xylophone here').length).toBeGreaterThan(
      positions.length,
    );
  });

  it('finds every occurrence of a noun, and none where there is none', async () => {
    const tokenizer = await loadTokenizer(clip, 77);
    expect(tokenizer.positionsOf('animal beside animal', 'animal')).toEqual([
      1,
      tokenizer.tokenize('animal beside').words[1]!.positions.at(-1)! + 1,
    ]);
    expect(tokenizer.positionsOf('a photo of a house', 'animal')).toEqual([]);
    expect(tokenizer.positionsOf('animals', 'animal')).toEqual([]);
    expect(tokenizer.positionsOf('a', '')).toEqual([]);
  });

  it('cuts a prompt that is too long and keeps the end token', async () => {
    const { ids, words } = (await loadTokenizer(clip, 16)).tokenize('animal '.repeat(40));
    expect(ids).toHaveLength(16);
    expect(ids.at(-1)).toBe(end);
    expect(words.flatMap((word) => word.positions)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
    expect(words.at(-1)!.positions).toEqual([]);
  });

  it('says which files are missing', async () => {
    const empty = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-tokenizer-'));
    await expect(loadTokenizer(empty, 77)).rejects.toThrow(/neither tokenizer.json nor vocab.json with merges.txt/);
    fs.writeFileSync(path.join(empty, 'tokenizer.json'), '{"version": ');
    await expect(loadTokenizer(empty, 77)).rejects.toThrow(/not JSON/);
    fs.rmSync(empty, { recursive: true });
  });
});

describe("mini's tokenizer", () => {
  it('reads words, pads with the end token and knows its context of 16', async () => {
    const tokenizer = await loadTokenizer(path.resolve('models/mini/tokenizer'), 16);
    expect(tokenizer.tokenize('a photo of an animal').ids).toEqual([
      0,
      3,
      6,
      10,
      4,
      14,
      ...Array.from({ length: 10 }, () => 1),
    ]);
    expect(tokenizer.positionsOf('a photo of an animal', 'animal')).toEqual([5]);
  });
});
