/**
 * What a file is by its first bytes. Only the formats that Weft reads reach the image library: everything else, and programs dressed as
 * pictures such as SVG and PDF, is named here with what to do about it.
 */
import { pictureFormatNames } from '../../graph/pictureFormats';

export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'avif';

/** Bytes that are looked at: DICOM says what it is after 128, a web page may begin with white space. */
const HEAD = 1024;

/** The format of an image that Weft reads, or the end of a sentence about a file that is none. */
export function recognise(bytes: Uint8Array): { format: PictureFormat } | { problem: string } {
  const head = Buffer.from(bytes.subarray(0, HEAD)).toString('latin1');
  const format = formatOf(head);
  if (format) return { format };
  if (bytes.length === 0) return { problem: 'is empty (0 bytes). Download or export it again.' };
  if (/^\0+$/.test(head)) {
    return {
      problem: 'holds nothing but zeros, as after an interrupted copy or download. Copy or download it again.',
    };
  }
  const foreign = foreignFormats.find(([signature]) => signature.test(head));
  if (foreign) return { problem: `is ${foreign[1]}, which Weft does not read. ${foreign[2] ?? CONVERT}` };
  const text = textOf(bytes);
  return { problem: text === undefined ? `is not an image that Weft reads. ${GIVE}` : problemOfText(text) };
}

const GIVE = `Give it a ${pictureFormatNames} file.`;
const CONVERT = `Convert it to ${pictureFormatNames}.`;
const EXPORT = 'Export it as PNG.';
const DEVELOP = 'Develop it and export it as TIFF, PNG or JPEG.';
const FRAME = 'Save one of its frames as PNG.';

function formatOf(head: string): PictureFormat | undefined {
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (/^GIF8[79]a/.test(head)) return 'gif';
  if (/^RIFF[^]{4}WEBP/.test(head)) return 'webp';
  // Canon's CR2 is a TIFF with a small preview in front.
  if (/^(II[*+]\0|MM\0[*+])/.test(head)) return /^II\*\0[^]{4}CR/.test(head) ? undefined : 'tiff';
  return brandsOf(head).some((brand) => brand === 'avif' || brand === 'avis') ? 'avif' : undefined;
}

/** The brands that an ISO media file names: the major one first, then those it is compatible with. */
function brandsOf(head: string): string[] {
  if (head.slice(4, 8) !== 'ftyp') return [];
  const length = Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE();
  const names = head.slice(8, 12) + head.slice(16, Math.min(length, HEAD));
  return names.match(/[^]{4}/g) ?? [];
}

const ftyp = (brands: string): RegExp => new RegExp(`^[^]{4}ftyp(?:${brands})`);

