import { writeWholeSync } from './files';

/** Writes a small JSON file whole or not at all, whoever else writes it at the same time. */
export function writeJson(file: string, value: unknown): void {
  writeWholeSync(file, JSON.stringify(value, undefined, 2));
}
