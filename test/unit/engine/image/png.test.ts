import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodePicture } from '../../../../extension/engine/image/encode';
import { maskPicture } from '../../../../extension/engine/image/mask';
import { encodePng } from '../../../../extension/engine/image/png';
import { insertPngText, readPngTexts } from '../../../../extension/platform/pngText';

const rgb = new Uint8Array(6 * 4 * 3).map((_, i) => (i * 37) % 256);
const pixels = { width: 6, height: 4, rgb };
const graph = '{\n  "weft": 1,\n  "nodes": {"зебра 斑馬": "é\u0000 \ud83e\udd93"}\n}\n';

function chunk(type: string, data: Uint8Array, crc?: number): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  out.set(data, 8);
  out.writeUInt32BE(crc ?? crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
const iTXt = (text: Uint8Array, compressed = 0, keyword = 'weft.graph') =>
  chunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0`, 'latin1'), Buffer.of(compressed, 0, 0, 0), text]));
/** A picture with foreign chunks between its header and its pixels. */
async function withChunks(...chunks: Uint8Array[]): Promise<Uint8Array> {
  const png = await encodePng(pixels);
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

describe('a PNG that Weft writes', () => {
  it('has its own texts, though its pixels are encoded once', async () => {
    const shown = await encodePng(pixels);
    const saved = await encodePng(pixels, { 'weft.graph': 'first' });
    expect(Object.fromEntries(readPngTexts(saved))).toEqual({ 'weft.graph': 'first' });
    const again = await encodePng(pixels, { 'weft.graph': 'second' });
    expect(Object.fromEntries(readPngTexts(again))).toEqual({ 'weft.graph': 'second' });
    expect(await encodePng(pixels)).toEqual(shown);
    expect(Object.fromEntries(readPngTexts(shown))).toEqual({});
  });

  it('keeps its pixels and carries its texts, of any script and length', async () => {
    const long = 'x'.repeat(200_000);
    const png = await encodePng(pixels, { 'weft.graph': graph, 'weft.run': long });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 6, height: 4, channels: 3 });
    expect(new Uint8Array(data)).toEqual(rgb);
    expect(Object.fromEntries(readPngTexts(png))).toEqual({ 'weft.graph': graph, 'weft.run': long });
  });

  it('has the same bytes for the same content', async () => {
    expect(await encodePng(pixels, { a: 'b' })).toEqual(await encodePng(pixels, { a: 'b' }));
  });

  it('may have an alpha channel, and no texts', async () => {
    const rgba = new Uint8Array(6 * 4 * 4).map((_, i) => (i * 11) % 256);
    const png = await encodePng({ width: 6, height: 4, rgba });
    expect(new Uint8Array(await sharp(png).raw().toBuffer())).toEqual(rgba);
    expect(readPngTexts(png).size).toBe(0);
  });

  it('refuses pixels that do not fill it and keywords that PNG does not allow', async () => {
    await expect(encodePng({ width: 6, height: 5, rgb })).rejects.toThrow(RangeError);
    const png = await encodePng(pixels);
    for (const keyword of ['', 'a\0b', 'x'.repeat(80), 'schlüssel\u0100']) {
      expect(() => insertPngText(png, { [keyword]: '' })).toThrow(RangeError);
    }
  });
});

describe('a PNG from a stranger', () => {
  it('may hold its graph compressed', async () => {
    expect(readPngTexts(await withChunks(iTXt(deflateSync(graph), 1))).get('weft.graph')).toBe(graph);
  });

  it('is passed over where a text would inflate beyond 8 MB, without inflating it', async () => {
    const bomb = deflateSync(Buffer.alloc(200 * 1024 * 1024), { level: 9 });
    const png = await withChunks(iTXt(bomb, 1), iTXt(Buffer.from('fine'), 0, 'weft.run'));
    const before = process.memoryUsage().rss;
    const texts = readPngTexts(png);
    expect([...texts]).toEqual([['weft.run', 'fine']]);
    expect(process.memoryUsage().rss - before).toBeLessThan(64e6);
  });

  it('is passed over where a chunk is damaged, not UTF-8, or out of form, and read on behind it', async () => {
    const good = iTXt(Buffer.from('good'), 0, 'weft.run');
    for (const bad of [
      chunk('iTXt', Buffer.from('weft.graph\0\0\0\0\0text'), 1234),
      iTXt(Buffer.of(0xff, 0xfe)),
      iTXt(Buffer.from('not zlib'), 1),
      chunk('iTXt', Buffer.from('weft.graph')),
      chunk('iTXt', Buffer.from('weft.graph\0')),
      chunk('iTXt', Buffer.from('weft.graph\0\0\0en')),
      chunk('iTXt', Buffer.from('weft.graph\0\0\0en\0graph')),
      chunk('iTXt', Buffer.from('\0\0\0\0\0text')),
      chunk('iTXt', new Uint8Array(0)),
    ]) {
      expect([...readPngTexts(await withChunks(bad, good))]).toEqual([['weft.run', 'good']]);
    }
  });

  it('gives the first of two texts with one keyword, and keywords that are names of object properties', async () => {
    const texts = readPngTexts(
      await withChunks(iTXt(Buffer.from('1')), iTXt(Buffer.from('2')), iTXt(Buffer.from('3'), 0, '__proto__')),
    );
    expect([...texts]).toEqual([
      ['weft.graph', '1'],
      ['__proto__', '3'],
    ]);
  });

  it('never reads beyond its end: every cut and every length', async () => {
    const png = await encodePng(pixels, { 'weft.graph': graph });
    for (let end = 8; end < png.length; end++) {
      const texts = readPngTexts(png.subarray(0, end));
      expect([undefined, graph]).toContain(texts.get('weft.graph'));
    }
    for (const length of [0xffffffff, 0x7fffffff, png.length, png.length - 33, 0]) {
      const broken = Buffer.from(png);
      broken.writeUInt32BE(length, 33);
      expect(readPngTexts(broken).has('weft.graph')).toBe(false);
    }
  });

  it('may start anywhere in its buffer', async () => {
    const png = await encodePng(pixels, { 'weft.graph': graph });
    const padded = new Uint8Array(png.length + 10);
    padded.set(png, 7);
    expect(readPngTexts(padded.subarray(7, 7 + png.length)).get('weft.graph')).toBe(graph);
  });
});

describe('a picture for a file', () => {
  it.each([
    ['.png', 'png'],
    ['.jpg', 'jpeg'],
    ['.jpeg', 'jpeg'],
    ['.webp', 'webp'],
  ])('ending in %s is %s', async (extension, format) => {
    expect((await sharp(await encodePicture(pixels, extension)).metadata()).format).toBe(format);
  });

  it('carries its texts as PNG', async () => {
    expect(readPngTexts(await encodePicture(pixels, '.png', { 'weft.run': 'r' })).get('weft.run')).toBe('r');
  });

  it('is refused for an ending that is no picture', async () => {
    for (const extension of ['', '.exe', '.svg']) {
      await expect(encodePicture(pixels, extension)).rejects.toMatchObject({ kind: 'graph' });
    }
  });
});

describe('a mask as a picture', () => {
  it('is white inside and black outside, in blocks', async () => {
    const { data, info } = await sharp(await maskPicture(Float32Array.of(0, 1, 1, 0), 2, 2))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 256, height: 256 });
    const at = (x: number, y: number) => data[(y * 256 + x) * info.channels];
    expect([at(0, 0), at(127, 127), at(128, 0), at(255, 127), at(0, 128), at(255, 255)]).toEqual([
      0, 0, 255, 255, 255, 0,
    ]);
  });
});
