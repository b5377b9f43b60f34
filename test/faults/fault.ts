/**
 * What all kinds of faults have in common. A kind makes trials from a seed; a trial does one bad thing, runs Weft and says what went wrong:
 * nothing where Weft gave the right pictures, or refused in one sentence where it may.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type ErrorKind, exitCodes } from '../../extension/protocol/errors';
import { type Random } from './random';

export interface Trial {
  /** What is done, to be read in a report. */
  title: string;
  /** @returns what went wrong, as a sentence; undefined when nothing did */
  run(): Promise<string | undefined>;
}

export interface FaultKind {
  name: string;
  /** Prepares what the trials share (a home, a program) and gives an endless series of them. */
  trials(random: Random, folder: string): AsyncGenerator<Trial>;
}

/** All files below a folder, relative to it, with forward slashes. */
export function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [path.relative(folder, path.join(entry.parentPath, entry.name))] : []))
    .map((file) => file.split(path.sep).join('/'))
    .sort();
}

/** Names that only something half done has. */
export const halfDone = (folder: string): string[] =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder, { recursive: true })
        .map(String)
        .filter((name) => /\.(tmp|part|removed|old)$|\.\d+\.[0-9a-f]{8}$/.test(name))
    : [];

/** What is wrong with an error as a person reads it: it must be one clean sentence of a documented kind. */
export function complaintAboutText(
  message: string,
  exitCode: number | null,
  allowed: readonly ErrorKind[],
): string | undefined {
  const codes = allowed.map((kind) => exitCodes[kind]);
  if (!codes.includes(exitCode!)) return `it ended with ${exitCode} instead of ${codes.join(' or ')}: ${message}`;
  if (
    /\n\s+at |Cannot read|is not a function|is not iterable|undefined|\[object |TypeError|RangeError|SyntaxError/.test(
      message,
    )
  )
    return `it did not end in a clean sentence: ${message}`;
  return undefined;
}

/** Runs so many trials of a kind. @returns what went wrong, each with what it takes to see it again */
export async function runTrials(
  kind: FaultKind,
  random: Random,
  folder: string,
  count: number,
  told: (line: string) => void = () => {},
): Promise<string[]> {
  const problems: string[] = [];
  let done = 0;
  if (count === 0) return problems;
  for await (const trial of kind.trials(random, folder)) {
    let problem: string | undefined;
    try {
      problem = await trial.run();
    } catch (error) {
      problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    told(`${kind.name} ${done + 1}: ${trial.title}: ${problem ?? 'well'}`);
    if (problem !== undefined) problems.push(`${kind.name}: ${trial.title}: ${problem}`);
    if (++done >= count) break;
  }
  return problems;
}
