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
  | 'bad-sweep'
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

/** `file:line:column: node.port: message`, with as much of the subject as is known. */
export function formatProblem(file: string, problem: Problem): string {
  const part = problem.port ?? problem.param;
  const subject = problem.node === undefined ? '' : `${problem.node}${part === undefined ? '' : `.${part}`}: `;
  return `${file}:${problem.line}:${problem.column}: ${subject}${problem.message}`;
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
  private readonly starts: number[] = [0];

  constructor(text: string) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 13 && text.charCodeAt(i + 1) === 10) i++;
      if (code === 10 || code === 13) this.starts.push(i + 1);
    }
  }

  at(offset: number): { line: number; column: number } {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.starts[low] ?? 0) + 1 };
  }
}
