import { GraphEditError, overrideParams } from '../../graph';
import { WeftError } from '../../protocol/errors';

/**
 * The graph's text with parameters overridden (`--set`), each `[node, parameter, value]`.
 * @throws WeftError `graph` for a node or parameter that is not there
 */
export function applyOverrides(text: string, overrides: [node: string, param: string, value: unknown][]): string {
  try {
    return overrides.length === 0 ? text : overrideParams(text, overrides);
  } catch (error) {
    if (error instanceof GraphEditError) throw new WeftError('graph', error.message);
    throw error;
  }
}
