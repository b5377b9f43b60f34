import { applyChanges, applyEdit, parseGraph } from '../../graph';
import { WeftError } from '../../protocol/errors';

/** The graph's text with parameters overridden (`--set`), each `[node, parameter, value]`. */
export function applyOverrides(text: string, overrides: [node: string, param: string, value: unknown][]): string {
  for (const [node, param, value] of overrides) {
    const { document } = parseGraph(text);
    // A broken file is reported by its validation, with the place.
    if (!document) return text;
    if (!document.nodes[node]) {
      const known = Object.keys(document.nodes).join(', ');
      throw new WeftError('graph', `There is no node ${node} to set ${param} of; the graph has ${known}.`);
    }
    text = applyChanges(text, applyEdit(text, { kind: 'setParam', id: node, param, value }));
  }
  return text;
}
