/** What travels on a wire. */
export const portTypes = [
  'image',
  'checkpoint',
  'prompt',
  'schedule',
  'inversion',
  'mask',
  'transfer',
  'timeline',
] as const;
export type PortType = (typeof portTypes)[number];

export type NodeCategory = 'source' | 'model' | 'inversion' | 'transfer' | 'output';

/**
 * What muting a node does. `never`: it can't be muted. `pass-through`: its input goes on unchanged. `reconstruct`: the
 * structure's reconstruction takes the transfer's place. `no-mask`: as if nothing were wired. `skip`: it does not run.
 */
export type MuteBehaviour = 'never' | 'pass-through' | 'reconstruct' | 'no-mask' | 'skip';

export interface PairsWith {
  port: string;
  on: 'node' | 'swap';
}

export interface InputSpec {
  name: string;
  label: string;
  /** One sentence. */
  help: string;
  /** Any of these fits. */
  types: readonly PortType[];
  optional: boolean;
  /** Takes several wires, in order. */
  list: boolean;
  /** For a list: the port whose wires these belong to one by one, on this node or on the swap that its transfer comes from. */
  pairsWith?: PairsWith;
}

export interface OutputSpec {
  name: string;
  label: string;
  help: string;
  type: PortType;
}

/** Parameter values by name. */
export type ParamValues = Readonly<Record<string, unknown>>;

interface ParamBase<Kind extends string, Value> {
  kind: Kind;
  name: string;
  label: string;
  /** One sentence. */
  help: string;
  /** Undefined: see `required` and `derive`. */
  default?: Value;
  /** There is no default: the person has to say. */
  required?: boolean;
  /** The default in words, where it is computed. */
  defaultNote?: string;
  /**
   * The default as computed from the node's other parameters (defaults already filled in).
   * `overrides` are the checkpoint's own defaults for this type of node.
   */
  derive?: (params: ParamValues, overrides: ParamValues) => Value | undefined;
}

interface Measured {
  /** Shown behind the number, for instance `%`. */
  unit?: string;
  min: number;
  max: number;
  step: number;
  /** What a slider covers, where most of what is allowed is of little use; it widens for a value beyond. `params`: the node's, with defaults. */
  slider?: readonly [number, number] | ((params: ParamValues) => readonly [number, number]);
  /** Any value is as good as another: the inspector offers a random one. */
  random?: boolean;
}

export type NumberParam = ParamBase<'number', number> & Measured;
export type IntegerParam = ParamBase<'integer', number> & Measured;
export type TextParam = ParamBase<'text', string> & { multiline?: boolean };
/** A file, relative to the graph file (`read`) or to the output folder (`write`), with forward slashes. */
export type PathParam = ParamBase<'path', string> & {
  filter: { label: string; extensions: readonly string[] };
  access: 'read' | 'write';
};
/** A noun; a checkpoint may offer a list of those it knows. */
export type DomainParam = ParamBase<'domain', string>;
/** Id of a checkpoint in the library. */
export type CheckpointParam = ParamBase<'checkpoint', string>;
/** `[from, to)` in per cent of the schedule's steps. */
export type RangeParam = ParamBase<'range', readonly [number, number]> & Measured;
export type BooleanParam = ParamBase<'boolean', boolean>;
export type ChoiceParam = ParamBase<'choice', string> & {
  options: readonly { value: string; label: string; help: string }[];
};

/** What a sweep varies along one side: `node.parameter=values`. */
export type AxisParam = ParamBase<'axis', string>;

export type ParamSpec =
  | AxisParam
  | NumberParam
  | IntegerParam
  | TextParam
  | PathParam
  | DomainParam
  | CheckpointParam
  | RangeParam
  | BooleanParam
  | ChoiceParam;

/** A number that a type of node finds out about a picture. */
export interface MeasureSpec {
  /** As in `run.json`, in pictures and in tables. */
  name: string;
  label: string;
  /** One sentence. */
  help: string;
  better: 'higher' | 'lower';
  /** Shown after the point. */
  digits: number;
  unit?: string;
  /** It is there only with something that is optional. */
  optional?: boolean;
}

/** All that canvas, inspector, JSON Schema, documentation, validation and command line know of a type of node. */
export interface NodeSpec {
  type: string;
  title: string;
  category: NodeCategory;
  /** One or two sentences. */
  help: string;
  inputs: readonly InputSpec[];
  outputs: readonly OutputSpec[];
  params: readonly ParamSpec[];
  /** Numbers that it finds, in the order in which they are shown. */
  measures?: readonly MeasureSpec[];
  mute: MuteBehaviour;
  /** Parameters that are shown on the node's face. */
  keyParams: readonly string[];
  /** What a new node is called, when that is not its type. */
  idBase?: string;
}
