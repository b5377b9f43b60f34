import { type SizeFacts } from '../pictureSize';
import { type Pin } from '../pins';
import { type ProblemCode } from '../problems';

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
  optional?: boolean;
  /** Takes several wires, in order. */
  list?: boolean;
  /** Of a list: one output may feed it several times, for instance one image's look in two regions. */
  repeats?: boolean;
  /** Where nothing is wired, a node of this type stands in, with the checkpoint's defaults. */
  implied?: string;
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
  /** It need not be said where this parameter is. */
  unless?: string;
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
  /** Weft writes these files itself, and calls them after the graph and the node: `GRAPH.NODE.png`. */
  ofNode?: boolean;
  /** Whether a value is a name that the engine knows, and no path. */
  isName?: (value: string) => boolean;
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

/** Pins of an attention swap; see `pins.ts`. */
export type PinsParam = ParamBase<'pins', readonly Pin[]>;

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
  | ChoiceParam
  | PinsParam;

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

/** The schedule that makes a draft with a checkpoint. */
export interface Draft {
  steps: number;
  /** What they don't say is the checkpoint's, or the catalogue's. */
  skip?: number;
  spacing?: 'leading' | 'trailing';
  /** Name of a LoRA that so few steps need. */
  lora?: string;
}

/** What of a checkpoint a graph can be checked against. */
export interface CheckpointFacts {
  id: string;
  /** Nouns that it knows; none when any will do. */
  domains: readonly { noun: string; kinds: readonly string[] }[];
  /** The sizes of pictures it can work at. */
  pictureSize?: number;
  sizes?: SizeFacts['sizes'];
  /** How many of its text encoder's last layers can be left out; undefined when that is not known. */
  clipSkip?: number;
  draft?: Draft;
  /** Its own parameter defaults, by type of node. */
  defaults?: Readonly<Record<string, ParamValues>>;
}

/** A node of a graph and what is above it; wires pass muted nodes over. */
export interface NodeView {
  readonly id: string;
  readonly type: string;
  readonly muted: boolean;
  /** Parameters as the file has them. */
  readonly written: ParamValues;
  /** Parameters with defaults filled in. */
  readonly params: ParamValues;
  /** Id of the checkpoint that it works with. */
  readonly checkpoint: string | undefined;
  /** For a node that gives a checkpoint: what it gives, in words, and a number that is the same for the same. */
  readonly model: { key: number; words: string } | undefined;
  /** The node that each wire of a port comes from, undefined where none does. */
  sources(port: string): (NodeView | undefined)[];
  /** The first of them that there is. */
  source(port: string): NodeView | undefined;
  /** What the first wire of a port brings. */
  brings(port: string): PortType | undefined;
  /** Effective parameters of the node at an optional port, or of the one that stands in for it. */
  conditions(port: string): ParamValues;
}

/** Something wrong with a node: of a wire of a port, or of a parameter. */
export interface Finding {
  code: ProblemCode;
  /** Made for the problems that are listed only. */
  message: () => string;
  port?: string;
  /** Which wire of the port. */
  wire?: number;
  param?: string;
  /** The parameter whose text is marked, where it is another one. */
  mark?: string;
  severity?: 'error' | 'warning';
}

export interface Checking {
  report(finding: Finding): void;
  /** All in the library; undefined when it is not known. */
  checkpoints?: readonly CheckpointFacts[];
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
  /** Defaults that nodes above decide, for parameters that say nothing. */
  inherit?: (node: NodeView) => ParamValues;
  /** What is wrong with a node, as far as it takes more than one of its parameters, or other nodes, to see. */
  check?: (node: NodeView, checking: Checking) => void;
  /** For a type that gives a checkpoint: a node in words, where those of {@link NodeView.model} would not do. */
  words?: (node: NodeView) => string;
  /** It runs what feeds it itself, once for each of its cells. */
  runsCells?: boolean;
  /** Parameters that are shown on the node's face. */
  keyParams: readonly string[];
  /** What a new node is called, when that is not its type. */
  idBase?: string;
}
