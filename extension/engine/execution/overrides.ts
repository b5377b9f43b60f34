import { checkGraph, type CheckedGraph, GraphEditError, type GraphFacts } from '../../graph';
import { type RunOptions } from '../../protocol/engine';
import { graphError } from '../../protocol/errors';

/**
 * The graph of a run with its parameters overridden (`--set`), and what is wrong with it, told by where the user can mend it.
 * @throws WeftError `graph` for a node or parameter that is not there
 */
export function checkedGraph(options: RunOptions, facts: GraphFacts): CheckedGraph {
  const { graphText, graphPath, set, name = { as: graphPath, lines: true } } = options;
  try {
    return checkGraph(graphText, set, name, facts);
  } catch (error) {
    if (error instanceof GraphEditError) throw graphError(error.message);
    throw error;
  }
}
