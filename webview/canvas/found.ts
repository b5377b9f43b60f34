import { type StudioNode } from '../model/flow';
import { valueWords } from '../model/valueWords';
import { readable } from '../model/words';
import { readingOrder } from './neighbours';

/** Ids on the canvas of what a search finds, in reading order: every word stands in a name, a type, a value or a frame's text. */
export function found(nodes: readonly StudioNode[], query: string): string[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const matches = nodes.filter((node) => {
    const text = textOf(node).toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return readingOrder(matches.map(({ id, position, width = 0, height = 0 }) => ({ id, ...position, width, height })));
}

function textOf(node: StudioNode): string {
  if (node.type === 'frame') return node.data.text;
  const { spec, params } = node.data;
  const values = Object.entries(params).map(([name, value]) => {
    const param = spec?.params.find((one) => one.name === name);
    const raw = typeof value === 'string' ? value : JSON.stringify(value);
    return param ? `${valueWords(param, value)}\n${raw ?? ''}` : (raw ?? '');
  });
  return [node.id, readable(node.id), node.data.node.type, spec?.title ?? '', ...values].join('\n');
}
