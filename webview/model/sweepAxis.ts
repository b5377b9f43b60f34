import {
  checkValue,
  downstreamOf,
  freshId,
  type GraphDocument,
  type ParamSpec,
  type ParamValues,
  sameValue,
  type Source,
  specOf,
} from '../../extension/graph';
import { type CheckpointInfo } from '../../extension/protocol/engine';
import { sliderSpan } from './sliderSpan';

const VALUES = 5;

export interface AxisFacts {
  /** The node's parameters, with defaults. */
  params: ParamValues;
  checkpoint?: CheckpointInfo | undefined;
  checkpoints: readonly CheckpointInfo[];
  /** Paths of the workspace's images. */
  pictures: readonly string[];
}

/** Whether a parameter can be swept. */
export function canSweep(type: string, param: ParamSpec): boolean {
  if (param.kind === 'path') return param.access === 'read';
  return param.kind !== 'axis' && param.kind !== 'pins' && type !== 'sweep';
}

/** Values worth comparing with the present one, which is among them. */
export function usefulValues(param: ParamSpec, facts: AxisFacts): unknown[] {
  const present = facts.params[param.name];
  const fits = (value: unknown): boolean => checkValue(param, value) === undefined;
  const values = candidates(param, present, facts).filter(fits);
  return fits(present) && !values.some((value) => sameValue(value, present)) ? [present, ...values] : values;
}

function candidates(param: ParamSpec, present: unknown, facts: AxisFacts): unknown[] {
  switch (param.kind) {
    case 'number':
    case 'integer': {
      const now = typeof present === 'number' ? present : param.min;
      if (param.random) return [0, 1, 2, 3].map((more) => now + more);
      return spread(sliderSpan(param, facts.params), param.step, now);
    }
    case 'range': {
      const [from, to] = Array.isArray(present) ? (present as [number, number]) : [param.min, param.max];
      return spread([Math.min(from + 20, param.max), param.max], param.step, to).map((end) => [from, end]);
    }
    case 'boolean':
      return [true, false];
    case 'choice':
      return param.options.map(({ value }) => value);
    case 'domain':
      return (facts.checkpoint?.domains ?? []).map(({ noun }) => noun);
    case 'checkpoint':
      return facts.checkpoints.map(({ id }) => id);
    case 'path': {
      const folder = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);
      const beside = facts.pictures.filter((path) => typeof present === 'string' && folder(path) === folder(present));
      return beside.filter((path) => path !== present).slice(0, VALUES - 1);
    }
    default:
      return [];
  }
}

/** Evenly over a span, with the present value in place of the one nearest to it. */
function spread([least, most]: readonly [number, number], step: number, present: number): number[] {
  const at = (index: number): number => {
    const exact = least + (index * (most - least)) / (VALUES - 1);
    return Number((Math.round(exact / step) * step).toPrecision(12));
  };
  const values = [...new Set(Array.from({ length: VALUES }, (_, index) => at(index)))];
  const distance = (value: number): number => Math.abs(value - present);
  const nearest = values.reduce((best, value) => (distance(value) < distance(best) ? value : best), values[0]!);
  return values.map((value) => (value === nearest ? present : value));
}

/** The values as an axis has them: plain where each reads as itself, else as JSON. */
export function axisText(node: string, param: string, values: readonly unknown[]): string {
  const plain = values.every(
    (value) =>
      typeof value === 'number' || typeof value === 'boolean' || /^[\p{L}][\p{L}\d._/-]*$/u.test(String(value)),
  );
  return `${node}.${param}=${plain ? values.map(String).join(',') : JSON.stringify(values)}`;
}

/** The image that shows what a node does: measured where the graph measures it, else the nearest result below the node. */
export function sweptImage(graph: GraphDocument, id: string): Source | undefined {
  const below = [...downstreamOf(graph, [id])].filter((each) => graph.nodes[each]?.muted !== true);
  const found =
    below.find((each) => graph.nodes[each]?.type === 'evaluate') ??
    below.find((each) => specOf(graph.nodes[each]?.type ?? '')?.outputs.some(({ type }) => type === 'timeline'));
  return found === undefined ? undefined : { node: found, port: 'image' };
}

/** The id of the sweep that would be added. */
export const sweepId = (graph: GraphDocument): string => freshId(graph, 'sweep');
