import * as path from 'node:path';
import {
  blockingProblems,
  draftEdits,
  editText,
  type GraphDocument,
  type GraphFacts,
  parseGraph,
  type Plan,
  planGraph,
  type Problem,
  validateGraph,
  writeGraph,
} from '../../graph';
import { type CheckpointInfo, type RunOptions } from '../../protocol/engine';
import { graphError, WeftError } from '../../protocol/errors';
import { Inputs } from '../paths';
import { checkedGraph } from './overrides';
import { inputTrust } from './planOutputs';

/** A graph as it will run: parsed, overridden, validated, in canonical text. */
export interface Prepared {
  document: GraphDocument;
  text: string;
  warnings: string[];
}

/** @throws WeftError naming the node or the place in the file */
export function prepare(options: RunOptions, checkpoints: CheckpointInfo[]): Prepared {
  const inputs = new Inputs(inputTrust(options));
  const facts: GraphFacts = {
    fileExists: (relative) => !inputs.isMissing(relative),
    isPicked: (relative, access) =>
      access === 'read' ? inputs.isPicked(relative) : options.picked.includes(path.resolve(options.outDir, relative)),
    checkpoints,
  };
  const { text, problems, tell } = checkedGraph(options, facts);
  const { document } = parseGraph(text);
  const errors = document ? blocking(problems, document, options.target) : problems;
  const missing = errors.every(({ code }) => code === 'unknown-checkpoint');
  if (!document || errors.length > 0) {
    const sentences = errors.map(tell).join('\n');
    throw new WeftError(document && missing ? 'checkpoint' : 'graph', sentences, errors[0]?.node);
  }
  const warnings = problems.filter(({ severity }) => severity === 'warning').map(tell);
  const whole = { document, text: writeGraph(document), warnings };
  return options.draft ? draftOf(whole, options, facts) : whole;
}

/** The same graph with its checkpoints' draft schedules. @throws WeftError where it can't run with them */
function draftOf({ document, text, warnings }: Prepared, { set, target }: RunOptions, facts: GraphFacts): Prepared {
  const drafts = new Map(facts.checkpoints?.map(({ id, draft }) => [id, draft]));
  const kept = new Set(set.map(([node, param]) => `${node}.${param}`));
  const edits = draftEdits(document, (id) => drafts.get(id ?? ''), kept);
  const drafted = editText(text, { kind: 'batch', edits });
  const parsed = parseGraph(drafted).document!;
  const errors = blocking(validateGraph(drafted, facts), parsed, target);
  if (errors.length > 0)
    throw graphError(`As a draft: ${errors.map(({ message }) => message).join('\n')}`, errors[0]?.node);
  return { document: parsed, text: drafted, warnings };
}

/** Errors that forbid this run: with a target, only those of what it needs. */
function blocking(problems: Problem[], document: GraphDocument, target: string | undefined): Problem[] {
  let plan: Plan | undefined;
  try {
    plan = target === undefined ? undefined : planGraph(document, { target });
  } catch {
    // What can't be planned is among the problems already.
  }
  return blockingProblems(problems, plan);
}
