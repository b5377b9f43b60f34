/** Everything that can be said against a graph before it runs, with its place in the text. */
import { anyOf, circleWords, isMuted, nodeOf, Suggestions, transferWays } from './analyse';
import { type NodeType, nodeTypes, specOf } from './catalogue';
import { type CheckpointFacts, type NodeView, type PairsWith, type PortType } from './catalogue/types';
import { mismatch } from './connect';
import { cannotMute } from './edit';
import { type JsonNode, nodeAt } from './json';
import { checkValue, paramOf } from './params';
import { sameFileKey } from './paths';
import { keyAt, parseGraph } from './parse';
import { twiceOnWire, type Plan } from './plan';
import { axisProblems } from './sweep';
import { clip, listed, type Problem, type ProblemCode, ProblemList, show } from './problems';
import { type GraphDocument, type GraphNode, NODE_ID, parseWire, wiresOf } from './schema';
import { GraphView } from './view';
import { frameKeys, nodeKeys, topKeys } from './write';

/** What is known of the world around the graph; what is left out is not checked. */
export interface GraphFacts {
  /** Whether a file is there, by its path relative to the graph file. */
  fileExists?: (path: string) => boolean;
  /** Whether the user picked a file by hand, by its path relative to the graph file (`read`) or to the output folder (`write`). */
  isPicked?: (path: string, access: 'read' | 'write') => boolean;
  checkpoints?: readonly CheckpointFacts[];
}

/** Finds every problem of a graph file's text, in the order of the text. Never throws. */
export function validateGraph(text: string, facts: GraphFacts = {}): Problem[] {
  try {
    const { document, problems, tree } = parseGraph(text);
    if (!document || !tree) return problems;
    // A later version may mean other things by the same words.
    if (problems.some(({ code }) => code === 'later-version')) return problems;
    const found = [...problems, ...new Validator(text, document, tree, facts).run()];
    return found.sort((a, b) => a.offset - b.offset);
  } catch (error) {
    const message = `The graph could not be checked: ${error instanceof Error ? error.message : String(error)}.`;
    return [{ code: 'internal', severity: 'error', message, offset: 0, length: 0, line: 1, column: 1 }];
  }
}

/** The errors that stand in the way of a plan: those of the file as a whole, and of nodes that will be visited. */
export function blockingProblems(problems: readonly Problem[], plan?: Plan): Problem[] {
  return problems.filter(
    ({ severity, node }) => severity === 'error' && (node === undefined || !plan || plan.byId.has(node)),
  );
}

interface Subject {
  node?: string;
  port?: string;
  param?: string;
}

/**
 * Whatever a file holds, checking takes time in proportion to its length: what is asked again and again is remembered, chains of wires are
 * walked once, and sentences are made for the problems that are listed only.
 */
class Validator {
  private readonly problems: ProblemList;
  private readonly ids: string[];
  private readonly suggestions = new Suggestions();
  private readonly view: GraphView;

  constructor(
    text: string,
    private readonly document: GraphDocument,
    private readonly tree: JsonNode,
    private readonly facts: GraphFacts,
  ) {
    this.problems = new ProblemList(text);
    this.ids = Object.keys(document.nodes);
    const known = new Map(facts.checkpoints?.map((checkpoint) => [checkpoint.id, checkpoint]));
    this.view = new GraphView(document, (type, checkpoint) => known.get(checkpoint ?? '')?.defaults?.[type]);
  }

  run(): Problem[] {
    this.keys([], this.document, 'the file', topKeys);
    for (const [id, frame] of Object.entries(this.document.frames ?? {})) {
      this.keys(['frames', id], frame, 'a frame', frameKeys);
      this.folded(id, frame.folded ?? []);
    }
    for (const [id, node] of Object.entries(this.document.nodes)) this.node(id, node);
    for (const cycle of this.view.order.cycles) this.cycle(cycle);
    for (const id of this.ids) this.meaning(this.view.node(id) as NodeView);
    this.outputs();
    return this.problems.all();
  }

  private report(
    code: ProblemCode,
    message: () => string,
    subject: Subject,
    at: () => JsonNode | undefined,
    severity: Problem['severity'] = 'error',
  ) {
    this.problems.add(code, () => at() ?? this.tree, message, subject, severity);
  }

