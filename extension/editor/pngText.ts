import { inflateSync } from 'node:zlib';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Longest text read from a picture: pictures come from strangers, and a graph is a few kilobytes. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

/**
 * The international texts (iTXt) of a PNG, by keyword. Reads chunk by chunk within the bounds of the data and stops at the first
 * thing that is not a PNG; whatever is broken is left out. Of two texts with one keyword the first counts.
 */
export function readPngTexts(data: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>();
  if (data.length < SIGNATURE.length || SIGNATURE.some((byte, index) => data[index] !== byte)) return texts;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = SIGNATURE.length;
  // A chunk is its length, its type, its data and a checksum: 12 bytes and the data.
  while (at + 12 <= data.length) {
    const length = view.getUint32(at);
    const start = at + 8;
    const end = start + length;
    if (end + 4 > data.length) break;
    const type = String.fromCharCode(...data.subarray(at + 4, at + 8));
    if (type === 'IEND') break;
    if (type === 'iTXt') {
      const entry = readInternationalText(data.subarray(start, end));
      if (entry && !texts.has(entry.keyword)) texts.set(entry.keyword, entry.text);
    }
    at = end + 4;
  }
  return texts;
}

/** keyword 0 compressed method language 0 translated 0 text (PNG specification, 11.3.3.4). */
function readInternationalText(chunk: Uint8Array): { keyword: string; text: string } | undefined {
  const keywordEnd = chunk.indexOf(0);
  if (keywordEnd < 1 || keywordEnd > 79 || keywordEnd + 3 > chunk.length) return undefined;
  const compressed = chunk[keywordEnd + 1];
  const method = chunk[keywordEnd + 2];
  const languageEnd = chunk.indexOf(0, keywordEnd + 3);
  if (languageEnd < 0) return undefined;
  const translatedEnd = chunk.indexOf(0, languageEnd + 1);
  if (translatedEnd < 0) return undefined;
  const body = chunk.subarray(translatedEnd + 1);
  const keyword = new TextDecoder('latin1').decode(chunk.subarray(0, keywordEnd));
  try {
    if (compressed === 0 && body.length <= MAX_TEXT_BYTES) return { keyword, text: decode(body) };
    if (compressed === 1 && method === 0)
      return { keyword, text: decode(inflateSync(body, { maxOutputLength: MAX_TEXT_BYTES })) };
  } catch {
    // Damaged, too long when unpacked, or not UTF-8: as if it were not there.
  }
  return undefined;
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
