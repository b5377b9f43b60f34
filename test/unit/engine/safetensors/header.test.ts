/** Files that are no .safetensors, or lie: one sentence that names the file and what to do, and nothing outside of it is ever read. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { WeftError } from '../../../../extension/protocol/errors';
import { emitTextEncoder } from '../../../../extension/engine/onnx/emit/textEncoder';
import { emitUnet } from '../../../../extension/engine/onnx/emit/unet';
import { emitVaeDecoder, emitVaeEncoder } from '../../../../extension/engine/onnx/emit/vae';
import { readHeader } from '../../../../extension/engine/safetensors/header';
import { detectPrediction, identify } from '../../../../extension/engine/safetensors/identify';
import { textEncoderOf, unetOf, vaeOf } from '../../../../extension/engine/safetensors/parts';
import { readWeights } from '../../../../extension/engine/safetensors/weights';
import { writeSingleFile } from '../../../support/smallModels';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-header-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const place = path.join(folder, name);
  fs.writeFileSync(place, content);
  return place;
}

/** A file of a header (an object, or its text) and some bytes. */
function safetensors(header: object | string, bytes = 64, length?: number | bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([size, text, Buffer.alloc(bytes)]);
}

const tensor = (from: number, to: number, shape = [(to - from) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

function refusal(place: string): string {
  try {
    readHeader(place);
  } catch (error) {
    expect(error).toBeInstanceOf(WeftError);
    expect((error as WeftError).kind).toBe('checkpoint');
    const { message } = error as WeftError;
    expect(message).toContain(path.basename(place));
    expect(message).toMatch(/[.:] [A-Z].*\.$|: get |: python/s);
    return message;
  }
  throw new Error(`${place} was read`);
}

describe('a header', () => {
  it('tells where each tensor lies, also with gaps, any order and no numbers', () => {
    const place = file(
      'good.safetensors',
      safetensors({
        __metadata__: { format: 'pt' },
        b: tensor(32, 40),
        a: tensor(0, 16, [2, 2]),
        none: tensor(8, 8, [0, 7]),
      }),
    );
    const header = readHeader(place);
    const start = fs.statSync(place).size - 64;
    expect(header.metadata).toEqual({ format: 'pt' });
    expect(header.tensors.get('a')).toMatchObject({ dtype: 'F32', shape: [2, 2], offset: start, length: 16 });
    expect(header.tensors.get('b')).toMatchObject({ offset: start + 32, length: 8 });
    expect(header.tensors.get('none')).toMatchObject({ length: 0 });
  });

  it('behind a symbolic link names the file itself', () => {
    const place = file('linked-to.safetensors', safetensors({ a: tensor(0, 8) }));
    fs.symlinkSync(place, path.join(folder, 'link.safetensors'));
    expect(readHeader(path.join(folder, 'link.safetensors')).tensors.get('a')!.file).toBe(fs.realpathSync(place));
  });

  const twice =
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}';
  const twiceWithin = '{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,4]}}';
  const LIES: [what: string, content: Buffer, message: RegExp][] = [
    [
      'a length beyond the file',
      safetensors({ a: tensor(0, 8) }, 0, 5000),
      /cut short: it has \d+ bytes, but its header alone reaches byte 5008/,
    ],
    ['a header of 100 MB', safetensors({ a: tensor(0, 8) }, 0, 100_000_000), /its header would have 100000000 bytes/],
    ['a length of 2⁶³', safetensors({ a: tensor(0, 8) }, 0, 2n ** 63n), /not a .safetensors file/],
    ['a length that cuts the JSON', safetensors({ a: tensor(0, 8) }, 8, 20), /header is not JSON/],
    ['a list', safetensors('[1, 2, 3]      '), /not a .safetensors file|not a JSON object/],
    [
      'bytes that are no UTF-8',
      safetensors(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]).toString('latin1')),
      /not JSON|malformed/,
    ],
    [
      'offsets beyond the file',
      safetensors({ a: tensor(0, 4000) }),
      /cut short: it has \d+ bytes, but its tensor "a" reaches byte/,
    ],
    ['a tensor that is cut short', safetensors({ a: tensor(0, 8) }, 4), /cut short/],
    ['offsets backwards', safetensors({ a: tensor(8, 4, [1]) }), /impossible place 8 to 4/],
    ['an offset below 0', safetensors({ a: tensor(-4, 4, [2]) }), /entry of "a".*malformed \(data_offsets/],
    [
      'offsets that are no integers',
      safetensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0.5,4.5]}}'),
      /malformed/,
    ],
    ['overlapping tensors', safetensors({ a: tensor(0, 16), b: tensor(8, 24) }), /tensors "a" and "b" overlap/],
    ['one tensor inside another', safetensors({ a: tensor(0, 32), b: tensor(4, 8) }), /overlap/],
    [
      'a shape that does not match its bytes',
      safetensors({ a: tensor(0, 16, [5]) }),
      /of shape \[5\] in F32 has 16 bytes instead of 20/,
    ],
    ['a shape whose product overflows', safetensors({ a: tensor(0, 16, [2 ** 40, 2 ** 40]) }), /bytes instead of/],
    [
      'an unknown number format',
      safetensors({ a: tensor(0, 4, [4], 'Q4_K') }),
      /number format "Q4_K", which Weft doesn't know/,
    ],
    ['a format called __proto__', safetensors({ a: tensor(0, 4, [4], '__proto__') }), /number format/],
    ['a name twice', safetensors(twice), /header has "a" twice/],
    ['a field twice', safetensors(twiceWithin), /header has "dtype" twice/],
    ['an entry that is a number', safetensors('{"a": 5}        '), /malformed/],
    ['metadata that are no texts', safetensors('{"__metadata__": {"a": [1]}}'), /metadata/],
    ['brackets a million deep', safetensors('{"a":'.padEnd(1_000_000, '[')), /not JSON/],
  ];
  it.each(LIES)('with %s is refused', (what, content, message) => {
    expect(refusal(file(`${what.replace(/\W+/g, '-')}.safetensors`, content))).toMatch(message);
  });
});