  /** The name of a node in the text. */
  private keyOf(id: string): JsonNode | undefined {
    return keyAt(this.tree, ['nodes', id]);
  }

  private paramNode(id: string, param: string): JsonNode | undefined {
    return nodeAt(this.tree, ['nodes', id, 'params', param]) ?? this.keyOf(id);
  }

  /** The text of one wire at a port. */
  private wireNode(id: string, port: string, index = 0): JsonNode | undefined {
    const input = nodeAt(this.tree, ['nodes', id, 'inputs', port]);
    return (input?.type === 'array' ? input.children?.[index] : input) ?? input ?? this.keyOf(id);
  }

  /** Keys that mean nothing here: kept, and probably misspelt. Those that begin with a mark (`$schema`, `//`) are other programs' own. */
  private keys(path: string[], object: object, of: string, known: readonly string[]): void {
    for (const name of Object.keys(object)) {
      if (known.includes(name) || !/^\p{L}/u.test(name)) continue;
      const sentence = (): string => {
        const like = this.suggestions.nearest(name, known);
        const hint = like === undefined ? 'It stays in the file and has no effect.' : `Did you mean ${like}?`;
        return `${show(name)} is not a key of ${of}. ${hint}`;
      };
      const subject = path[0] === 'nodes' ? { node: path[1] } : {};
      this.report('unknown-key', sentence, subject, () => keyAt(this.tree, [...path, name]), 'warning');
    }
  }

  /** What a frame folds that is not there. */
  private folded(frame: string, ids: readonly string[]): void {
    for (const [index, id] of ids.entries()) {
      if (nodeOf(this.document, id)) continue;
      const sentence = (): string => {
        const like = this.suggestions.nearest(id, this.ids);
        const hint = like === undefined ? 'Remove it from the list.' : `Did you mean ${like}?`;
        return `The frame ${show(frame)} folds ${show(id)}, but there is no such node. ${hint}`;
      };
      const at = () => nodeAt(this.tree, ['frames', frame, 'folded'])?.children?.[index];
      this.report('unknown-node', sentence, {}, at, 'warning');
    }
  }

  private node(id: string, node: GraphNode): void {
    const name = clip(id);
    this.keys(['nodes', id], node, 'a node', nodeKeys);
    if (!NODE_ID.test(id)) {
      const rule = 'an id starts with a lower-case letter and has only lower-case letters, digits and hyphens';
      this.report(
        'bad-id',
        () => `${show(id)} is not a valid id: ${rule}.`,
        { node: id },
        () => this.keyOf(id),
      );
    }
    const spec = specOf(node.type);
    if (!spec) {
      const at = () => nodeAt(this.tree, ['nodes', id, 'type']);
      const sentence = (): string => {
        const like = this.suggestions.nearest(node.type, nodeTypes);
        const hint = like === undefined ? "It stays in the file, but can't run." : `Did you mean "${like}"?`;
        return `This version of Weft does not know the type ${show(node.type)}. ${hint}`;
      };
      this.report('unknown-type', sentence, { node: id }, at);
      for (const port of Object.keys(node.inputs ?? {})) this.wires(id, node, port);
      return;
    }
    if (node.muted === true && spec.mute === 'never') {
      const at = () => keyAt(this.tree, ['nodes', id, 'muted']);
      this.report('cannot-mute', () => `${name} can't be muted: ${cannotMute(node.type)}`, { node: id }, at);
    }
    for (const port of Object.keys(node.inputs ?? {})) {
      const input = spec.inputs.find(({ name: known }) => known === port);
      if (!input) {
        const names = spec.inputs.map(({ name: known }) => known);
        const has = names.length === 0 ? 'it has none' : `it has ${listed(names)}`;
        const at = () => keyAt(this.tree, ['nodes', id, 'inputs', port]);
        this.report('unknown-input', () => `${name} has no input ${clip(port)}; ${has}.`, { node: id, port }, at);
      }
      this.wires(id, node, port);
    }
    // A node that does not run needs nothing.
    const idle = isMuted(node) && (spec.mute === 'skip' || spec.mute === 'no-mask');
    for (const input of spec.inputs) {
      const wired =
        node.inputs && Object.hasOwn(node.inputs, input.name) && wiresOf(node.inputs[input.name]).length > 0;
      if (input.optional || idle || wired) continue;
      this.report(
        'missing-input',
        () =>
          `${name}.${input.name} is not connected: it needs ${anyOf(input.types)}.${this.suggestion(id, input.types)}`,
        { node: id, port: input.name },
        () => this.keyOf(id),
      );
    }
    this.params(id, node, spec.type as NodeType);
  }

