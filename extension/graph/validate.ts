/** Everything that can be said against a graph before it runs, with its place in the text. */
import {
  anyOf,
  checkpointsOf,
  circleWords,
  isMuted,
  listed,
  nodeOf,
  orderOf,
  outputType,
  resolverOf,
  sourcesAt,
  Suggestions,
  upward,
} from './analyse';
import { type NodeType, nodeTypes, specOf } from './catalogue';
import { promptText } from './catalogue/prompt';
import { saveFormats } from './catalogue/save';
import { type PairsWith, type ParamValues, type PortType } from './catalogue/types';
import { mismatch } from './connect';
import { cannotMute } from './edit';
import { type JsonNode, nodeAt } from './json';
import { checkValue, effectiveParams, paramOf, show } from './params';
import { sameFileKey } from './paths';
import { keyAt, parseGraph } from './parse';
import { clipSkipProblem } from './clipSkip';
import { type SizeFacts, sizeProblem } from './pictureSize';
import { twiceOnWire, type Plan } from './plan';
import { axisProblems } from './sweep';
import { clip, type Problem, type ProblemCode, ProblemList } from './problems';
import { type GraphDocument, type GraphNode, NODE_ID, parseWire, type Source, wiresOf } from './schema';
import { nodeKeys, topKeys } from './write';

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
  /** Its own parameter defaults, by type of node. */
  defaults?: Readonly<Record<string, ParamValues>>;
}

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

/** A node and what it is called. */
interface Named {
  id: string;
  node: GraphNode;
}

/** The checkpoint of an inversion with the FreeU and LoRA nodes on the way: two are the same if their keys are. */
interface Model {
  key: number;
  checkpoint: string;
  changes: string[];
}

/** Letters of a prompt's text, and of its noun, up to which it is searched for the noun of a mask. */
const LONGEST_PROMPT = 1000;

/** FreeU and LoRA nodes of one way that are named in a sentence. */
const MOST_CHANGES = 4;

/**
 * Whatever a file holds, checking takes time in proportion to its length: what is asked again and again is remembered, chains of wires are
 * walked once, and sentences are made for the problems that are listed only.
 */
class Validator {
  private readonly problems: ProblemList;
  private readonly ids: string[];
  private readonly suggestions = new Suggestions();
  private readonly resolve: (source: Source) => Source | undefined;
  /** The words of each prompt node, plain. */
  private readonly wordsOf = new Map<string, string>();
  private readonly modelKeys = new Map<string, number>();
  /** Effective parameters of each node that was asked for. */
  private readonly effectiveOf = new Map<string, Record<string, unknown>>();
  private checkpoints = new Map<string, string>();

  constructor(
    text: string,
    private readonly document: GraphDocument,
    private readonly tree: JsonNode,
    private readonly facts: GraphFacts,
  ) {
    this.problems = new ProblemList(text);
    this.ids = Object.keys(document.nodes);
    this.resolve = resolverOf(document);
  }