describe('a file that is something else', () => {
  const FILES: [name: string, content: string | Buffer, message: RegExp][] = [
    ['empty.safetensors', '', /is empty/],
    ['short.safetensors', 'abc', /has 3 bytes: too few/],
    [
      'model.ckpt',
      Buffer.from('PK\x03\x04....................archive/data.pkl', 'latin1'),
      /PyTorch pickle.*weights_only=True/,
    ],
    ['renamed.safetensors', Buffer.from('PK\x03\x04....................v1-5/data.pkl', 'latin1'), /PyTorch pickle/],
    ['old.pt', Buffer.from('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1'), /PyTorch pickle/],
    ['archive.safetensors', Buffer.from('PK\x03\x04....................model.txt', 'latin1'), /ZIP archive/],
    ['quantised.gguf', Buffer.from('GGUF\x03\0\0\0\x10\0\0\0', 'latin1'), /GGUF file/],
    ['page.safetensors', '<!DOCTYPE html><html><body>Sign in</body></html>', /web page.*Download the file itself/],
    ['page2.safetensors', '\n  <html lang="en">', /web page/],
    [
      'pointer.safetensors',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4265146304\n',
      /Git LFS pointer.*git lfs pull/,
    ],
    ['error.safetensors', '{"error":"Access to model is restricted"}', /is a text/],
    ['text.safetensors', 'Entry not found, sorry', /is a text/],
    ['picture.safetensors', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), /is a picture/],
    [
      'noise.safetensors',
      Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 73 + 42) % 251)),
      /is not a .safetensors file/,
    ],
  ];
  it.each(FILES)('%s is told what it is', (name, content, message) => {
    expect(refusal(file(name, content))).toMatch(message);
  });

  it('a folder, a missing file and a pipe that nobody writes to are told at once', () => {
    fs.mkdirSync(path.join(folder, 'a.safetensors'));
    expect(() => readHeader(path.join(folder, 'a.safetensors'))).toThrow(/folder/);
    expect(() => readHeader(path.join(folder, 'nowhere.safetensors'))).toThrow(/there is no such file/);
    if (process.platform === 'win32') return;
    execFileSync('mkfifo', [path.join(folder, 'pipe.safetensors')]);
    expect(() => readHeader(path.join(folder, 'pipe.safetensors'))).toThrow(/named pipe/);
  });

  it('keeps what a name says out of the command that it shows for a pickle', () => {
    const name = "x'); import os; print('.ckpt";
    expect(refusal(file(name, Buffer.from('\x80\x02\x8a\x0al.', 'latin1'))).split('python -c')[1]).not.toContain(
      'import os',
    );
  });
});