  /** An output in this graph that would do, among the first few. */
  private suggestion(id: string, types: readonly PortType[]): string {
    for (const other of this.ids.slice(0, 50)) {
      const output = specOf(nodeOf(this.document, other)?.type ?? '')?.outputs.find(({ type }) => types.includes(type));
      if (output && other !== id) return ` Connect ${clip(other)}.${output.name}, for instance.`;
    }
    return '';
  }

  private wires(id: string, node: GraphNode, port: string): void {
    const to = `${clip(id)}.${clip(port)}`;
    const subject = { node: id, port };
    const input = specOf(node.type)?.inputs.find(({ name }) => name === port);
    const wires = wiresOf(node.inputs?.[port]);
    if (input && !input.list && wires.length > 1) {
      this.report(
        'too-many-wires',
        () => `${to} takes one wire but has ${wires.length}. Remove the others.`,
        subject,
        () => this.wireNode(id, port, 1),
      );
    }
    for (const [index, wire] of wires.entries()) {
      const at = () => this.wireNode(id, port, index);
      const source = parseWire(wire);
      if (!source) {
        const sentence = (): string => `${to} is connected to ${show(wire)}, which is not of the form "node.port".`;
        this.report('bad-wire', sentence, subject, at);
        continue;
      }
      const from = nodeOf(this.document, source.node);
      if (!from) {
        const sentence = (): string => {
          const like = this.suggestions.nearest(source.node, this.ids);
          const hint = like === undefined ? '' : ` Did you mean ${like}?`;
          return `${to} is connected to ${clip(wire)}, but there is no node ${clip(source.node)}.${hint}`;
        };
        this.report('unknown-node', sentence, subject, at);
        continue;
      }
      const spec = specOf(from.type);
      if (!spec) continue;
      const output = spec.outputs.find(({ name }) => name === source.port);
      if (!output) {
        const names = spec.outputs.map(({ name }) => name);
        const has = names.length === 0 ? 'it has none' : `it has ${listed(names)}`;
        const sentence = (): string =>
          `${to} is connected to ${clip(wire)}, but ${clip(source.node)} has no output ${clip(source.port)}; ${has}.`;
        this.report('unknown-output', sentence, subject, at);
      } else if (input && !input.types.includes(output.type)) {
        this.report('wrong-type', () => mismatch(clip(wire), output.type, to, input.types), subject, at);
      }
    }
  }

  private params(id: string, node: GraphNode, type: NodeType): void {
    const spec = specOf(type);
    if (!spec) return;
    for (const [name, value] of Object.entries(node.params ?? {})) {
      const param = paramOf(spec, name);
      if (!param) {
        const at = () => keyAt(this.tree, ['nodes', id, 'params', name]);
        const sentence = (): string => {
          const names = spec.params.map((known) => known.name);
          const like = this.suggestions.nearest(name, names);
          const hint = like === undefined ? 'It stays in the file and has no effect.' : `Did you mean ${like}?`;
          return `${type} has no parameter ${clip(name)}. ${hint}`;
        };
        this.report('unknown-param', sentence, { node: id, param: name }, at, 'warning');
        continue;
      }
      const reason = checkValue(param, value, this.facts.isPicked);
      if (reason !== undefined)
        this.report(
          'bad-value',
          () => reason,
          { node: id, param: name },
          () => this.paramNode(id, name),
        );
      else if (param.kind === 'path' && param.access === 'read' && !param.isName?.(value as string))
        this.file(id, name, value as string);
    }
    for (const param of spec.params) {
      if (!param.required || (node.params && Object.hasOwn(node.params, param.name))) continue;
      if (param.unless !== undefined && node.params && Object.hasOwn(node.params, param.unless)) continue;
      const what = param.kind === 'path' ? 'Choose a file.' : param.help;
      this.report(
        'missing-param',
        () => `${param.name} is not set. ${what}`,
        { node: id, param: param.name },
        () => this.keyOf(id),
      );
    }
  }

