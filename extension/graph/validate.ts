/** Everything that can be said against a graph before it runs, with its place in the text. */
import {
  checkpointsOf,
  isMuted,
  listed,
  nearest,
  nodeOf,
  orderOf,
  outputType,
  resolvedAt,
  resolveSource,
  sourcesAt,
} from './analyse';
import { type NodeType, nodeTypes, specOf } from './catalogue';
import { promptText } from './catalogue/prompt';
import { saveFormats } from './catalogue/save';
import { type PairsWith, type ParamValues } from './catalogue/types';
import { mismatch } from './connect';
import { cannotMute } from './edit';
import { type JsonNode, nodeAt } from './json';
import { checkValue, effectiveParams, paramOf } from './params';
import { sameFileKey } from './paths';
import { keyAt, parseGraph } from './parse';
import { type SizeFacts, sizeProblem } from './pictureSize';
import { twiceOnWire, type Plan } from './plan';
import { checkAxis, parseAxis, SweepError } from './sweep';
import { LineIndex, type Problem, type ProblemCode } from './problems';
import { type GraphDocument, type GraphNode, NODE_ID, parseWire, wiresOf } from './schema';

/** What of a checkpoint a graph can be checked against. */
export interface CheckpointFacts {
  id: string;
  /** Nouns that it knows; none when any will do. */
  domains: readonly { noun: string; kinds: readonly string[] }[];
  /** The sizes of pictures it can work at. */
  pictureSize?: number;
  sizes?: SizeFacts['sizes'];
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

class Validator {
  private readonly problems: Problem[] = [];
  private readonly lines: LineIndex;
  private checkpoints = new Map<string, string>();

  constructor(
    text: string,
    private readonly document: GraphDocument,
    private readonly tree: JsonNode,
    private readonly facts: GraphFacts,
  ) {
    this.lines = new LineIndex(text);
  }

  run(): Problem[] {
    const order = orderOf(this.document);
    this.checkpoints = checkpointsOf(this.document, order.ids);
    for (const [id, node] of Object.entries(this.document.nodes)) this.node(id, node);
    for (const cycle of order.cycles) this.cycle(cycle);
    for (const [id, node] of Object.entries(this.document.nodes)) this.meaning(id, node);
    this.outputs();
    return this.problems;
  }