/* eslint-disable no-control-regex -- signatures are made of them */
/** Signature, what it is, and what to do when converting is not the word. The first that fits counts. */
const foreignFormats: readonly (readonly [signature: RegExp, what: string, advice?: string])[] = [
  [ftyp('hei[cxms]|hev[cxms]|mif1|msf1|miaf|avc[is]|vvi[cs]|j2k[is]|jpeg|jpgs'), 'a HEIC or HEIF image'],
  [ftyp('crx '), 'a camera RAW image (CR3)', DEVELOP],
  [/^[^]{4}ftyp/, 'a video or an animation', FRAME],
  [/^[^]{4}(moov|mdat|wide|free|skip)/, 'a QuickTime video', FRAME],
  [/^(\xff\x0a|\0\0\0\x0cJXL )/, 'a JPEG XL image'],
  [/^(\xff\x4f\xff\x51|\0\0\0\x0cjP {2})/, 'a JPEG 2000 image'],
  [/^(II\xbc|WMPHOTO)/, 'a JPEG XR image'],
  [/^\xff\xd8/, 'a damaged JPEG image', 'Download or export it again.'],
  [/^BM[^]{4}\0{4}/, 'a BMP image'],
  [/^8BPS/, 'a Photoshop document (PSD)', EXPORT],
  [/^gimp xcf/, 'a GIMP document (XCF)', EXPORT],
  [/^[^]{0,1000}%PDF-/, 'a PDF document', 'Export the page as PNG.'],
  [/^(%!PS|\xc5\xd0\xd3\xc6)/, 'a PostScript drawing', EXPORT],
  [/^(\x1f\x8b)/, 'a compressed file (gzip)', 'Unpack it first.'],
  [/^II\*\0[^]{4}CR/, 'a camera RAW image (CR2)', DEVELOP],
  [/^(FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb|\0MRM)/, 'a camera RAW image', DEVELOP],
  [/^v\/1\x01/, 'an OpenEXR image'],
  [/^#\?(RADIANCE|RGBE)/, 'a Radiance HDR image'],
  [/^P[1-7][\s#]/, 'a Netpbm image (PPM, PGM, PBM or PAM)'],
  [/^P[Ff]\s/, 'a PFM image'],
  [/^\0\0[\x01\x02]\0[^\0]\0/, 'an icon (ICO)'],
  [/^icns/, 'an icon (ICNS)'],
  [/^DDS /, 'a DDS texture'],
  [/^\xabKTX/, 'a KTX texture'],
  [/^qoif/, 'a QOI image'],
  [/^farbfeld/, 'a farbfeld image'],
  [/^\x8aMNG/, 'an MNG animation', FRAME],
  [/^\x8bJNG/, 'a JNG image'],
  [/^BPG\xfb/, 'a BPG image'],
  [/^FLIF/, 'a FLIF image'],
  [/^AT&TFORM/, 'a DjVu document', 'Export the page as PNG.'],
  [/^SIMPLE {2}=/, 'a FITS image'],
  [/^[^]{128}DICM/, 'a DICOM image'],
  [/^\xd7\xcd\xc6\x9a/, 'a Windows metafile (WMF)', EXPORT],
  [/^\x01\0\0\0[^]{36} EMF/, 'a Windows metafile (EMF)', EXPORT],
  [/^RIFF[^]{4}AVI /, 'a video (AVI)', FRAME],
  [/^\x1aE\xdf\xa3/, 'a video (Matroska or WebM)', FRAME],
  [/^(FLV\x01|\0\0\x01[\xb3\xba]|OggS|\x30\x26\xb2\x75)/, 'a video or sound file', FRAME],
  [/^(RIFF|ID3|fLaC)/, 'a sound file', GIVE],
  [/^PK[\x03\x05]/, 'a ZIP archive or a document packed as one', 'Unpack it, or export the image as PNG.'],
  [/^(Rar!|7z\xbc\xaf|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd|[^]{257}ustar)/, 'an archive', 'Unpack it first.'],
  [/^\0\x05\x16\x07/, 'what macOS keeps beside a file (its name begins with ._)', 'Give it the file itself.'],
];
/* eslint-enable no-control-regex */

/** The beginning of a file as text; undefined when it is none. */
function textOf(bytes: Uint8Array): string | undefined {
  const head = bytes.subarray(0, HEAD);
  const encoding =
    head[0] === 0xff && head[1] === 0xfe ? 'utf-16le' : head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : 'utf-8';
  const text = new TextDecoder(encoding).decode(head);
  // eslint-disable-next-line no-control-regex -- these tell other files from text
  return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text;
}

function problemOfText(text: string): string {
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return 'is a Git LFS pointer, not the image itself. Run "git lfs pull" in its repository.';
  }
  const markup = text
    .replace(/<!--[^]*?(-->|$)/g, '')
    .replace(/<\?[^>]*>/g, '')
    .trimStart();
  if (/^<(!doctype )?svg\b/i.test(markup)) return `is an SVG drawing, which Weft does not read. ${EXPORT}`;
  if (/^<(!doctype )?(html|head|body|script|meta)\b/i.test(markup)) {
    return 'is a web page (HTML), not an image: the download got a page instead. Download the image itself.';
  }
  if (/^\s*<[?!a-z]/i.test(text)) {
    return 'is an XML document, not an image, perhaps the error message of a server. Download the image again.';
  }
  if (text.startsWith('data:image/'))
    return 'is the text of a data URL, not an image. Save the image itself as a file.';
  if (/^\s*[[{]/.test(text)) return `is JSON text, not an image. ${GIVE}`;
  return `is a text file, not an image. ${GIVE}`;
}