  private file(id: string, param: string, path: string): void {
    if (!this.facts.fileExists || this.facts.fileExists(path)) return;
    const message = `There is no file "${path}". Choose another file, or put it there; paths are relative to the graph.`;
    this.report(
      'missing-file',
      () => message,
      { node: id, param },
      () => this.paramNode(id, param),
    );
  }

  private cycle(cycle: readonly string[]): void {
    const [first, second] = cycle;
    if (first === undefined || second === undefined) return;
    const node = nodeOf(this.document, second);
    for (const [port, input] of Object.entries(node?.inputs ?? {})) {
      const index = wiresOf(input).findIndex((wire) => parseWire(wire)?.node === first);
      if (index < 0) continue;
      const sentence = (): string => `The wires form a cycle: ${circleWords(cycle)}. Remove one of them.`;
      this.report('cycle', sentence, { node: second, port }, () => this.wireNode(second, port, index));
      return;
    }
  }

  /** What takes more than one node to see. */
  private meaning(node: NodeView): void {
    const { id, type, muted } = node;
    const { checkpoints } = this.facts;
    const spec = specOf(type);
    spec?.check?.(node, {
      checkpoints,
      report: ({ code, message, port, wire, param, mark = param ?? '', severity }) => {
        const at = () => (port === undefined ? this.paramNode(id, mark) : this.wireNode(id, port, wire));
        this.report(code, message, { node: id, port, param }, at, severity);
      },
    });
    if (!muted && spec?.params.some(({ kind }) => kind === 'axis')) this.axes(id);
    for (const input of spec?.inputs ?? []) if (input.pairsWith) this.pairs(node, input.name, input.pairsWith);
    // Two nodes that set the same field of a transfer.
    const { twins } = this.transferWay(id);
    if (!muted && twins?.[1] === id) {
      const sentence = (): string => twiceOnWire(...twins, type);
      this.report('twice-on-wire', sentence, { node: id, port: 'transfer' }, () => this.wireNode(id, 'transfer'));
    }
  }

  /** A list whose wires belong one by one to those of another port: none may be left over. */
  private pairs({ id, source }: NodeView, port: string, { port: other, on }: PairsWith): void {
    const transfer = source('transfer');
    const owner = on === 'node' ? id : transfer && this.transferWay(transfer.id).nearest.get('attention-swap');
    if (owner === undefined) return;
    const wires = (of: string, at: string): number => wiresOf(nodeOf(this.document, of)?.inputs?.[at]).length;
    const [own, others] = [wires(id, port), wires(owner, other)];
    if (others === 0 || own <= others) return;
    const sentence = (): string =>
      `${clip(id)}.${port} has ${own} wires, but ${clip(owner)}.${other} has ${others === 1 ? 'one' : others}: each needs its counterpart there. Remove the extra wires.`;
    this.report('unpaired-wire', sentence, { node: id, port }, () => this.wireNode(id, port, others));
  }

  private readonly transferWay = transferWays(
    (id) => this.view.node(id)?.source('transfer')?.id,
    (id) => nodeOf(this.document, id)?.type ?? '',
  );

  private axes(id: string): void {
    for (const { param, message } of axisProblems(this.document, id, this.ids, this.suggestions))
      this.report(
        'bad-sweep',
        () => message,
        { node: id, param },
        () => this.paramNode(id, param),
      );
  }

  /** Two nodes that write the same file. */
  private outputs(): void {
    const writers = new Map<string, { id: string; path: string }>();
    for (const id of this.ids) {
      const { type, muted, params } = this.view.node(id) as NodeView;
      const param = specOf(type)?.params.find((known) => known.kind === 'path' && known.access === 'write')?.name;
      const path = param === undefined || muted ? undefined : params[param];
      if (param === undefined || typeof path !== 'string') continue;
      const file = sameFileKey(path);
      const other = writers.get(file);
      if (other === undefined) writers.set(file, { id, path });
      else {
        const sentence = (): string => {
          const both =
            other.path === path
              ? `${clip(other.id)} and ${clip(id)} both write ${show(path)}.`
              : `${clip(other.id)} writes ${show(other.path)} and ${clip(id)} writes ${show(path)}, which are the same file on many machines.`;
          return `${both} Give one of them another name.`;
        };
        this.report('same-output', sentence, { node: id, param }, () => this.paramNode(id, param));
      }
    }
  }
}