/** Numbers in [0, 1) that are the same in every run. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES = [
  '0',
  '9',
  '-1',
  '1e9',
  '4294967296',
  '9007199254740993',
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'null',
  '\\',
  '\0',
  'F8_E4M3',
  '__proto__',
  '"a"',
];

/** A header with a few bytes of it changed, taken out or put in; now and then its length, or the file's. */
function mutated(original: Buffer, next: () => number): Buffer {
  const length = Number(original.readBigUInt64LE(0));
  let header = original.subarray(8, 8 + length);
  let body = original.subarray(8 + length);
  const at = (size: number): number => Math.floor(next() * size);
  for (let i = 1 + at(2); i > 0; i--) {
    const place = at(header.length);
    const piece = Buffer.from(PIECES[at(PIECES.length)]!, 'latin1');
    switch (at(5)) {
      case 0:
        header = Buffer.concat([header.subarray(0, place), piece, header.subarray(place)]);
        break;
      case 1:
        header = Buffer.concat([header.subarray(0, place), header.subarray(place + 1 + at(8))]);
        break;
      case 2:
        header = Buffer.concat([header.subarray(0, place), piece, header.subarray(place + piece.length)]);
        break;
      case 3: {
        // A digit becomes another: places and shapes that look right.
        const text = header.toString('latin1').replace(/\d/g, (digit) => (next() < 0.05 ? String(at(10)) : digit));
        header = Buffer.from(text, 'latin1');
        break;
      }
      default:
        body = body.subarray(0, at(body.length));
    }
  }
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(next() < 0.1 ? at(2 * header.length) : header.length));
  if (next() < 0.05) size[at(8)] = at(256);
  return Buffer.concat([size, header, body]);
}

function requireInside(place: string, header: ReturnType<typeof readHeader>): void {
  const { size } = fs.statSync(place);
  for (const { offset, length } of header.tensors.values()) {
    expect(offset).toBeGreaterThanOrEqual(8);
    expect(length).toBeGreaterThanOrEqual(0);
    expect(offset + length).toBeLessThanOrEqual(size);
  }
}

describe('mutated headers', () => {
  it('five thousand of them are read or refused in a sentence; none points outside its file', () => {
    const original = safetensors(
      {
        __metadata__: { format: 'pt' },
        a: tensor(0, 16, [2, 2]),
        'b.weight': tensor(16, 24, [4], 'F16'),
        c: tensor(24, 24, [0]),
        d: tensor(24, 64),
      },
      64,
    );
    const next = random(17);
    let read = 0;
    for (let i = 0; i < 5000; i++) {
      const place = file('mutated.safetensors', mutated(original, next));
      try {
        requireInside(place, readHeader(place));
        read++;
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        expect(error.message).toContain('mutated.safetensors');
      }
    }
    // Both happen, or nothing was tried.
    expect(read).toBeGreaterThan(100);
    expect(read).toBeLessThan(4900);
  });

  it('of a whole model are identified and made graphs of, or refused in a sentence', () => {
    const original = fs.readFileSync(
      writeSingleFile(path.join(folder, 'whole.safetensors'), 'sd1', { parts: ['vae', 'text'] }),
    );
    const small = fs.readFileSync(writeSingleFile(path.join(folder, 'unet.safetensors'), 'sd1', { parts: ['unet'] }));
    const next = random(18);
    for (let i = 0; i < 60; i++) {
      const place = file('mutated.safetensors', mutated(i % 2 ? original : small, next));
      const attempts = [
        () => emitUnet(unetOf(readWeights(place))),
        () => emitVaeEncoder(vaeOf(readWeights(place))),
        () => emitVaeDecoder(vaeOf(readWeights(place))),
        () => emitTextEncoder(textEncoderOf(readWeights(place)).source),
        () => identify(readWeights(place)),
        () => detectPrediction(readWeights(place)),
      ];
      for (const attempt of attempts)
        try {
          attempt();
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
        }
    }
  });
});
