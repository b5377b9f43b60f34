import { defaultOf, type ParamSpec } from '../../extension/graph';
import { type NodeData } from '../state/flow';
import { valueWords } from './valueWords';

/** The default of a node's parameter, with its checkpoint's own defaults taken in. */
export function defaultOfParam(data: NodeData, param: ParamSpec): unknown {
  return defaultOf(data.node.type, param.name, data.node.params, data.checkpoint?.defaults[data.node.type]);
}

/** The default in words, saying when it is the checkpoint's. */
export function defaultWords(data: NodeData, param: ParamSpec): string {
  const value = defaultOfParam(data, param);
  const override = data.checkpoint?.defaults[data.node.type]?.[param.name];
  const words = valueWords(param, value);
  if (override !== undefined && data.checkpoint) return `${words}, as ${data.checkpoint.title} has it`;
  return param.defaultNote !== undefined && value !== undefined && words !== param.defaultNote
    ? `${words} (${param.defaultNote})`
    : words;
}