  private report(
    code: ProblemCode,
    message: string,
    subject: Subject,
    at: JsonNode | undefined,
    severity: Problem['severity'] = 'error',
  ) {
    const { offset, length } = at ?? this.tree;
    this.problems.push({ code, severity, message, ...subject, offset, length, ...this.lines.at(offset) });
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

  private node(id: string, node: GraphNode): void {
    if (!NODE_ID.test(id)) {
      const rule = 'an id begins with a small letter and holds small letters, digits and hyphens only';
      this.report('bad-id', `"${id}" is not an id: ${rule}.`, { node: id }, this.keyOf(id));
    }
    const spec = specOf(node.type);
    if (!spec) {
      const like = nearest(node.type, nodeTypes);
      const hint = like === undefined ? "It is kept, but can't run." : `Did you mean "${like}"?`;
      const at = nodeAt(this.tree, ['nodes', id, 'type']);
      this.report(
        'unknown-type',
        `This version of Weft does not know the type "${node.type}". ${hint}`,
        { node: id },
        at,
      );
      for (const port of Object.keys(node.inputs ?? {})) this.wires(id, node, port);
      return;
    }
    if (node.muted === true && spec.mute === 'never') {
      const at = keyAt(this.tree, ['nodes', id, 'muted']);
      this.report('cannot-mute', `${id} can't be muted: ${cannotMute(node.type)}`, { node: id }, at);
    }
    for (const port of Object.keys(node.inputs ?? {})) {
      const input = spec.inputs.find(({ name }) => name === port);
      if (!input) {
        const names = spec.inputs.map(({ name }) => name);
        const has = names.length === 0 ? 'it has none' : `it has ${listed(names)}`;
        const at = keyAt(this.tree, ['nodes', id, 'inputs', port]);
        this.report('unknown-input', `${id} has no input ${port}; ${has}.`, { node: id, port }, at);
      }
      this.wires(id, node, port);
    }
    // A node that does not run needs nothing.
    const idle = isMuted(node) && (spec.mute === 'skip' || spec.mute === 'no-mask');
    for (const input of spec.inputs) {
      const wired =
        node.inputs && Object.hasOwn(node.inputs, input.name) && wiresOf(node.inputs[input.name]).length > 0;
      if (input.optional || idle || wired) continue;
      const wants = `${id}.${input.name} needs a wire: ${input.types.map((type) => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`)).join(' or ')}.`;
      this.report(
        'missing-input',
        `${wants}${this.suggestion(id, input.types)}`,
        { node: id, port: input.name },
        this.keyOf(id),
      );
    }
    this.params(id, node, spec.type as NodeType);
  }

  /** An output in this graph that would do. */
  private suggestion(id: string, types: readonly string[]): string {
    for (const [other, node] of Object.entries(this.document.nodes).slice(0, 50)) {
      if (other === id) continue;
      const output = specOf(node.type)?.outputs.find(({ type }) => types.includes(type));
      if (output) return ` For instance from ${other}.${output.name}.`;
    }
    return '';
  }

  private wires(id: string, node: GraphNode, port: string): void {
    const to = `${id}.${port}`;
    const subject = { node: id, port };
    const input = specOf(node.type)?.inputs.find(({ name }) => name === port);
    const wires = wiresOf(node.inputs?.[port]);
    if (input && !input.list && wires.length > 1) {
      this.report(
        'too-many-wires',
        `${to} takes one wire, but has ${wires.length}.`,
        subject,
        this.wireNode(id, port, 1),
      );
    }
    for (const [index, wire] of wires.entries()) {
      const at = this.wireNode(id, port, index);
      const source = parseWire(wire);
      if (!source) {
        this.report('bad-wire', `${to} is wired to "${wire}", which is not of the form "node.port".`, subject, at);
        continue;
      }
      const from = nodeOf(this.document, source.node);
      if (!from) {
        const like = nearest(source.node, Object.keys(this.document.nodes).slice(0, 1000));
        const hint = like === undefined ? '' : ` Did you mean ${like}?`;
        this.report(
          'unknown-node',
          `${to} is wired to ${wire}, but there is no node ${source.node}.${hint}`,
          subject,
          at,
        );
        continue;
      }
      const spec = specOf(from.type);
      if (!spec) continue;
      const output = spec.outputs.find(({ name }) => name === source.port);
      if (!output) {
        const names = spec.outputs.map(({ name }) => name);
        const has = names.length === 0 ? 'it has none' : `it has ${listed(names)}`;
        this.report(
          'unknown-output',
          `${to} is wired to ${wire}, but ${source.node} has no output ${source.port}; ${has}.`,
          subject,
          at,
        );
      } else if (input && !input.types.includes(output.type)) {
        this.report('wrong-type', mismatch(wire, output.type, to, input.types), subject, at);
      }
    }
  }

  private params(id: string, node: GraphNode, type: NodeType): void {
    const spec = specOf(type);
    if (!spec) return;
    for (const [name, value] of Object.entries(node.params ?? {})) {
      const param = paramOf(spec, name);
      if (!param) {
        const names = spec.params.map((known) => known.name);
        const like = nearest(name, names);
        const hint = like === undefined ? 'It is kept and has no effect.' : `Did you mean ${like}?`;
        const at = keyAt(this.tree, ['nodes', id, 'params', name]);
        this.report(
          'unknown-param',
          `${type} has no parameter ${name}. ${hint}`,
          { node: id, param: name },
          at,
          'warning',
        );
        continue;
      }
      const reason = checkValue(param, value, this.facts.isPicked);
      if (reason !== undefined) this.report('bad-value', reason, { node: id, param: name }, this.paramNode(id, name));
      else if (param.kind === 'path' && param.access === 'read') this.file(id, name, value as string);
    }
    for (const param of spec.params) {
      if (!param.required || (node.params && Object.hasOwn(node.params, param.name))) continue;
      if (type === 'prompt' && node.params && Object.hasOwn(node.params, 'text')) continue;
      const what = param.kind === 'path' ? 'Choose a file.' : param.help;
      this.report(
        'missing-param',
        `${param.name} is not set. ${what}`,
        { node: id, param: param.name },
        this.keyOf(id),
      );
    }
  }

  private file(id: string, param: string, path: string): void {
    if (!this.facts.fileExists || this.facts.fileExists(path)) return;
    const message = `There is no file "${path}" beside the graph. Choose another, or put it there.`;
    this.report('missing-file', message, { node: id, param }, this.paramNode(id, param));
  }

  private cycle(cycle: readonly string[]): void {
    const [first, second] = cycle;
    if (first === undefined || second === undefined) return;
    const node = nodeOf(this.document, second);
    for (const [port, input] of Object.entries(node?.inputs ?? {})) {
      const index = wiresOf(input).findIndex((wire) => parseWire(wire)?.node === first);
      if (index < 0) continue;
      const path = cycle.length > 12 ? [...cycle.slice(0, 6), '…', ...cycle.slice(-5)] : cycle;
      const message = `The wires close a circle: ${path.join(' → ')}. Take one of them away.`;
      this.report('cycle', message, { node: second, port }, this.wireNode(second, port, index));
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
    const message = `${id}.${port} has ${own} wires, but ${owner.id}.${other} has ${others === 1 ? 'one' : others}: each belongs to the one at its place there. Take away what is left over.`;
    this.report('unpaired-wire', message, { node: id, port }, this.wireNode(id, port, others));
  }

  /** The attention swap that a node's transfer comes from. */
  private swapOf(node: GraphNode): { id: string; node: GraphNode } | undefined {
    const seen = new Set<string>();
    let current = this.upstream(node, 'transfer');
    while (current && current.node.type !== 'attention-swap' && !seen.has(current.id)) {
      seen.add(current.id);
      current = this.upstream(current.node, 'transfer');
    }
    return current?.node.type === 'attention-swap' ? current : undefined;
  }

  private overrides(id: string, type: string): ParamValues {
    const checkpoint = this.checkpoints.get(id);
    return this.facts.checkpoints?.find((known) => known.id === checkpoint)?.defaults?.[type] ?? {};
  }

  /** Effective parameters of a node, by its own type. */
  private effective(id: string, node: GraphNode): Record<string, unknown> {
    return effectiveParams(node.type, node.params, this.overrides(id, node.type));
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
    const ids = known.slice(0, 10).map((checkpoint) => checkpoint.id);
    const has = ids.length === 0 ? 'The library is empty.' : `The library has ${listed(ids)}.`;
    const message = `There is no checkpoint "${name}" in the library. ${has} Add it with "Weft: Add Checkpoint Folder…", in a shell with "weft models add".`;
    this.report('unknown-checkpoint', message, { node: id, param: 'id' }, this.paramNode(id, 'id'));
  }

  /** Width and height as far as they are written, against what the checkpoint can do. */
  private pictureSize(id: string, node: GraphNode, { id: name, pictureSize, sizes }: CheckpointFacts): void {
    if (pictureSize === undefined || sizes === undefined) return;
    const { width = pictureSize, height = pictureSize } = node.params ?? {};
    if (typeof width !== 'number' || typeof height !== 'number') return;
    const problem = sizeProblem({ id: name, pictureSize, sizes }, width, height);
    if (problem === undefined) return;
    const param = width === pictureSize ? 'height' : 'width';
    this.report('size-not-possible', `${id} ${problem}`, { node: id, param }, this.paramNode(id, param));
  }

  private schedule(id: string): void {
    const node = nodeOf(this.document, id) as GraphNode;
    const { steps, skip } = this.effective(id, node);
    if (typeof steps !== 'number' || typeof skip !== 'number' || skip < steps) return;
    const written = node.params && Object.hasOwn(node.params, 'skip') ? 'skip' : 'steps';
    const message = `skip must be below steps: ${skip} of ${steps} steps are skipped, and nothing is left to do.`;
    this.report('skip-exceeds-steps', message, { node: id, param: 'skip' }, this.paramNode(id, written));
  }

  private prompt(id: string, node: GraphNode): void {
    const domain = node.params?.['domain'];
    const name = this.checkpoints.get(id);
    const checkpoint = this.facts.checkpoints?.find((known) => known.id === name);
    if (typeof domain !== 'string' || domain.trim() === '' || !checkpoint || checkpoint.domains.length === 0) return;
    const nouns = checkpoint.domains.flatMap(({ noun, kinds }) => [noun, ...kinds]);
    if (nouns.includes(domain.trim().toLowerCase())) return;
    const known = listed(checkpoint.domains.map(({ noun }) => noun).slice(0, 20));
    const message = `The checkpoint ${checkpoint.id} does not know "${domain}"; it knows ${known}.`;
    this.report('unknown-domain', message, { node: id, param: 'domain' }, this.paramNode(id, 'domain'), 'warning');
  }

  /** The node at the other end of a single wire, muted nodes passed over. */
  private upstream(node: GraphNode, port: string): { id: string; node: GraphNode } | undefined {
    const id = resolvedAt(this.document, node, port)[0]?.node;
    const found = id === undefined ? undefined : nodeOf(this.document, id);
    return id !== undefined && found ? { id, node: found } : undefined;
  }

  private segment(id: string, node: GraphNode): void {
    if (isMuted(node)) return;
    const inversion = this.upstream(node, 'inversion');
    if (inversion?.node.type !== 'invert') return;
    const prompt = this.upstream(inversion.node, 'prompt');
    if (prompt?.node.type === 'prompt') {
      const words = promptText(prompt.node.params ?? {});
      const own = node.params?.['noun'];
      const noun = own ?? prompt.node.params?.['domain'];
      if (
        typeof noun === 'string' &&
        noun.trim() !== '' &&
        words !== undefined &&
        words.trim() !== '' &&
        !hasWords(words, noun)
      ) {
        const place = own === undefined ? this.keyOf(id) : this.paramNode(id, 'noun');
        const message = `"${noun}" does not occur in the prompt of ${prompt.id}, "${words}", so ${id} can't find it and gives no mask. Name a word of the prompt.`;
        this.report('noun-not-in-prompt', message, { node: id, param: 'noun' }, place, 'warning');
      }
    }
    const step = node.params?.['step'];
    const { steps, skip } = this.scheduleOf(inversion.id, inversion.node).params;
    if (typeof step !== 'number' || typeof steps !== 'number' || typeof skip !== 'number' || skip >= steps) return;
    if (step < steps - skip) return;
    const message = `step must be below ${steps - skip}: of ${steps} steps ${skip} are skipped, and ${steps - skip} are done.`;
    this.report('step-out-of-reach', message, { node: id, param: 'step' }, this.paramNode(id, 'step'));
  }

  /** Effective schedule of an inversion, wired or implied. */
  private scheduleOf(id: string, inversion: GraphNode): { id?: string; params: Record<string, unknown> } {
    const wired = this.upstream(inversion, 'schedule');
    if (wired?.node.type === 'schedule') return { id: wired.id, params: this.effective(wired.id, wired.node) };
    return { params: effectiveParams('schedule', {}, this.overrides(id, 'schedule')) };
  }

  /** The checkpoint of an inversion in words, FreeU included; undefined when it is not wired. */
  private modelOf(inversion: GraphNode): string | undefined {
    const words: string[] = [];
    let current = this.upstream(inversion, 'checkpoint');
    for (
      const seen = new Set<string>();
      current && !seen.has(current.id);
      current = this.upstream(current.node, 'checkpoint')
    ) {
      seen.add(current.id);
      if (current.node.type === 'checkpoint') {
        const name = this.checkpoints.get(current.id) ?? current.id;
        const { width, height } = current.node.params ?? {};
        const size = width === undefined && height === undefined ? '' : ` at ${side(width)} × ${side(height)}`;
        return [`checkpoint ${name}${size}`, ...words].join(' with ');
      }
      if (current.node.type !== 'freeu') return undefined;
      words.unshift(`FreeU ${Object.values(this.effective(current.id, current.node)).map(String).join(', ')}`);
    }
    return undefined;
  }

  private swap(id: string, node: GraphNode): void {
    const structure = this.upstream(node, 'structure');
    if (structure?.node.type !== 'invert') return;
    for (const [index, source] of sourcesAt(node, 'appearance').entries()) {
      const resolved = resolveSource(this.document, source);
      const appearance = resolved && nodeOf(this.document, resolved.node);
      if (!resolved || appearance?.type !== 'invert' || resolved.node === structure.id) continue;
      const at = this.wireNode(id, 'appearance', index);
      const both = (first: string, second: string) =>
        `${id} takes the structure from ${structure.id} (${first}) and the appearance from ${resolved.node} (${second})`;
      const [model, other] = [this.modelOf(structure.node), this.modelOf(appearance)];
      if (model !== undefined && other !== undefined && model !== other) {
        const message = `${both(model, other)}: their checkpoints differ. Wire both to one.`;
        this.report('disagreement', message, { node: id, port: 'appearance' }, at);
      }
      const [first, second] = [
        this.scheduleOf(structure.id, structure.node),
        this.scheduleOf(resolved.node, appearance),
      ];
      const [a, b] = [scheduleWords(first), scheduleWords(second)];
      const same = (['steps', 'skip', 'seed'] as const).every((name) => first.params[name] === second.params[name]);
      if (!same) {
        const message = `${both(a, b)}: their schedules differ. Wire both to one schedule.`;
        this.report('disagreement', message, { node: id, port: 'appearance' }, at);
      }
    }
  }

  private sweep(id: string, node: GraphNode): void {
    if (isMuted(node)) return;
    for (const param of ['columns', 'rows'] as const) {
      const written = node.params?.[param];
      if (typeof written !== 'string' || written === '') continue;
      try {
        checkAxis(this.document, parseAxis(written));
      } catch (error) {
        if (!(error instanceof SweepError)) throw error;
        this.report('bad-sweep', error.message, { node: id, param }, this.paramNode(id, param));
      }
    }
  }

  /** Two nodes that set the same field of a transfer. */
  private transfer(id: string, node: GraphNode): void {
    if (isMuted(node)) return;
    const seen = new Set([id]);
    let current = this.upstream(node, 'transfer');
    while (current && !seen.has(current.id)) {
      if (current.node.type === node.type) {
        const at = this.wireNode(id, 'transfer');
        this.report('twice-on-wire', twiceOnWire(current.id, id, node.type), { node: id, port: 'transfer' }, at);
        return;
      }
      seen.add(current.id);
      current = this.upstream(current.node, 'transfer');
    }
  }

  /** The format that a file's ending names, against what is to be saved. */
  private save(id: string, node: GraphNode): void {
    const source = resolvedAt(this.document, node, 'image')[0];
    const type = source && outputType(this.document, source);
    const { path } = this.effective(id, node);
    if (isMuted(node) || typeof path !== 'string' || (type !== 'image' && type !== 'timeline')) return;
    const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
    const fits = saveFormats[type];
    const known = Object.values(saveFormats).flat();
    // Other endings are no value of the parameter.
    if (!known.includes(ending) || fits.includes(ending)) return;
    const what = type === 'image' ? 'a picture' : 'a timeline';
    const message = `${id} saves ${what}, which can't be written as .${ending}. Let the path end in ${listed(
      fits.map((each) => `.${each}`),
      'or',
    )}.`;
    this.report('wrong-format', message, { node: id, param: 'path' }, this.paramNode(id, 'path'));
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
        const both =
          other.path === path
            ? `${other.id} and ${id} both write "${path}".`
            : `${other.id} writes "${other.path}" and ${id} writes "${path}", which on many machines are the same file.`;
        const message = `${both} Give one of them another name.`;
        this.report('same-output', message, { node: id, param: 'path' }, this.paramNode(id, 'path'));
      }
    }
  }
}

/** A side of the pictures as it is written, in words. */
const side = (pixels: unknown): string => (typeof pixels === 'number' ? String(pixels) : 'its own');

function scheduleWords({ id, params }: { id?: string; params: Record<string, unknown> }): string {
  const { steps, skip, seed } = params;
  return `${id ?? 'the default schedule'}: ${String(steps)} steps, ${String(skip)} skipped, seed ${String(seed)}`;
}

/** Whether a text holds these words, whole and in a row, in any case. */
function hasWords(text: string, words: string): boolean {
  const plain = (value: string) =>
    ` ${value
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, ' ')
      .trim()} `;
  return plain(text).includes(plain(words));
}
