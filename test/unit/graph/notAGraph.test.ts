import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseGraph } from '../../../extension/graph';
import { root } from '../../support/mini';
import { standardText } from './helpers';

const problem = (bytes: Uint8Array | string): { message: string; line: number; column: number } => {
  const { problems } = parseGraph(Buffer.from(bytes).toString('utf8'));
  expect(problems).toHaveLength(1);
  return problems[0]!;
};
const wide = (text: string, swapped: boolean, mark: boolean): Buffer => {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');
  return swapped ? bytes.swap16() : bytes;
};

describe('a file that is no graph', () => {
  it('left by a merge is told where the conflict begins', () => {
    for (const marks of [
      ['<<<<<<< HEAD', '=======', '>>>>>>> other'],
      ['<<<<<<< ours', '||||||| base', '=======', '>>>>>>> theirs'],
    ]) {
      const text = standardText().replace('    "denoise": {', `${marks.join('\n')}\n    "denoise": {`);
      const line = text.slice(0, text.indexOf('<<<<<<<')).split('\n').length;
      for (const eol of ['\n', '\r\n'])
        expect(problem(text.replaceAll('\n', eol))).toMatchObject({
          line,
          column: 1,
          message: expect.stringContaining('There is a merge conflict') as string,
        });
    }
    // In a string they are text.
    expect(parseGraph(standardText().replace('"animal"', '"<<<<<<< HEAD"')).problems).toEqual([]);
  });

  it('in UTF-16 is named so, with and without a mark, in either order; a mark of UTF-8 is fine', () => {
    for (const text of [standardText(), JSON.stringify(JSON.parse(standardText()))])
      for (const swapped of [false, true])
        for (const mark of [false, true]) expect(problem(wide(text, swapped, mark)).message).toContain('UTF-16');
    expect(parseGraph(`\ufeff${standardText()}`).problems).toEqual([]);
  });

  it('with a comma too many is told of that comma', () => {
    expect(problem('{"weft": 1, "nodes": {},}')).toMatchObject({
      message: expect.stringContaining('a comma with nothing after it') as string,
      column: 24,
    });
    expect(problem('{"weft": 1, "nodes": {"a": {"type": "adain",\n  }}}')).toMatchObject({ line: 1, column: 44 });
    expect(problem('{"weft": 1, "nodes": {}, "x": [1, 2, ]}').message).toContain('a comma with nothing after it');
    expect(problem('{"weft": 1 "nodes": {}}').message).toContain('A comma is expected here');
  });

  it('of another kind is named by its kind', async () => {
    const picture = sharp({ create: { width: 40, height: 30, channels: 3, background: '#a03' } });
    const kinds: [Uint8Array | string, string][] = [
      [await picture.clone().png().toBuffer(), 'PNG image'],
      [await picture.clone().jpeg().toBuffer(), 'JPEG image'],
      [await picture.clone().webp().toBuffer(), 'WebP image'],
      [await picture.clone().gif().toBuffer(), 'GIF image'],
      [await picture.clone().tiff().toBuffer(), 'TIFF image'],
      [await picture.clone().avif({ effort: 0 }).toBuffer(), 'HEIC or AVIF image'],
      [gzipSync('{}'), 'gzip archive'],
      [fs.readFileSync(path.join(root, 'models', 'mini', 'text_encoder', 'model.onnx')), 'ONNX model'],
      ['PK\u0003\u0004\u0014\0', 'ZIP archive'],
      ['%PDF-1.7\n%', 'PDF'],
      [Uint8Array.from({ length: 500 }, (_, index) => (index * 7919) % 251), 'binary data'],
      ['version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n', 'git lfs pull'],
      ['<!DOCTYPE html>\n<html><body>404</body></html>', 'web page'],
      ['\n<html lang="en">', 'web page'],
      ['', 'empty'],
      [' \n', 'empty'],
    ];
    for (const [bytes, words] of kinds)
      expect(problem(bytes)).toMatchObject({ message: expect.stringContaining(words) as string, line: 1, column: 1 });
  });
});
