import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readPngTexts } from '../../../extension/platform/pngText';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function iTXt(keyword: string, text: string | Uint8Array, compressed = false): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  const head = Buffer.concat([
    Buffer.from(keyword, 'latin1'),
    Buffer.from([0, compressed ? 1 : 0, 0]),
    Buffer.from('en\0translated\0'),
  ]);
  return chunk('iTXt', Buffer.concat([head, compressed ? deflateSync(bytes) : bytes]));
}

const png = (...chunks: Buffer[]): Uint8Array =>
  Buffer.concat([SIGNATURE, chunk('IHDR', new Uint8Array(13)), ...chunks, chunk('IEND', new Uint8Array())]);

describe('texts of a PNG', () => {
  it('reads plain and compressed texts in UTF-8 between other chunks', () => {
    const data = png(
      iTXt('weft.graph', '{"weft": 1}'),
      chunk('IDAT', new Uint8Array(99)),
      iTXt('weft.run', 'Größe ✓', true),
    );
    expect([...readPngTexts(data)]).toEqual([
      ['weft.graph', '{"weft": 1}'],
      ['weft.run', 'Größe ✓'],
    ]);
  });

  it('lets the first of two texts with one keyword count', () => {
    expect(readPngTexts(png(iTXt('weft.graph', 'first'), iTXt('weft.graph', 'second'))).get('weft.graph')).toBe(
      'first',
    );
  });

  it('finds nothing in what is no PNG', () => {
    expect(readPngTexts(new Uint8Array()).size).toBe(0);
    expect(readPngTexts(Buffer.from('GIF89a and some more bytes')).size).toBe(0);
  });

  it('stops at a chunk that claims more than there is', () => {
    const data = Buffer.from(png(iTXt('weft.graph', 'x')));
    data.writeUInt32BE(0x7fffffff, SIGNATURE.length + 25);
    expect(readPngTexts(data).size).toBe(0);
  });

  it('leaves out a text that unpacks to more than a graph could be', () => {
    const bomb = iTXt('weft.graph', new Uint8Array(64 * 1024 * 1024), true);
    expect(bomb.length).toBeLessThan(100_000);
    expect(readPngTexts(png(bomb, iTXt('weft.run', 'still read'))).has('weft.graph')).toBe(false);
    expect(readPngTexts(png(bomb, iTXt('weft.run', 'still read'))).get('weft.run')).toBe('still read');
  });

  it('gives no more together than a limit, however many texts there are, each of them small enough', () => {
    const large = new Uint8Array(7 * 1024 * 1024).fill(0x20);
    const many = Array.from({ length: 20 }, (_, index) => iTXt(`text-${index}`, large, true));
    const total = [...readPngTexts(png(...many)).values()].reduce((sum, text) => sum + text.length, 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThanOrEqual(24 * 1024 * 1024);
  });

  it('gives up after so many texts, also when none of them is one', () => {
    const bad = Array.from({ length: 200 }, () => iTXt('weft.graph', new Uint8Array([0xff]), true));
    expect(readPngTexts(png(...bad, iTXt('weft.graph', 'late'))).size).toBe(0);
    expect(readPngTexts(png(iTXt('weft.graph', 'early'), ...bad)).get('weft.graph')).toBe('early');
  });

  it('leaves out broken UTF-8, broken compression and missing separators', () => {
    const broken = [
      iTXt('weft.graph', new Uint8Array([0xff, 0xfe])),
      chunk('iTXt', Buffer.from('weft.graph\0\x01\0\0\0not deflate', 'latin1')),
      chunk('iTXt', Buffer.from('weft.graph')),
      chunk('iTXt', Buffer.from('\0\0\0\0\0x')),
    ];
    for (const one of broken) expect(readPngTexts(png(one)).size).toBe(0);
  });

  it('survives every cut and 2,000 damaged copies of a file', () => {
    const whole = png(iTXt('weft.graph', '{"weft": 1}'.repeat(20), true));
    for (let length = 0; length < whole.length; length++) readPngTexts(whole.subarray(0, length));
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
    for (let round = 0; round < 2000; round++) {
      const damaged = Uint8Array.from(whole);
      for (let hit = 0; hit < 4; hit++) damaged[random(damaged.length)] = random(256);
      readPngTexts(damaged);
    }
  });
});
