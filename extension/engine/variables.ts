/** Variables of the environment that a person may set. One that is set and not understood is an error: it would be ignored otherwise. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { graphError } from '../protocol/errors';
import { plainNumber, wholeNumber } from '../protocol/numbers';

export interface Variables {
  /** How large the cache may grow. */
  cacheGb: number;
  /** Memory for intermediate results; 0: chosen from the machine's. */
  memoryGb: number;
  /** Whether weights are read from their file as they lie there; absent: where holding them ready does not fit. */
  lowMemory?: boolean;
  /** Folders of models that other programs have, too. */
  modelFolders: string[];
  /** Threads of onnxruntime; absent: as many as are good. */
  threads?: number;
}

const DEFAULT_CACHE_GB = 20;

/** Reads them all. Throws WeftError with the name of the one that is wrong. */
export function readVariables(env: NodeJS.ProcessEnv = process.env): Variables {
  const read = <T>(name: string, what: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = env[name];
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value !== undefined) return value;
    const is = text.trim() === '' ? 'is empty' : `is "${text}"`;
    throw graphError(`The environment variable ${name} ${is}: set it to ${what}, or unset it.`);
  };
  const gigabytes = 'a number of gigabytes, for instance 20 or 0.5';
  const address = 'an address that begins with https:// or http://';
  read('WEFT_HOME', 'a folder', text);
  read('WEFT_OFFLINE', '1 or 0', flag);
  read('WEFT_MIRROR', address, url);
  read('WEFT_NUGET_INDEX', address, url);
  read('WEFT_ONNXRUNTIME', "the folder of a copy of onnxruntime's package", folder);
  return {
    cacheGb: read('WEFT_CACHE_GB', gigabytes, plainNumber) ?? DEFAULT_CACHE_GB,
    memoryGb: read('WEFT_MEMORY_GB', gigabytes, plainNumber) ?? 0,
    lowMemory: read('WEFT_LOW_MEMORY', '1 or 0', flag),
    modelFolders: read('WEFT_MODEL_FOLDERS', `folders, separated by "${path.delimiter}"`, folders) ?? [],
    threads: read('WEFT_THREADS', 'a whole number from 1 to 1024', (each) => {
      const threads = wholeNumber(each);
      return threads !== undefined && threads >= 1 && threads <= 1024 ? threads : undefined;
    }),
  };
}

const text = (value: string): string | undefined => (value.trim() === '' ? undefined : value);
const flag = (value: string): boolean | undefined =>
  /^(1|true|yes|on)$/i.test(value) ? true : /^(0|false|no|off)$/i.test(value) ? false : undefined;
const folders = (value: string): string[] | undefined => {
  const named = value.split(path.delimiter).filter((each) => each.trim() !== '');
  return named.length === 0 ? undefined : named;
};
const url = (value: string): string | undefined =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) ? value : undefined;
const folder = (value: string): string | undefined =>
  value.trim() !== '' && fs.existsSync(path.join(value, 'package.json')) ? value : undefined;
