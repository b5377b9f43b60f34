import { defaultOf, type ParamSpec, sameValue } from '../../extension/graph';
import { type NodeData } from '../model/flow';
import { valueWords } from '../model/valueWords';

/** The default of a node's parameter, with its checkpoint's own defaults taken in. */
export function defaultOfParam(data: NodeData, param: ParamSpec): unknown {
  return defaultOf(data.node.type, param.name, data.node.params, data.checkpoint?.defaults[data.node.type]);
}

/** The default in words, saying when it is the checkpoint's. */
export function defaultWords(data: NodeData, param: ParamSpec): string {
  const value = defaultOfParam(data, param);
  const override = data.checkpoint?.defaults[data.node.type]?.[param.name];
  const words = valueWords(param, value);
  // A checkpoint that says what the catalogue says too is not worth a mention.
  const own = override !== undefined && !sameValue(override, param.default);
  if (own && data.checkpoint) return `${words}, set by checkpoint ${data.checkpoint.id}`;
  return param.defaultNote !== undefined && value !== undefined && words !== param.defaultNote
    ? `${words} (${param.defaultNote})`
    : words;
}