  run(): Problem[] {
    const order = orderOf(this.document);
    this.checkpoints = checkpointsOf(this.document, order.ids);
    this.keys([], this.document, 'the file', topKeys);
    for (const [id, frame] of Object.entries(this.document.frames ?? {}))
      this.keys(['frames', id], frame, 'a frame', ['text', 'rect']);
    for (const [id, node] of Object.entries(this.document.nodes)) this.node(id, node);
    for (const cycle of order.cycles) this.cycle(cycle);
    for (const [id, node] of Object.entries(this.document.nodes)) this.meaning(id, node);
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
      else if (param.kind === 'path' && param.access === 'read') this.file(id, name, value as string);
    }
    for (const param of spec.params) {
      if (!param.required || (node.params && Object.hasOwn(node.params, param.name))) continue;
      if (type === 'prompt' && node.params && Object.hasOwn(node.params, 'text')) continue;
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
  private meaning(id: string, node: GraphNode): void {
    switch (node.type) {
      case 'checkpoint':
        this.checkpoint(id, node);
        break;
      case 'schedule':
        this.schedule(id);
        break;
      case 'prompt':
        this.prompt(id, node);
        break;
      case 'segment':
        this.segment(id, node);
        break;
      case 'attention-swap':
        this.swap(id, node);
        break;
      case 'sweep':
        this.sweep(id, node);
        break;
      case 'save':
        this.save(id, node);
        break;
    }
    const spec = specOf(node.type);
    for (const input of spec?.inputs ?? []) if (input.pairsWith) this.pairs(id, node, input.name, input.pairsWith);
    if (
      spec?.inputs.some(({ types }) => types.includes('transfer')) &&
      spec.outputs.some(({ type }) => type === 'transfer')
    ) {
      this.transfer(id, node);
    }
  }

  /** A list whose wires belong one by one to those of another port: none may be left over. */
  private pairs(id: string, node: GraphNode, port: string, { port: other, on }: PairsWith): void {
    const owner = on === 'node' ? { id, node } : this.swapOf(node);
    if (!owner) return;
    const [own, others] = [wiresOf(node.inputs?.[port]).length, wiresOf(owner.node.inputs?.[other]).length];
    if (others === 0 || own <= others) return;
    const sentence = (): string =>
      `${clip(id)}.${port} has ${own} wires, but ${clip(owner.id)}.${other} has ${others === 1 ? 'one' : others}: each needs its counterpart there. Remove the extra wires.`;
    this.report('unpaired-wire', sentence, { node: id, port }, () => this.wireNode(id, port, others));
  }

  /** The attention swap that a node's transfer comes from. */
  private swapOf(node: GraphNode): Named | undefined {
    const transfer = this.upstream(node, 'transfer');
    return transfer && this.named(this.transferAt(transfer.id).get('attention-swap'));
  }

  /** What sets a transfer at a node's output: for each type of node the nearest, the node itself included. */
  private readonly transferAt = upward<ReadonlyMap<string, string>>(
    (id) => this.upstream(nodeOf(this.document, id) as GraphNode, 'transfer')?.id,
    (id, over) => {
      const { type } = nodeOf(this.document, id) as GraphNode;
      // Types that the catalogue does not have could be as many as there are nodes.
      return specOf(type) ? new Map([...(over ?? []), [type, id]]) : (over ?? new Map());
    },
  );

  private overrides(id: string, type: string): ParamValues {
    const checkpoint = this.checkpoints.get(id);
    return this.facts.checkpoints?.find((known) => known.id === checkpoint)?.defaults?.[type] ?? {};
  }

  /** Effective parameters of a node, by its own type. */
  private effective(id: string, node: GraphNode): Record<string, unknown> {
    let params = this.effectiveOf.get(id);
    if (!params)
      this.effectiveOf.set(id, (params = effectiveParams(node.type, node.params, this.overrides(id, node.type))));
    return params;
  }

  private checkpoint(id: string, node: GraphNode): void {
    const known = this.facts.checkpoints;
    const name = this.checkpoints.get(id);
    if (!known || name === undefined) return;
    const found = known.find((checkpoint) => checkpoint.id === name);
    if (found) {
      this.pictureSize(id, node, found);
      return;
    }
    const sentence = (): string => {
      const ids = known.slice(0, 10).map((checkpoint) => checkpoint.id);
      const has = ids.length === 0 ? 'The library is empty.' : `The library has ${listed(ids)}.`;
      return `There is no checkpoint ${show(name)} in the library. ${has} Add it with "Weft: Add Checkpoint…" or, in a shell, "weft models add PATH".`;
    };
    this.report('unknown-checkpoint', sentence, { node: id, param: 'id' }, () => this.paramNode(id, 'id'));
  }

  /** Width and height as far as they are written, against what the checkpoint can do. */
  private pictureSize(id: string, node: GraphNode, { id: name, pictureSize, sizes }: CheckpointFacts): void {
    if (pictureSize === undefined || sizes === undefined) return;
    const { width = pictureSize, height = pictureSize } = node.params ?? {};
    if (typeof width !== 'number' || typeof height !== 'number') return;
    const problem = sizeProblem({ id: name, pictureSize, sizes }, width, height);
    if (problem === undefined) return;
    const param = width === pictureSize ? 'height' : 'width';
    this.report(
      'size-not-possible',
      () => `${clip(id)} ${problem}`,
      { node: id, param },
      () => this.paramNode(id, param),
    );
  }

  private schedule(id: string): void {
    const node = nodeOf(this.document, id) as GraphNode;
    const { steps, skip } = this.effective(id, node);
    if (typeof steps !== 'number' || typeof skip !== 'number' || skip < steps) return;
    const written = node.params && Object.hasOwn(node.params, 'skip') ? 'skip' : 'steps';
    const message = `skip must be less than steps: skipping ${skip} of ${steps} steps leaves none to run.`;
    this.report(
      'skip-exceeds-steps',
      () => message,
      { node: id, param: 'skip' },
      () => this.paramNode(id, written),
    );
  }

  private prompt(id: string, node: GraphNode): void {
    const { domain, clipSkip } = node.params ?? {};
    const name = this.checkpoints.get(id);
    const checkpoint = this.facts.checkpoints?.find((known) => known.id === name);
    const problem = typeof clipSkip === 'number' && checkpoint && clipSkipProblem(checkpoint, clipSkip);
    if (problem)
      this.report(
        'clip-skip-not-possible',
        () => problem,
        { node: id, param: 'clipSkip' },
        () => this.paramNode(id, 'clipSkip'),
      );
    if (typeof domain !== 'string' || domain.trim() === '' || !checkpoint || checkpoint.domains.length === 0) return;
    const nouns = checkpoint.domains.flatMap(({ noun, kinds }) => [noun, ...kinds]);
    if (nouns.includes(domain.trim().toLowerCase())) return;
    const known = listed(checkpoint.domains.map(({ noun }) => noun).slice(0, 20));
    const sentence = (): string => `The checkpoint ${checkpoint.id} does not know ${show(domain)}; it knows ${known}.`;
    this.report(
      'unknown-domain',
      sentence,
      { node: id, param: 'domain' },
      () => this.paramNode(id, 'domain'),
      'warning',
    );
  }

  /** The node at the other end of a single wire, muted nodes passed over. */
  private upstream(node: GraphNode, port: string): Named | undefined {
    for (const source of sourcesAt(node, port)) {
      const from = this.resolve(source);
      if (from) return this.named(from.node);
    }
    return undefined;
  }

  private named(id: string | undefined): Named | undefined {
    const node = id === undefined ? undefined : nodeOf(this.document, id);
    return id !== undefined && node ? { id, node } : undefined;
  }

  private segment(id: string, node: GraphNode): void {
    if (isMuted(node)) return;
    const inversion = this.upstream(node, 'inversion');
    if (inversion?.node.type !== 'invert') return;
    const prompt = this.upstream(inversion.node, 'prompt');
    if (prompt?.node.type === 'prompt') {
      const own = node.params?.['noun'];
      const noun = own ?? prompt.node.params?.['domain'];
      if (typeof noun === 'string' && noun.trim() !== '' && this.lacks(prompt, noun)) {
        const place = () => (own === undefined ? this.keyOf(id) : this.paramNode(id, 'noun'));
        const sentence = (): string =>
          `${show(noun)} is not in the prompt of ${clip(prompt.id)}, ${show(promptText(prompt.node.params ?? {}))}, so ${clip(id)} finds no mask. Use a word from the prompt.`;
        this.report('noun-not-in-prompt', sentence, { node: id, param: 'noun' }, place, 'warning');
      }
    }
    const step = node.params?.['step'];
    const { steps, skip } = this.scheduleOf(inversion.id, inversion.node).params;
    if (typeof step !== 'number' || typeof steps !== 'number' || typeof skip !== 'number' || skip >= steps) return;
    if (step < steps - skip) return;
    const message = `step must be less than ${steps - skip}: ${skip} of ${steps} steps are skipped, so ${steps - skip} run.`;
    this.report(
      'step-out-of-reach',
      () => message,
      { node: id, param: 'step' },
      () => this.paramNode(id, 'step'),
    );
  }

  /** Whether a prompt is without a noun. Of one that is far too long for the model nothing is said. */
  private lacks({ id, node }: Named, noun: string): boolean {
    let words = this.wordsOf.get(id);
    if (words === undefined) {
      const { domain = '', text = '' } = node.params ?? {};
      const short = [domain, text].every((one) => typeof one === 'string' && one.length <= LONGEST_PROMPT);
      words = plainWords((short && promptText(node.params ?? {})) || '');
      this.wordsOf.set(id, words);
    }
    return words.trim() !== '' && !words.includes(plainWords(noun));
  }

  /** Effective schedule of an inversion, wired or implied. */
  private scheduleOf(id: string, inversion: GraphNode): { id?: string; params: Record<string, unknown> } {
    const wired = this.upstream(inversion, 'schedule');
    if (wired?.node.type === 'schedule') return { id: wired.id, params: this.effective(wired.id, wired.node) };
    return { params: effectiveParams('schedule', {}, this.overrides(id, 'schedule')) };
  }

  /** The checkpoint of an inversion, FreeU and LoRAs included; undefined when it is not wired. */
  private modelOf(inversion: GraphNode): Model | undefined {
    const checkpoint = this.upstream(inversion, 'checkpoint');
    return checkpoint && this.modelAt(checkpoint.id);
  }

  private readonly modelAt = upward<Model | undefined>(
    (id) => {
      const node = nodeOf(this.document, id) as GraphNode;
      return node.type === 'freeu' || node.type === 'lora' ? this.upstream(node, 'checkpoint')?.id : undefined;
    },
    (id, over) => {
      const node = nodeOf(this.document, id) as GraphNode;
      if (node.type === 'checkpoint') {
        const name = this.checkpoints.get(id) ?? id;
        const { width, height, vae } = node.params ?? {};
        const size = width === undefined && height === undefined ? '' : ` at ${side(width)} × ${side(height)}`;
        const other = vae === undefined ? '' : ` with the VAE ${show(vae)}`;
        const checkpoint = `checkpoint ${clip(name)}${size}${other}`;
        return { key: this.modelKey(`${name}${size}${other && JSON.stringify(vae)}`), checkpoint, changes: [] };
      }
      if ((node.type !== 'freeu' && node.type !== 'lora') || !over) return undefined;
      const { path, ...rest } = this.effective(id, node);
      const settings = [...(path === undefined ? [] : [path]), ...Object.values(rest)].map(show).join(', ');
      const change = `${node.type === 'freeu' ? 'FreeU' : 'LoRA'} ${settings}`;
      const changes = over.changes.length < MOST_CHANGES ? [...over.changes, clip(change)] : over.changes;
      return { ...over, key: this.modelKey(`${over.key} ${change}`), changes };
    },
  );

  /** A number for a way from a checkpoint through FreeU and LoRA nodes: the same for the same, without comparing the whole way. */
  private modelKey(way: string): number {
    const key = this.modelKeys.get(way) ?? this.modelKeys.size;
    this.modelKeys.set(way, key);
    return key;
  }

  private swap(id: string, node: GraphNode): void {
    const structure = this.upstream(node, 'structure');
    if (structure?.node.type !== 'invert') return;
    const [model, first] = [this.modelOf(structure.node), this.scheduleOf(structure.id, structure.node)];
    for (const [index, source] of sourcesAt(node, 'appearance').entries()) {
      const appearance = this.named(this.resolve(source)?.node);
      if (appearance?.node.type !== 'invert' || appearance.id === structure.id) continue;
      const disagree = (one: string, other: string, what: string): void =>
        this.report(
          'disagreement',
          () =>
            `${clip(id)} takes the structure from ${clip(structure.id)} (${one}) and the appearance from ${clip(appearance.id)} (${other}): ${what}`,
          { node: id, port: 'appearance' },
          () => this.wireNode(id, 'appearance', index),
        );
      const other = this.modelOf(appearance.node);
      if (model && other && model.key !== other.key)
        disagree(modelWords(model), modelWords(other), 'their checkpoints differ. Connect both to one checkpoint.');
      const second = this.scheduleOf(appearance.id, appearance.node);
      const same = (['steps', 'skip', 'seed'] as const).every((name) => first.params[name] === second.params[name]);
      if (!same)
        disagree(scheduleWords(first), scheduleWords(second), 'their schedules differ. Connect both to one schedule.');
    }
  }

  private sweep(id: string, node: GraphNode): void {
    if (isMuted(node)) return;
    for (const { param, message } of axisProblems(this.document, id, this.ids, this.suggestions))
      this.report(
        'bad-sweep',
        () => message,
        { node: id, param },
        () => this.paramNode(id, param),
      );
  }

  /** Two nodes that set the same field of a transfer. */
  private transfer(id: string, node: GraphNode): void {
    if (isMuted(node)) return;
    const transfer = this.upstream(node, 'transfer');
    const twin = transfer && transfer.id !== id ? this.transferAt(transfer.id).get(node.type) : undefined;
    if (twin === undefined || twin === id) return;
    const sentence = (): string => twiceOnWire(twin, id, node.type);
    this.report('twice-on-wire', sentence, { node: id, port: 'transfer' }, () => this.wireNode(id, 'transfer'));
  }

  /** The format that a file's ending names, against what is to be saved. */
  private save(id: string, node: GraphNode): void {
    const source = sourcesAt(node, 'image').flatMap((wire) => this.resolve(wire) ?? [])[0];
    const type = source && outputType(this.document, source);
    const { path } = this.effective(id, node);
    if (isMuted(node) || typeof path !== 'string' || (type !== 'image' && type !== 'timeline')) return;
    const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
    const fits = saveFormats[type];
    const known = Object.values(saveFormats).flat();
    // Other endings are no value of the parameter.
    if (!known.includes(ending) || fits.includes(ending)) return;
    const what = type === 'image' ? 'an image' : 'a timeline';
    const sentence = (): string => {
      const endings = fits.map((each) => `.${each}`);
      return `${clip(id)} saves ${what}, which can't be written as .${ending}. End the path in ${listed(endings, 'or')}.`;
    };
    this.report('wrong-format', sentence, { node: id, param: 'path' }, () => this.paramNode(id, 'path'));
  }

  /** Two nodes that write the same file. */
  private outputs(): void {
    const writers = new Map<string, { id: string; path: string }>();
    for (const [id, node] of Object.entries(this.document.nodes)) {
      if (node.type !== 'save' || isMuted(node)) continue;
      const { path } = this.effective(id, node);
      if (typeof path !== 'string') continue;
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
        this.report('same-output', sentence, { node: id, param: 'path' }, () => this.paramNode(id, 'path'));
      }
    }
  }
}

/** A side of the pictures as it is written, in words. */
const side = (pixels: unknown): string => (typeof pixels === 'number' ? String(pixels) : 'its own');

function scheduleWords({ id, params }: { id?: string; params: Record<string, unknown> }): string {
  const { steps, skip, seed } = params;
  const name = id === undefined ? 'the default schedule' : clip(id);
  return `${name}: ${show(steps)} steps, ${show(skip)} skipped, seed ${show(seed)}`;
}

function modelWords({ checkpoint, changes }: Model): string {
  return [checkpoint, ...changes].join(' with ');
}

/** The words of a text in small letters, with a space before, between and after them: words are searched whole and in a row. */
function plainWords(text: string): string {
  const words = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
  return ` ${words} `;
}
