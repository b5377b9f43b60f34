/** Files that are no image that Weft reads: what they are, and what to do. And some that are after all. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { isPictureName, pictureExtensions, specOf } from '../../../../extension/graph';
import { loadMask, loadPicture } from '../../../../extension/engine/image/load';
import { tiffFile } from '../../../support/imageFiles';
import { root } from '../../../support/mini';

const square = { width: 8, height: 8 };
const text = (content: string): Buffer => Buffer.from(content, 'latin1');
const media = (brand: string, ...others: string[]): Buffer => {
  const length = String.fromCharCode(16 + 4 * others.length);
  return text(`\0\0\0${length}ftyp${brand}\0\0\0\0${others.join('')}\0\0\0\x08meta`);
};
const CONVERT = 'Convert it to PNG, JPEG, WebP, GIF, TIFF or AVIF.';
const GIVE = 'Give it a PNG, JPEG, WebP, GIF, TIFF or AVIF file.';

const foreign: [string, Uint8Array, string][] = [
  ['an iPhone photo', media('heic', 'mif1', 'heic'), `is a HEIC or HEIF image, which Weft does not read. ${CONVERT}`],
  ['a burst of photos', media('msf1', 'hevc'), 'is a HEIC or HEIF image, which'],
  ['JPEG XL', text('\xff\x0a\xfa\x1f\x01'), 'is a JPEG XL image, which'],
  ['JPEG XL in boxes', text('\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl '), 'is a JPEG XL image, which'],
  ['JPEG 2000', text('\0\0\0\x0cjP  \r\n\x87\n'), 'is a JPEG 2000 image, which'],
  ['a JPEG 2000 codestream', text('\xff\x4f\xff\x51\0\x29'), 'is a JPEG 2000 image, which'],
  ['BMP', text('BM\x36\x03\0\0\0\0\0\0\x36\0\0\0'), `is a BMP image, which Weft does not read. ${CONVERT}`],
  ['Photoshop', text('8BPS\0\x01'), 'is a Photoshop document (PSD), which Weft does not read. Export it as PNG.'],
  ['PDF', text('%PDF-1.7\n'), 'is a PDF document, which Weft does not read. Export the page as PNG.'],
  ['PostScript', text('%!PS-Adobe-3.0 EPSF-3.0\n'), 'is a PostScript drawing'],
  [
    'SVG',
    text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    'is an SVG drawing, which Weft does not read. Export it as PNG.',
  ],
  [
    'SVG with a preamble',
    text('<?xml version="1.0"?>\n<!-- by hand --><!-- twice -->\n<!DOCTYPE svg>\n<svg/>'),
    'is an SVG drawing',
  ],
  ['Canon RAW', media('crx ', 'crx ', 'isom'), 'is a camera RAW image (CR3), which Weft does not read. Develop it'],
  ['older Canon RAW', text('II*\0\x10\0\0\0CR\x02\0'), 'is a camera RAW image (CR2)'],
  ['Fujifilm RAW', text('FUJIFILMCCD-RAW 0201'), 'is a camera RAW image'],
  [
    'a video',
    media('isom', 'mp42'),
    'is a video or an animation, which Weft does not read. Save one of its frames as PNG.',
  ],
  ['Matroska', text('\x1aE\xdf\xa3\x01'), 'is a video (Matroska or WebM)'],
  ['AVI', text('RIFF\0\0\0\0AVI LIST'), 'is a video (AVI)'],
  ['OpenEXR', text('v/1\x01\x02\0\0\0'), 'is an OpenEXR image'],
  ['an icon', text('\0\0\x01\0\x01\0\x10\x10'), 'is an icon (ICO)'],
  ['PPM', text('P6\n8 8\n255\n'), 'is a Netpbm image'],
  ['a ZIP', text('PK\x03\x04\x14\0'), 'is a ZIP archive or a document packed as one'],
  ['gzip', gzipSync('x'), 'is a compressed file (gzip), which Weft does not read. Unpack it first.'],
  ['an empty file', new Uint8Array(), 'is empty (0 bytes). Download or export it again.'],
  ['zeros', new Uint8Array(5000), 'holds nothing but zeros, as after an interrupted copy or download.'],
  [
    'a Git LFS pointer',
    text('version https://git-lfs.github.com/spec/v1\noid sha256:abab\nsize 123456\n'),
    'is a Git LFS pointer, not the image itself. Run "git lfs pull" in its repository.',
  ],
  ['a web page', text('\n<!DOCTYPE html>\n<html><head>'), 'is a web page (HTML), not an image'],
  ['a web page after a comment', text('<!-- saved --><HTML lang="en">'), 'is a web page (HTML), not an image'],
  [
    'the error of a server',
    text('<?xml version="1.0"?><Error><Code>AccessDenied</Code>'),
    'is an XML document, not an image',
  ],
  ['JSON', text('{"weft": 1}'), `is JSON text, not an image. ${GIVE}`],
  ['notes', Buffer.from('# nothing to see – really'), `is a text file, not an image. ${GIVE}`],
  ['notes of Windows', Buffer.from('\ufeffnotes', 'utf16le'), `is a text file, not an image. ${GIVE}`],
  ['what nobody knows', Buffer.from([1, 2, 3, 4, 5]), `is not an image that Weft reads. ${GIVE}`],
];

describe('a file that is no image that Weft reads', () => {
  it.each(foreign)('%s is named, with what to do', async (_, bytes, sentence) => {
    const expected = {
      name: 'WeftError',
      kind: 'graph',
      message: expect.stringContaining(`look.png ${sentence}`) as string,
    };
    await expect(loadPicture(bytes, square, 'look.png')).rejects.toMatchObject(expected);
    await expect(loadMask(bytes, 2, 2, 0.4, 'look.png')).rejects.toMatchObject(expected);
  });

  // A moment each; what is quadratic takes minutes, and so runs into the runner's limit.
  it('is looked at quickly, also when it begins like a page and never ends', async () => {
    await expect(loadPicture(text('<!--a-->'.repeat(1_000_000)), square)).rejects.toThrow(/XML/);
    await expect(loadPicture(text('<'.repeat(8_000_000)), square)).rejects.toThrow(/text/);
    await expect(loadPicture(text(' '.repeat(8_000_000)), square)).rejects.toThrow(/text/);
  });

  it('may be a camera RAW dressed as a TIFF: its thumbnail is not shown for the photo', async () => {
    const thumbnail = new Uint8Array(8 * 8 * 3);
    const marks: Record<number, number | Uint8Array>[] = [
      { 50706: Uint8Array.of(1, 4, 0, 0) },
      { 254: 1, 330: 8 },
      { 262: 32803 },
    ];
    for (const fields of marks) {
      await expect(loadPicture(tiffFile(thumbnail, 8, 3, fields), square, 'raw.tif')).rejects.toThrow(
        'raw.tif is a camera RAW image, which Weft does not read. Develop it and export it as TIFF, PNG or JPEG.',
      );
    }
  });
});

describe('formats', () => {
  it('are the same in file pickers, the sweep, the Explorer and the engine', async () => {
    const noisy = sharp(
      new Uint8Array(8 * 8 * 3).map((_, i) => i),
      { raw: { width: 8, height: 8, channels: 3 } },
    );
    const written = { jpg: 'jpeg', tif: 'tiff' } as Record<string, string>;
    for (const extension of pictureExtensions) {
      const bytes = await noisy
        .clone()
        .toFormat((written[extension] ?? extension) as 'png')
        .toBuffer();
      expect((await loadPicture(bytes, square)).rgb).toHaveLength(8 * 8 * 3);
      expect(isPictureName(`a.b.${extension.toUpperCase()}`)).toBe(true);
    }
    for (const type of ['image', 'mask-image']) {
      const path = specOf(type)!.params.find(({ name }) => name === 'path');
      expect(path).toMatchObject({ filter: { extensions: pictureExtensions } });
    }
    const { contributes } = JSON.parse(fs.readFileSync(`${root}/package.json`, 'utf8')) as {
      contributes: { menus: { 'explorer/context': { command: string; when: string }[] } };
    };
    const { when } = contributes.menus['explorer/context'].find(({ command }) => command === 'weft.transfer')!;
    const offered = new RegExp(/=~ \/(.*?)\/i/.exec(when)![1]!, 'i');
    const known = [...pictureExtensions, 'bmp', 'svg', 'heic', 'jxl', 'psd', 'txt'];
    expect(known.filter((extension) => offered.test(`.${extension}`))).toEqual(pictureExtensions);
  });
});

describe('an image that lacks its very end', () => {
  const picture = sharp(
    new Uint8Array(64 * 64 * 3).map((_, i) => (i * i * 7) & 255),
    { raw: { width: 64, height: 64, channels: 3 } },
  );
  const size = { width: 64, height: 64 };

  it.each([false, true])(
    'is read when it is a JPEG (progressive: %s), and refused when more is missing',
    async (progressive) => {
      const bytes = await picture.clone().jpeg({ quality: 95, progressive }).toBuffer();
      const whole = (await loadPicture(bytes, size)).rgb;
      expect((await loadPicture(bytes.subarray(0, -2), size)).rgb).toEqual(whole);
      expect((await loadPicture(bytes.subarray(0, -1), size)).rgb).toEqual(whole);
      expect([...(await loadMask(bytes.subarray(0, -2), 2, 2))]).toEqual([...(await loadMask(bytes, 2, 2))]);
      // The last scan of a progressive JPEG refines the picture: without it nothing looks damaged.
      const lastScan = bytes.subarray(0, bytes.lastIndexOf(Buffer.from([0xff, 0xda])));
      await expect(loadPicture(lastScan, size, 'cut.jpg')).rejects.toThrow(/^cut\.jpg is damaged/);
      for (let missing = 4; missing < bytes.length - 2; missing += Math.ceil(missing / 8)) {
        await expect(loadPicture(bytes.subarray(0, -missing), size, 'cut.jpg'), `${missing} bytes`).rejects.toThrow(
          /^cut\.jpg is /,
        );
      }
    },
  );

  it('is read when it is a PNG without its end, and refused when pixels are missing', async () => {
    const bytes = await picture.clone().png().toBuffer();
    const whole = (await loadPicture(bytes, size)).rgb;
    expect((await loadPicture(bytes.subarray(0, -12), size)).rgb).toEqual(whole);
    await expect(loadPicture(bytes.subarray(0, -40), size, 'cut.png')).rejects.toThrow(/^cut\.png is damaged/);
  });

  it('is refused when it is a TIFF that lacks a part, in strips or tiles', async () => {
    for (const options of [{ tile: true, tileWidth: 32, tileHeight: 32 }, { tile: false }]) {
      const bytes = await picture
        .clone()
        .tiff({ compression: 'deflate', ...options })
        .toBuffer();
      const directory = bytes.readUInt32LE(4);
      // The directory lies at the end: it moves to the front of what is cut.
      expect(directory).toBeGreaterThan(bytes.length / 2);
      const moved = Buffer.from(bytes);
      const offsets = findField(moved, directory, options.tile ? 324 : 273);
      moved.writeUInt32LE(bytes.length - 3, offsets);
      await expect(loadPicture(moved, size, 'cut.tif')).rejects.toThrow(/^cut\.tif is (cut short|damaged)/);
    }
  });
});

/** Where the first value of a field of longs lies. */
function findField(tiff: Buffer, directory: number, wanted: number): number {
  for (let index = 0; index < tiff.readUInt16LE(directory); index++) {
    const at = directory + 2 + index * 12;
    if (tiff.readUInt16LE(at) === wanted) return tiff.readUInt32LE(at + 4) === 1 ? at + 8 : tiff.readUInt32LE(at + 8);
  }
  throw new Error(`no field ${wanted}`);
}

