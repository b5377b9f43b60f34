/** Text files of a checkpoint (configurations, tokenizers), which people fetch, copy and edit: what is really wrong with one is named. */
import * as path from 'node:path';
import { FileProblem, readRegularSync } from '../../platform/files';
import { WeftError } from '../../protocol/errors';
import { notTheFile } from '../onnx/notTheFile';

/** A tokenizer.json with its vocabulary and merges has 4 MB. */
const MOST_BYTES = 64 << 20;

/** A file's folder and name, which is how people know it. */
const nameOf = (file: string): string => `${path.basename(path.dirname(file))}/${path.basename(file)}`;
const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

/**
 * The text of a checkpoint's file, without a byte order mark; undefined when there is no such file.
 * @throws WeftError `checkpoint` when it is no regular file, too large, or not UTF-8.
 */
export function readModelText(file: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readRegularSync(file, MOST_BYTES, nameOf(file));
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    if (error.reason === 'missing') return undefined;
    throw refuse(error.message);
  }
  const other = notTheFile(bytes);
  if (other !== undefined) throw refuse(`${nameOf(file)} ${other}`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(`${nameOf(file)} is not UTF-8 text: it is damaged, or in another encoding. Download it again.`);
  }
}

/**
 * The JSON of a checkpoint's file; undefined when there is no such file.
 * @throws WeftError `checkpoint` saying what is wrong with it, in which line.
 */
export function readModelJson(file: string): Record<string, unknown> | undefined {
  const text = readModelText(file);
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(`${nameOf(file)} ${jsonFault(text, error)}`);
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw refuse(`${nameOf(file)} holds ${kindOf(json)} where an object { … } belongs. Download it again.`);
}

const kindOf = (json: unknown): string =>
  Array.isArray(json) ? 'a list' : json === null ? 'null' : `a ${typeof json}`;
const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** What is wrong with a text that is no JSON, as the end of a sentence with what to do. */
export function jsonFault(text: string, error: unknown): string {
  const conflict = /^(<{7}|={7}|>{7})( |$)/m.exec(text);
  if (conflict !== null)
    return `has the marks of a merge conflict (${conflict[1]} in line ${lineAt(text, conflict.index)}). Settle the conflict, or download it again.`;
  const comma = /,\s*[}\]]/.exec(withoutStrings(text));
  if (comma !== null)
    return `has a comma too many in line ${lineAt(text, comma.index)}: JSON has none before ${comma[0].at(-1)}. Remove it.`;
  const reason = error instanceof Error ? error.message : String(error);
  const at = /position (\d+)/.exec(reason)?.[1];
  const line = at === undefined ? lineAt(text, text.trimEnd().length) : lineAt(text, Number(at));
  return `is not JSON: line ${line} can't be read. It is damaged or cut short. Download it again.`;
}

/** The text with the contents of its strings blanked, all else in its place. */
const withoutStrings = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"/g, (string) => `"${' '.repeat(string.length - 2)}"`);
