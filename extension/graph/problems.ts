/** What can be wrong with a graph file, and where. */

export type ProblemCode =
  | 'syntax'
  | 'too-deep'
  | 'too-large'
  | 'duplicate-key'
  | 'later-version'
  | 'schema'
  | 'bad-id'
  | 'unknown-type'
  | 'unknown-param'
  | 'unknown-key'
  | 'unknown-input'
  | 'unknown-node'
  | 'unknown-output'
  | 'bad-wire'
  | 'wrong-type'
  | 'too-many-wires'
  | 'unpaired-wire'
  | 'missing-input'
  | 'missing-param'
  | 'bad-value'
  | 'cycle'
  | 'cannot-mute'
  | 'skip-exceeds-steps'
  | 'too-many-trailing-steps'
  | 'step-out-of-reach'
  | 'disagreement'
  | 'twice-on-wire'
  | 'noun-not-in-prompt'
  | 'same-output'
  | 'wrong-format'
  | 'missing-file'
  | 'unknown-checkpoint'
  | 'unknown-domain'
  | 'size-not-possible'
  | 'clip-skip-not-possible'
  | 'bad-sweep'
  | 'more-problems'
  | 'internal';

export interface Problem {
  code: ProblemCode;
  severity: 'error' | 'warning' | 'info';
  /** One or two sentences: what is wrong and what to do about it. */
  message: string;
  node?: string;
  port?: string;
  param?: string;
  /** Where in the text, in UTF-16 units. */
  offset: number;
  length: number;
  /** From 1. */
  line: number;
  column: number;
}

/** Of errors, and of warnings, this many are listed: more than anybody reads, few enough for an editor to show. */
export const MOST_PROBLEMS = 1000;

/**
 * Collects what is wrong with one text. Beyond {@link MOST_PROBLEMS} of a severity they are counted only: no sentence is made for them, and
 * no place is looked up.
 */
export class ProblemList {
  private readonly lines: LineIndex;
  private readonly listed: Problem[] = [];
  private readonly counts = { error: 0, warning: 0, info: 0 };
  /** Where the first stands that is not listed. */
  private readonly rest: Partial<Record<Problem['severity'], Place>> = {};

  constructor(text: string) {
    this.lines = new LineIndex(text);
  }

  add(
    code: ProblemCode,
    at: () => Place,
    message: () => string,
    subject: Pick<Problem, 'node' | 'port' | 'param'> = {},
    severity: Problem['severity'] = 'error',
  ): void {
    this.counts[severity] += 1;
    if (this.counts[severity] > MOST_PROBLEMS) this.rest[severity] ??= at();
    else this.listed.push({ code, severity, message: message(), ...subject, ...this.placed(at()) });
  }

  lineOf(offset: number): number {
    return this.lines.at(offset).line;
  }

  /** What was found, and how much more there is. */
  all(): Problem[] {
    const found = [...this.listed];
    for (const severity of ['error', 'warning', 'info'] as const) {
      const at = this.rest[severity];
      if (!at) continue;
      const count = this.counts[severity] - MOST_PROBLEMS;
      const message = `${count} more ${severity === 'error' ? 'errors' : 'warnings'} are not listed. Fix the others first.`;
      found.push({ code: 'more-problems', severity, message, ...this.placed(at) });
    }
    return found;
  }

  private placed({ offset, length }: Place): Place & { line: number; column: number } {
    return { offset, length, ...this.lines.at(offset) };
  }
}

type Place = Pick<Problem, 'offset' | 'length'>;

/** A name or text of a file as a sentence quotes it: its beginning, when it is long. */
export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** `file:line:column: node.port: message`, with as much of the subject as is known. */
export function formatProblem(file: string, problem: Problem): string {
  const subject = subjectOf(problem);
  return `${file}:${problem.line}:${problem.column}: ${subject}${problem.message}`;
}

/** `node.port: `, with as much as is known; empty when nothing is. */
export function subjectOf({ node, port, param }: Problem): string {
  const part = port ?? param;
  return node === undefined ? '' : `${clip(node)}${part === undefined ? '' : `.${clip(part)}`}: `;
}

/** Sentences made by {@link formatProblem} as they read beside the graph itself: without file, place and subject. */
export function withoutPlaces(file: string, sentences: string): string {
  const plain = (line: string): string =>
    line.startsWith(`${file}:`) ? line.slice(file.length).replace(/^:\d+:\d+: (?:[\w-]+(?:\.\w+)?: )?/, '') : line;
  return sentences.split('\n').map(plain).join('\n');
}

/** Whether anything forbids a run. */
export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** Turns offsets of a text into lines and columns, both from 1. */
export class LineIndex {
  /** Found when the first is asked for: most texts have no problem. */
  private starts: number[] | undefined;

  constructor(private readonly text: string) {}

  at(offset: number): { line: number; column: number } {
    const starts = (this.starts ??= this.find());
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  private find(): number[] {
    const { text } = this;
    const starts = [0];
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 13 && text.charCodeAt(i + 1) === 10) i++;
      if (code === 10 || code === 13) starts.push(i + 1);
    }
    return starts;
  }
}

/** A value as it would stand in the file, shortened. */
export function show(value: unknown): string {
  // Of a long text only the beginning is quoted.
  const short = typeof value === 'string' ? value.slice(0, 80) : value;
  return clip(JSON.stringify(short) ?? String(value));
}

/** "a, b and c". */
export function listed(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1) ?? ''}`;
}
