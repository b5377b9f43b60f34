/** What a text is that was taken for a graph and is none: the real cause, in place of "not valid JSON" at its first byte. */

export interface Mistake {
  message: string;
  offset: number;
  length: number;
}

/* eslint-disable no-control-regex -- bytes are what is looked for */

/** How files of other kinds begin, as bytes that were read as UTF-8: what is no UTF-8 became U+FFFD. */
const beginnings: [RegExp, string][] = [
  [/^\ufffdPNG\r?\n/, 'a PNG image. A PNG that Weft wrote carries its graph: drop it on an editor to open that'],
  [/^\ufffd\ufffd\ufffd[\ufffd\u0000-\u001f]/, 'a JPEG image'],
  [/^RIFF[^]{4,12}WEBP/, 'a WebP image'],
  [/^GIF8[79]a/, 'a GIF image'],
  [/^(II\*\0|MM\0\*|II\+\0|MM\0\+)/, 'a TIFF image'],
  [/^BM[^]{2,12}\0\0\0\0/, 'a BMP image'],
  [/^[^]{4,8}ftyp(heic|heix|mif1|avif|msf1)/, 'a HEIC or AVIF image'],
  [/^%PDF-/, 'a PDF document'],
  [/^PK\u0003\u0004/, 'a ZIP archive'],
  [/^\u001f\ufffd/, 'a gzip archive'],
  [/^\u0008[\u0001-\u001f]\u0012/, 'an ONNX model'],
];

/** What a text is instead of JSON; undefined where nothing is known of it. */
export function notAGraph(text: string): Mistake | undefined {
  const all = (message: string): Mistake => ({ message, offset: 0, length: 0 });
  const start = text.slice(0, 400);
  if (/^version https:\/\/git-lfs\.github\.com\/spec\//.test(start.trimStart()))
    return all('The file is a pointer of Git LFS, not the graph itself: fetch it with "git lfs pull".');
  if (/^\s*<(!doctype\s+html|html|head|body|!--|\?xml)/i.test(start))
    return all('The file is a web page, not a graph: download the file itself (on GitHub: "Raw").');
  const zeros = start.split('\0').length - 1;
  // Two bytes a character: half of plain English is zero.
  if (zeros > 0 && (/^\ufffd\ufffd(?!\ufffd)/.test(start) || /^\0?\s*\0?[{[]\0|^\0[\s{[]/.test(start)))
    return all('The file is text in UTF-16 (or UTF-32): save it as UTF-8.');
  const kind = beginnings.find(([pattern]) => pattern.test(start));
  if (kind) return all(`The file is not a graph but ${kind[1]}.`);
  if (zeros > 0) return all('The file is not a graph but binary data.');
  const conflict = /^(<{7}|>{7}|\|{7})(?: .*)?\r?$/m.exec(text);
  if (conflict) {
    const message =
      'There is a merge conflict here. Choose between the two sides and remove the lines that start with <<<<<<<, ======= and >>>>>>>.';
    return { message, offset: conflict.index, length: 7 };
  }
  return undefined;
}
