/**
 * The iTXt chunks of PNG files (PNG specification, third edition, §11.3.3.4), in which a picture carries its graph. What is
 * read comes from strangers: every length is checked against the file, and every text has a limit, also once inflated. The engine
 * writes them and the extension host reads them.
 */
import { crc32, inflateSync } from 'node:zlib';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Length, type and CRC around a chunk's data. */
const AROUND = 12;
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
/** Of all texts of a file together, also of those that turn out to be too large, so that many small bombs are no better than one. */
const MAX_BYTES = 24 * 1024 * 1024;
const MAX_TEXTS = 64;
/** Latin-1 letters of a keyword without control characters (§11.3.3.1 allows 1 to 79). */
const KEYWORD = /^[\x20-\x7e\xa1-\xff]{1,79}$/;

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

export interface PngChunk {
  type: string;
  /** Where the chunk begins in the file, and where the next one does. */
  at: number;
  end: number;
  data: Uint8Array;
}

/** The chunks of a PNG up to its end, or to one that is cut; none of what is no PNG. */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  if (!isPng(bytes)) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = SIGNATURE.length; at + AROUND <= bytes.length;) {
    const end = at + AROUND + view.getUint32(at);
    if (end > bytes.length) return;
    const type = typeAt(bytes, at + 4);
    yield { type, at, end, data: bytes.subarray(at + 8, end - 4) };
    if (type === 'IEND') return;
    at = end;
  }
}

/**
 * The texts of a PNG's iTXt chunks by keyword; of two with one keyword, the first. Chunks that are damaged, too large or
 * in doubt are passed over, a file that stops halfway gives what it has, and what is no PNG gives none.
 */
export function readPngTexts(bytes: Uint8Array): Map<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts = new Map<string, string>();
  let room = MAX_BYTES;
  let tried = 0;
  for (const { type, at, end, data } of pngChunks(bytes)) {
    if (type !== 'iTXt') continue;
    tried += 1;
    const intact = crc32(bytes.subarray(at + 4, end - 4)) === view.getUint32(end - 4);
    const found = intact ? parseText(data) : undefined;
    if (found && !texts.has(found.keyword)) {
      const { text, cost } = readText(found, Math.min(MAX_TEXT_BYTES, room));
      if (text !== undefined) texts.set(found.keyword, text);
      room -= cost;
    }
    if (tried >= MAX_TEXTS || room <= 0) break;
  }
  return texts;
}

/** A PNG with these texts as uncompressed iTXt chunks right after its header, before the pixels. */
export function insertPngText(png: Uint8Array, texts: Readonly<Record<string, string>>): Uint8Array {
  if (!isPng(png)) throw new RangeError('not a PNG');
  const headerEnd = SIGNATURE.length + AROUND + new DataView(png.buffer, png.byteOffset).getUint32(SIGNATURE.length);
  const chunks = Object.entries(texts).map(([keyword, text]) => {
    if (!KEYWORD.test(keyword)) throw new RangeError(`"${keyword}" can't be a keyword of a PNG text`);
    // Keyword, NUL, not compressed, method 0, no language, no translated keyword, text.
    const data = Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')]);
    const chunk = Buffer.alloc(AROUND + data.length);
    chunk.writeUInt32BE(data.length, 0);
    chunk.write('iTXt', 4, 'latin1');
    data.copy(chunk, 8);
    chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
    return chunk;
  });
  return Buffer.concat([png.subarray(0, headerEnd), ...chunks, png.subarray(headerEnd)]);
}

function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
}

interface StoredText {
  keyword: string;
  compressed: boolean;
  stored: Uint8Array;
}

function parseText(data: Uint8Array): StoredText | undefined {
  const keywordEnd = data.indexOf(0);
  if (keywordEnd < 1 || keywordEnd + 3 > data.length) return undefined;
  const keyword = Buffer.from(data.subarray(0, keywordEnd)).toString('latin1');
  if (!KEYWORD.test(keyword)) return undefined;
  const languageEnd = data.indexOf(0, keywordEnd + 3);
  if (languageEnd < 0) return undefined;
  const translatedEnd = data.indexOf(0, languageEnd + 1);
  if (translatedEnd < 0) return undefined;
  return { keyword, compressed: data[keywordEnd + 1] === 1, stored: data.subarray(translatedEnd + 1) };
}

/** The text, and how many bytes were made to find it or to find that it is none. */
function readText({ compressed, stored }: StoredText, limit: number): { text?: string; cost: number } {
  if (stored.length > limit) return { cost: 0 };
  let plain: Uint8Array;
  try {
    plain = compressed ? inflateSync(stored, { maxOutputLength: limit }) : stored;
  } catch {
    return { cost: limit }; // not zlib, or larger than the limit once inflated
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain), cost: plain.length };
  } catch {
    return { cost: plain.length }; // not UTF-8
  }
}
