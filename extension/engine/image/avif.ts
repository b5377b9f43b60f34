import { codedSpace, type ColourSpace } from './colour';

/** The boxes that describe an image come before its data. */
const HEAD = 64 * 1024;

/**
 * What an AVIF without a profile says of its colours: the code points of its first `colr` box of the kind `nclx` (ISO/IEC 14496-12,
 * §12.1.5). The image library undoes the box's matrix and overlooks its primaries and curve.
 */
export function avifColour(bytes: Uint8Array): ColourSpace | 'HDR' | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD));
  if (head.includes('colrprof') || head.includes('colrrICC')) return undefined;
  const at = head.indexOf('colrnclx');
  if (at < 0 || at + 12 > head.length) return undefined;
  return codedSpace(head.readUInt16BE(at + 8), head.readUInt16BE(at + 10), false);
}
