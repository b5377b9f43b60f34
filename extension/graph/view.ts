/** A graph as the definitions of its nodes look at it: each node with what is above it, muted nodes passed over. */
import { checkpointsOf, isMuted, nodeOf, orderOf, outputType, resolverOf, sourcesAt, upward } from './analyse';
import { isNodeType, type NodeType, specOf } from './catalogue';
import { type NodeView, type ParamValues } from './catalogue/types';
import { effectiveParams } from './params';
import { clip, show } from './problems';
import { type GraphDocument, type GraphNode } from './schema';

/** A checkpoint's own parameter defaults for a type of node. `checkpoint` is the one the node works with, if it has one. */
export type DefaultsOf = (type: NodeType, checkpoint: string | undefined) => ParamValues | undefined;

/** The checkpoint that a node gives: two are the same if their keys are. */
interface Model {
  key: number;
  checkpoint: string;
  changes: string[];
}

/** Nodes that change a checkpoint that are named in a sentence. */
const MOST_CHANGES = 4;

/** What is asked again and again is remembered, and chains of wires are walked once, however long a file makes them. */
export class GraphView {
  readonly order;
  readonly checkpoints;
  readonly resolve;
  private readonly seen = new Map<string, NodeView>();
  private readonly modelKeys = new Map<string, number>();

  constructor(
    readonly document: GraphDocument,
    private readonly defaults: DefaultsOf = () => undefined,
  ) {
    this.order = orderOf(document);
    this.checkpoints = checkpointsOf(document, this.order.ids);
    this.resolve = resolverOf(document);
  }

  /** The node of this id. */
  node(id: string | undefined): NodeView | undefined {
    const node = id === undefined ? undefined : nodeOf(this.document, id);
    if (id === undefined || !node) return undefined;
    let view = this.seen.get(id);
    if (!view) this.seen.set(id, (view = this.viewOf(id, node)));
    return view;
  }

  /** The parameters of a node of some type that would work with the checkpoint of node `id`. */
  effective(type: string, id: string, params: ParamValues = {}): Record<string, unknown> {
    const defaults = isNodeType(type) ? this.defaults(type, this.checkpoints.get(id)) : undefined;
    return effectiveParams(type, params, defaults);
  }

  private viewOf(id: string, node: GraphNode): NodeView {
    const { type, params: written = {} } = node;
    const sources = (port: string) => sourcesAt(node, port).map((wire) => this.node(this.resolve(wire)?.node));
    const source = (port: string): NodeView | undefined => {
      for (const wire of sourcesAt(node, port)) {
        const from = this.node(this.resolve(wire)?.node);
        if (from) return from;
      }
      return undefined;
    };
    const effective = (): ParamValues => this.effective(type, id, written);
    const model = (): NodeView['model'] => {
      const made = this.modelAt(id);
      return made && { key: made.key, words: [made.checkpoint, ...made.changes].join(' with ') };
    };
    let params: ParamValues | undefined;
    return {
      id,
      type,
      muted: isMuted(node),
      written,
      checkpoint: this.checkpoints.get(id),
      get params() {
        return (params ??= effective());
      },
      get model() {
        return model();
      },
      sources,
      source,
      brings: (port) => {
        const from = sourcesAt(node, port).flatMap((wire) => this.resolve(wire) ?? [])[0];
        return from && outputType(this.document, from);
      },
      conditions: (port) => {
        const implied = specOf(type)?.inputs.find(({ name }) => name === port)?.implied;
        const wired = source(port);
        if (implied === undefined || wired?.type === implied) return wired?.params ?? {};
        return this.effective(implied, id);
      },
    };
  }

  private readonly modelAt = upward<Model | undefined>(
    (id) => {
      const { type = '', source } = this.node(id) ?? {};
      const through = specOf(type)?.inputs.find(({ types }) => types.includes('checkpoint'));
      return through && givesCheckpoint(type) ? source?.(through.name)?.id : undefined;
    },
    (id, over) => {
      const node = this.node(id) as NodeView;
      const spec = specOf(node.type);
      const begins = !spec?.inputs.some(({ types }) => types.includes('checkpoint'));
      if (!spec || !givesCheckpoint(node.type) || (!begins && !over)) return undefined;
      const values = spec.params.map(({ name }) => node.params[name]);
      const said = values.filter((value) => value !== undefined);
      const words = spec.words?.(node) ?? `${spec.title} ${said.map(show).join(', ')}`;
      const key = this.modelKey(JSON.stringify([over?.key, node.type, node.checkpoint, values]));
      if (!over) return { key, checkpoint: words, changes: [] };
      return {
        ...over,
        key,
        changes: over.changes.length < MOST_CHANGES ? [...over.changes, clip(words)] : over.changes,
      };
    },
  );

  /** A number for a way from a checkpoint down: the same for the same, without comparing the whole way. */
  private modelKey(way: string): number {
    const key = this.modelKeys.get(way) ?? this.modelKeys.size;
    this.modelKeys.set(way, key);
    return key;
  }
}

const givesCheckpoint = (type: string): boolean =>
  specOf(type)?.outputs.some((output) => output.type === 'checkpoint') ?? false;