describe('BigTIFF', () => {
  it('is read', async () => {
    const pixels = new Uint8Array(8 * 8 * 3).map((_, i) => i);
    expect((await loadPicture(tiffFile(pixels, 8, 3, {}, true), square)).rgb).toEqual(pixels);
  });
});

describe('what an image may cost', () => {
  /** Reads files in a process of its own. @returns what was said of each, and the most memory it had, in MB */
  function read(files: Record<string, string>): { said: string[]; megabytes: number } {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-cost-'));
    const script = `import { loadPicture } from ${JSON.stringify(path.join(root, 'extension/engine/image/load.ts'))};
      import { readPngTexts } from ${JSON.stringify(path.join(root, 'extension/platform/pngText.ts'))};
      import { pngChunk, pngFile } from ${JSON.stringify(path.join(root, 'test/support/imageFiles.ts'))};
      import { deflateSync } from 'node:zlib';
      const files = { ${Object.entries(files)
        .map(([name, source]) => `${JSON.stringify(name)}: () => ${source}`)
        .join(',')} };
      const said = [];
      for (const [name, make] of Object.entries(files)) {
        const bytes = make();
        readPngTexts(bytes);
        said.push(await loadPicture(bytes, { width: 8, height: 8 }, name).then(() => 'read', (error) => error.message));
      }
      console.log(JSON.stringify({ said, megabytes: process.resourceUsage().maxRSS / 1024 }));`;
    fs.writeFileSync(path.join(folder, 'script.mts'), script);
    const out = execFileSync(process.execPath, ['--import', 'tsx', path.join(folder, 'script.mts')], {
      encoding: 'utf8',
      cwd: root,
    });
    return JSON.parse(out) as { said: string[]; megabytes: number };
  }
  const bombs = (type: string, head: string, count = 100): string =>
    `(() => { const packed = deflateSync(Buffer.alloc(40e6));
      const bomb = pngChunk(${JSON.stringify(type)}, Buffer.concat([Buffer.from(${JSON.stringify(head)}, 'latin1'), packed]));
      return pngFile(new Uint8Array(8 * 8 * 3), 8, 3, ...Array(${count}).fill(bomb)); })()`;

  it('is bounded: texts and profiles of a PNG that unpack to gigabytes are never unpacked', () => {
    const plain = read({ 'plain.png': 'pngFile(new Uint8Array(8 * 8 * 3), 8, 3)' });
    const bombed = read({
      'zTXt.png': bombs('zTXt', 'Comment\0\0'),
      'iTXt.png': bombs('iTXt', 'Comment\0\x01\0\0\0'),
      'ours.png': bombs('iTXt', 'weft.graph\0\x01\0\0\0'),
      'iCCP.png': bombs('iCCP', 'x\0\0'),
    });
    expect(bombed.said).toEqual(['read', 'read', 'read', 'read']);
    expect(bombed.megabytes).toBeLessThan(plain.megabytes + 350);
  }, 60_000);
});
