/** What lies in the place of a model's file when it was fetched or copied wrongly: ends of sentences, with what to do. */

/** Bytes that are looked at. */
export const HEAD_BYTES = 1024;

/** Of a text: what it is instead; undefined where its first bytes say nothing of the kind. */
export function notTheFile(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES));
  if (head.length > 0 && head.every((byte) => byte === 0))
    return 'holds nothing but zeros, as after an interrupted copy or download. Copy or download it again.';
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff) || alternates(head))
    return 'is UTF-16 text. Save it as UTF-8, or download it again.';
  return notTheBytes(head);
}

/** The same of bytes that may hold anything, as weights do: only what can be nothing else. */
export function notTheBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'is empty (0 bytes). Download or copy it again.';
  const text = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('utf8').replace('\ufeff', '').trimStart();
  if (text.startsWith('version https://git-lfs.github.com/spec/'))
    return 'is a Git LFS pointer, not the file itself. Run "git lfs pull" in its repository, or download the file itself.';
  if (/^(<!--[^]*?-->\s*)?<(!doctype\s+html|html|head|body|script|meta|title)\b/i.test(text))
    return 'is a web page (HTML), not the file itself: the page about the file, a login or an error. Download the file itself.';
  if (/^<\?xml\b|^<Error>/.test(text))
    return 'is an answer of a server in XML, not the file itself. Download it again.';
  return undefined;
}

/** The same of an ONNX file: neither text of any kind nor one of the other forms that weights come in. */
export function notTheModel(bytes: Uint8Array): string | undefined {
  const other = notTheFile(bytes);
  if (other !== undefined) return other;
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1');
  const exported = 'not an ONNX file. Export the checkpoint to ONNX.';
  if (head.startsWith('PK\x03\x04')) return `is a ZIP archive, as PyTorch files are, ${exported}`;
  if (bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5) return `is a Python pickle, ${exported}`;
  if (head.startsWith('{"', 8)) return `is a .safetensors file, ${exported}`;
  if (head.startsWith('\x1f\x8b')) return 'is compressed (gzip). Unpack it first.';
  if (/^\s*[{[]\s*["}\]]/.test(head)) return 'is JSON text, not an ONNX file. Download it again.';
  return undefined;
}

/** Every second byte is 0 and no other is, as in UTF-16 of Latin letters. */
function alternates(head: Buffer): boolean {
  const sample = head.subarray(0, Math.min(head.length, 64) & ~1);
  const zeros = [0, 0];
  sample.forEach((byte, i) => (zeros[i & 1]! += byte === 0 ? 1 : 0));
  return sample.length >= 4 && Math.max(...zeros) === sample.length / 2 && Math.min(...zeros) === 0;
}
