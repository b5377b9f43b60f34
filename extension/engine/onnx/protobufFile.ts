/** Protobuf files field by field, without decoding what lies in them: models are larger than memory should be. */
import * as fs from 'node:fs';
import { openRegularSync, withFileErrors } from '../../platform/files';
import { WeftError } from '../../protocol/errors';
import { HEAD_BYTES, notTheModel } from './notTheFile';

/** What protobuf itself sets as a limit to a message. */
const MOST_MODEL_BYTES = 2 ** 31;

const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

/**
 * Opens a model's file, which somebody else made: regular files only, without waiting for a pipe; what else lies in its place is named.
 * Whoever asked closes `fd`.
 * @throws WeftError `checkpoint`
 */
export function openModel(file: string, name = file): { fd: number; window: FileWindow } {
  const { fd, stats } = withFileErrors('checkpoint', () => openRegularSync(file, name));
  try {
    const head = Buffer.alloc(Math.min(HEAD_BYTES, stats.size));
    const other = notTheModel(head.subarray(0, fs.readSync(fd, head, 0, head.length, 0)));
    if (other !== undefined) throw refuse(`${name} ${other}`);
    if (stats.size > MOST_MODEL_BYTES)
      throw refuse(`${name} is too large for an ONNX file, which has 2 GB at most: larger weights lie beside it.`);
    return { fd, window: new FileWindow(fd, stats.size, name) };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** A window that slides over a file; sections beyond it are skipped without being read. */
export class FileWindow {
  private readonly buffer = Buffer.alloc(1 << 20);
  private start = 0;
  private filled = 0;
  constructor(
    private readonly fd: number,
    readonly size: number,
    readonly name: string,
  ) {}

  private cut(at: number): WeftError {
    return refuse(
      `${this.name} is cut short or damaged: it has ${this.size} bytes, but its contents say they reach byte ${at}. ` +
        'Download or export it again.',
    );
  }

  byte(at: number): number {
    if (at < this.start || at >= this.start + this.filled) {
      if (at >= this.size) throw this.cut(at + 1);
      this.start = at;
      this.filled = fs.readSync(this.fd, this.buffer, 0, this.buffer.length, at);
      if (this.filled === 0) throw this.cut(at + 1);
    }
    return this.buffer[at - this.start]!;
  }

  bytes(at: number, length: number): Uint8Array {
    if (at + length > this.size) throw this.cut(at + length);
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const position = at + done;
      if (position >= this.start && position < this.start + this.filled) {
        const count = Math.min(length - done, this.start + this.filled - position);
        out.set(this.buffer.subarray(position - this.start, position - this.start + count), done);
        done += count;
      } else if (length - done >= this.buffer.length) {
        const count = fs.readSync(this.fd, out, done, length - done, position);
        if (count === 0) throw this.cut(position + 1);
        done += count;
      } else this.byte(position);
    }
    return out;
  }

  /** [value, next position]; values above 2^53 lose bits, which lengths never reach. */
  varint(at: number): [number, number] {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte(at + i);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return [value, at + i + 1];
      factor *= 128;
    }
    throw refuse(`${this.name} is damaged near byte ${at}: no ONNX file. Download or export it again.`);
  }
}

export interface Field {
  number: number;
  wireType: number;
  /** Start of the tag, of the contents, and the end. */
  tag: number;
  start: number;
  end: number;
}

/** Top-level fields of the message in [start, end), without reading their contents. */
export function* fieldsOf(file: FileWindow, start: number, end: number): Generator<Field> {
  let at = start;
  while (at < end) {
    const [tag, afterTag] = file.varint(at);
    const number = Math.floor(tag / 8);
    const wireType = tag & 7;
    let from = afterTag;
    let to: number;
    if (wireType === 0) to = file.varint(afterTag)[1];
    else if (wireType === 1) to = afterTag + 8;
    else if (wireType === 5) to = afterTag + 4;
    else if (wireType === 2) {
      const [length, next] = file.varint(afterTag);
      from = next;
      to = next + length;
    } else throw refuse(`${file.name} is damaged near byte ${at}: no ONNX file. Download or export it again.`);
    if (number === 0 || to > end) {
      if (to > file.size)
        throw refuse(
          `${file.name} is cut short: it has ${file.size} bytes, but its contents reach byte ${to}. Download it again.`,
        );
      throw refuse(`${file.name} is damaged near byte ${at}: no ONNX file. Download or export it again.`);
    }
    yield { number, wireType, tag: at, start: from, end: to };
    at = to;
  }
}

/** Number of nodes of a model's graph (field 7 of the model, of it field 1). */
export function countNodes(modelPath: string): number {
  const { fd, window: file } = openModel(modelPath);
  try {
    let count = 0;
    for (const field of fieldsOf(file, 0, file.size)) {
      if (field.number !== 7) continue;
      for (const { number } of fieldsOf(file, field.start, field.end)) if (number === 1) count++;
    }
    return count;
  } finally {
    fs.closeSync(fd);
  }
}
