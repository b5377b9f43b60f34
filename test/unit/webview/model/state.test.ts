import { describe, expect, it } from 'vitest';
import { parseGraph, specOf, standardGraph, writeGraph, type GraphDocument } from '../../../../extension/graph';
import { excerpt } from '../../../../webview/app/excerpt';
import { nextStep } from '../../../../webview/inspector/nextStep';
import { faceOf, FACE, pictureKind } from '../../../../webview/model/face';
import { bytesOf } from '../../../../webview/model/bytes';
import { FieldCoalescer, type Clock } from '../../../../webview/model/coalesce';
import { checkpointOf, scheduleOf } from '../../../../webview/model/defaults';
import { parseUriList } from '../../../../webview/model/drops';
import { flowOf } from '../../../../webview/model/flow';
import { heldIndices, newest, standIn, withFrame, withPicture } from '../../../../webview/model/frames';
import { initialPageState, readPageState } from '../../../../webview/model/pageState';
import { received, shownText } from '../../../../webview/model/sync';
import { nearestUpstream, wireId, wiresOfGraph } from '../../../../webview/model/wires';
import { toId } from '../../../../webview/model/words';
import { heavyGraphs } from '../../../support/heavyGraphs';

const text = writeGraph(standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' }));
const standard = parseGraph(text).document as GraphDocument;
const mini = {
  id: 'mini',
  title: 'Mini',
  sha256: '',
  size: 1,
  precision: 'fp16' as const,
  pictureSize: 128,
  domains: [],
  builtIn: true,
  defaults: { schedule: { steps: 50, skip: 24 } },
};

class FakeClock implements Clock {
  private waiting: { at: number; callback: () => void; handle: number }[] = [];
  private now = 0;
  private last = 0;
  set(callback: () => void, ms: number): number {
    this.last += 1;
    this.waiting.push({ at: this.now + ms, callback, handle: this.last });
    return this.last;
  }
  clear(handle: number): void {
    this.waiting = this.waiting.filter((one) => one.handle !== handle);
  }
  advance(ms: number): void {
    this.now += ms;
    const due = this.waiting.filter((one) => one.at <= this.now);
    this.waiting = this.waiting.filter((one) => one.at > this.now);
    for (const { callback } of due) callback();
  }
}

describe('field coalescing', () => {
  const setup = () => {
    const sent: [string, number][] = [];
    const held: (number | undefined)[] = [];
    const clock = new FakeClock();
    const fields = new FieldCoalescer<number>(
      (field, value) => sent.push([field, value]),
      (value) => held.push(value),
      clock,
    );
    return { sent, held, clock, fields };
  };

  it('sends the first key at once and the rest of a burst as one, when the hand rests', () => {
    const { sent, held, clock, fields } = setup();
    for (const value of [1, 16, 167]) {
      fields.input('a', value);
      clock.advance(120);
    }
    expect(sent).toEqual([['a', 1]]);
    expect(held).toEqual([16, 167]);
    clock.advance(300);
    expect(sent).toEqual([
      ['a', 1],
      ['a', 167],
    ]);
    expect(held.at(-1)).toBeUndefined();
    fields.input('a', 2);
    expect(sent.at(-1)).toEqual(['a', 2]);
  });

  it('holds all that is typed into a field that is taken when it is left, however long that takes', () => {
    const { sent, held, clock, fields } = setup();
    fields.keep('a', 1);
    clock.advance(5000);
    fields.keep('a', 12);
    expect(sent).toEqual([]);
    expect(held).toEqual([1, 12]);
    fields.flush();
    expect(sent).toEqual([['a', 12]]);
    fields.keep('a', 3);
    fields.drop();
    expect(held.at(-1)).toBeUndefined();
    fields.flush();
    expect(sent).toHaveLength(1);
    fields.keep('a', 4);
    fields.input('b', 5);
    expect(sent.slice(1)).toEqual([
      ['a', 4],
      ['b', 5],
    ]);
  });

  it('holds the first key too where a burst is to be one step of undo', () => {
    const { sent, held, clock, fields } = setup();
    for (const value of [1, 2, 3]) fields.input('a', value, true);
    expect(sent).toEqual([]);
    expect(held).toEqual([1, 2, 3]);
    clock.advance(400);
    expect(sent).toEqual([['a', 3]]);
    fields.input('a', 4, true);
    fields.flush();
    expect(sent).toEqual([
      ['a', 3],
      ['a', 4],
    ]);
  });

  it('is not put off for long by steady typing', () => {
    const { sent, clock, fields } = setup();
    for (let i = 0; i < 40; i++) {
      fields.input('a', i);
      clock.advance(100);
    }
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(sent.length).toBeLessThan(6);
  });

  it('sends what is held before another field, and on flush, once', () => {
    const { sent, clock, fields } = setup();
    fields.input('a', 1);
    fields.input('a', 2);
    fields.input('b', 3);
    fields.input('b', 4);
    fields.flush();
    fields.flush();
    clock.advance(5000);
    expect(sent).toEqual([
      ['a', 1],
      ['a', 2],
      ['b', 3],
      ['b', 4],
    ]);
  });

  it('forgets what is dropped, and shows it no longer', () => {
    const { sent, held, clock, fields } = setup();
    fields.input('a', 1);
    fields.input('a', 2);
    fields.drop();
    clock.advance(5000);
    expect(sent).toEqual([['a', 1]]);
    expect(held).toEqual([2, undefined]);
  });
});

describe('edits on their way', () => {
  const contrast = (seq: number, value: number) => ({
    seq,
    edits: [{ kind: 'setParam' as const, id: 'swap', param: 'contrast', value }],
  });

  it('are shown on top of the document until it has them', () => {
    const synced = { text, version: 1, pending: [contrast(1, 2), contrast(2, 3)] };
    expect(parseGraph(shownText(synced)).document?.nodes['swap']?.params?.['contrast']).toBe(3);
    const once = shownText({ ...synced, pending: [contrast(1, 2)] });
    const after = received(synced, once, 2, 1);
    expect(after.pending.map((edit) => edit.seq)).toEqual([2]);
    expect(parseGraph(shownText(after)).document?.nodes['swap']?.params?.['contrast']).toBe(3);
    expect(received(after, once, 3, undefined).pending).toEqual([]);
  });

  it('are passed over where the document no longer has their node', () => {
    const without = writeGraph({ weft: 1, nodes: {} });
    expect(shownText({ text: without, version: 1, pending: [contrast(1, 2)] })).toBe(without);
  });
});

describe('the canvas of a graph', () => {
  const empty = { nodes: [], edges: [] };
  const first = flowOf({ graph: standard, checkpoints: [mini] }, empty);

  it('has every node and every wire', () => {
    expect(first.nodes).toHaveLength(Object.keys(standard.nodes).length);
    expect(first.edges.map((edge) => edge.id).sort()).toEqual(wiresOfGraph(standard).map(wireId).sort());
  });

  it('gives the same objects for what did not change, and the very same lists when nothing did', () => {
    const again = flowOf({ graph: parseGraph(text).document as GraphDocument, checkpoints: [mini] }, first);
    expect(again.nodes).toBe(first.nodes);
    expect(again.edges).toBe(first.edges);
    const changed = structuredClone(standard);
    const swap = changed.nodes['swap'];
    if (swap) swap.params = { contrast: 2 };
    const next = flowOf({ graph: changed, checkpoints: [mini] }, first);
    const different = next.nodes.filter((node, i) => node !== first.nodes[i]).map((node) => node.id);
    expect(different).toEqual(['swap']);
  });

  it('keeps what is in the hand where it is', () => {
    const held = first.nodes.map((node) =>
      node.id === 'swap' ? { ...node, dragging: true, position: { x: 7, y: 7 } } : node,
    );
    const next = flowOf({ graph: standard, checkpoints: [mini] }, { nodes: held, edges: first.edges });
    expect(next.nodes.find((node) => node.id === 'swap')?.position).toEqual({ x: 7, y: 7 });
  });

  it('shows nodes that have no place without hiding one behind another', () => {
    const graph: GraphDocument = {
      weft: 1,
      nodes: { a: { type: 'image' }, b: { type: 'image' }, c: { type: 'no-such-type' } },
    };
    const places = flowOf({ graph, checkpoints: [] }, empty).nodes.map(({ position }) => `${position.x} ${position.y}`);
    expect(new Set(places).size).toBe(3);
  });

  it('leaves out wires from nodes that do not exist', () => {
    const graph: GraphDocument = { weft: 1, nodes: { a: { type: 'denoise', inputs: { transfer: 'gone.transfer' } } } };
    expect(flowOf({ graph, checkpoints: [] }, empty).edges).toEqual([]);
  });
});

describe('defaults', () => {
  it('come from the checkpoint and the schedule up the wires', () => {
    expect(nearestUpstream(standard, 'denoise', 'schedule')).toBe('schedule');
    expect(checkpointOf(standard, 'adain', [mini])).toBe(mini);
    const { schedule, ...others } = standard.nodes;
    expect(schedule).toBeDefined();
    expect(scheduleOf({ ...standard, nodes: others }, 'swap', mini)).toEqual({ steps: 50, skip: 24 });
    expect(scheduleOf({ ...standard, nodes: others }, 'swap', undefined)).toEqual({ steps: 100, skip: 32 });
  });
});

describe('a face', () => {
  it('tells from the catalogue what picture a node has', () => {
    expect(
      ['image', 'denoise', 'invert', 'segment', 'compare', 'adain'].map((type) => pictureKind(specOf(type)!)),
    ).toEqual(['file', 'result', 'inversion', 'mask', 'compare', undefined]);
  });

  it('is as high as what it shows', () => {
    const plain = faceOf(specOf('schedule'), new Set());
    const more = faceOf(specOf('schedule'), new Set(['seed']));
    expect(more.height).toBe(plain.height + FACE.row);
    expect(faceOf(specOf('guidance'), new Set()).rows.some((row) => row.kind === 'curve')).toBe(true);
  });

  it('keeps ports of a type it does not know', () => {
    const face = faceOf(undefined, new Set(), ['strange'], ['out']);
    expect(face.ports.map(({ name, side }) => [name, side])).toEqual([
      ['strange', 'left'],
      ['out', 'right'],
    ]);
  });
});

describe('frames of a timeline', () => {
  const frame = (index: number, runId = 'r') => ({
    runId,
    node: 'denoise',
    index,
    total: 5,
    timestep: 900 - index,
    kind: 'x0' as const,
    width: 1,
    height: 1,
    rgba: new Uint8Array(4),
  });

  it('stay sorted and unique, whatever order they come in', () => {
    const timeline = [2, 0, 4, 2].reduce<ReturnType<typeof withFrame> | undefined>(
      (all, index) => withFrame(all, frame(index)),
      undefined,
    );
    expect(timeline?.x0.map((step) => step.index)).toEqual([0, 2, 4]);
    expect(newest(timeline)?.index).toBe(4);
  });

  it('begin anew with another run', () => {
    const timeline = withFrame(withFrame(undefined, frame(3)), frame(0, 'next'));
    expect(timeline.x0.map((step) => step.index)).toEqual([0]);
  });

  it('know the timestep of a picture that was asked for', () => {
    const timeline = withPicture(withFrame(undefined, frame(3)), { index: 3, kind: 'xt', url: 'blob:1' });
    expect(timeline.xt[0]).toMatchObject({ index: 3, timestep: 897, url: 'blob:1' });
    expect(heldIndices(timeline)).toEqual([3]);
  });

  it('lend the other kind of a step, or the nearest step, until its own picture comes', () => {
    const timeline = withFrame(withFrame(undefined, frame(0)), frame(4));
    expect(standIn(timeline, 'xt', 4)?.index).toBe(4);
    expect(standIn(timeline, 'x0', 3)?.index).toBe(4);
    expect(standIn({ ...timeline, x0: [] }, 'x0', 3)).toBeUndefined();
  });
});

describe('bytes of a message', () => {
  it('are the same however they travelled', () => {
    const bytes = new Uint8Array([1, 2, 255]);
    expect(bytesOf(bytes)).toBe(bytes);
    expect(bytesOf(bytes.buffer)).toEqual(bytes);
    expect(bytesOf(JSON.parse(JSON.stringify(Buffer.from(bytes))))).toEqual(bytes);
    expect(bytesOf(undefined)).toHaveLength(0);
  });
});

describe('a stored page', () => {
  it('keeps what is sound of it', () => {
    const state = readPageState({
      inspectorWidth: 9999,
      selection: ['a', 3],
      viewport: { x: 1, y: 2, zoom: 0 },
      timeline: { kind: 'xt', index: 4 },
    });
    expect(state.inspectorWidth).toBe(640);
    expect(state.selection).toEqual(['a']);
    expect(state.viewport).toBeUndefined();
    expect(state.timeline).toEqual({ kind: 'xt', index: 4 });
  });

  it.each([undefined, null, 'text', 3])('begins anew from %j', (stored) => {
    expect(readPageState(stored)).toEqual(initialPageState);
  });
});

describe('what to do next', () => {
  const base = { problems: [], trusted: true, running: false, run: undefined };
  it('names the first thing that is missing', () => {
    expect(nextStep({ ...base, graph: { weft: 1, nodes: {} } }).sentence).toContain('Add the first node');
    expect(nextStep({ ...base, graph: { weft: 1, nodes: { cat: { type: 'image' } } } })).toEqual({
      sentence: 'Choose an image for cat.',
      node: 'cat',
    });
    expect(nextStep({ ...base, graph: standard, trusted: false }).sentence).toContain('Trust');
    expect(nextStep({ ...base, graph: standard }).sentence).toContain('Run the graph');
  });
});

describe('small things', () => {
  it('shows where a file breaks', () => {
    const lines = excerpt('{\n  "a": 1\n  "b": 2\n}\n', 3, 3);
    expect(lines.map((line) => line.text)).toEqual(['{', '  "a": 1', '  "b": 2', '  ^', '}', '']);
    const long = excerpt(`${'x'.repeat(300)}!`, 1, 301);
    expect(long[1]?.text.indexOf('^')).toBe(long[0]?.text.indexOf('!'));
  });

  it('makes an id of what was typed', () => {
    expect(toId('  Älpine Zebra #2 ')).toBe('alpine-zebra-2');
    expect(toId('2nd try')).toBe('nd-try');
    expect(toId('…')).toBe('');
  });

  it('reads dropped files as lines or as JSON', () => {
    expect(parseUriList('file:///a.png\r\n# no\nfile:///a.png\nfile:///b.png')).toEqual([
      'file:///a.png',
      'file:///b.png',
    ]);
    expect(parseUriList('["file:///c.png"]')).toEqual(['file:///c.png']);
  });
});

describe('what the canvas is drawn from', () => {
  // A megabyte each; what is quadratic runs into the runner's limit.
  it.each(['a ring of adain nodes', 'a muted chain', 'a list port of many wires', 'masks above a long transfer'])(
    'is found in no time for %s',
    (name) => {
      const graph = parseGraph(heavyGraphs[name]!(1_000_000)).document!;
      const { nodes } = flowOf({ graph, checkpoints: [mini] }, { nodes: [], edges: [] });
      expect(nodes).toHaveLength(Object.keys(graph.nodes).length);
    },
  );

  it('has for each node the nearest of a type above it, of several the one up the first wire', () => {
    const node = (type: string, ...wires: string[]) => ({ type, inputs: { a: wires.map((id) => `${id}.out`) } });
    const nodes = {
      one: node('schedule'),
      two: node('schedule'),
      far: node('x', 'two'),
      'by-two': node('x', 'far', 'two'),
      'by-first': node('x', 'two', 'one'),
      below: node('x', 'far', 'by-first', 'by-two'),
      ring: node('x', 'ring-2', 'nobody'),
      'ring-2': node('x', 'ring', 'constructor'),
    };
    const graph: GraphDocument = { weft: 1, nodes };
    const above = Object.keys(nodes).map((id) => nearestUpstream(graph, id, 'schedule'));
    expect(above).toEqual(['one', 'two', 'two', 'two', 'two', 'two', undefined, undefined]);
    const other: GraphDocument = { weft: 1, nodes: { ...nodes, far: node('x', 'one', 'two') } };
    expect(nearestUpstream(other, 'below', 'schedule')).toBe('one');
    expect(nearestUpstream(other, 'below', 'x')).toBe('below');
  });
});
