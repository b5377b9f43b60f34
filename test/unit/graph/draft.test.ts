/** A graph as a draft: which edits make it. */
import { describe, expect, it } from 'vitest';
import {
  ablationGraph,
  draftEdits,
  type Draft,
  editText,
  type GraphDocument,
  parseGraph,
  planGraph,
  standardGraph,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';

const pair = { structure: 'a.png', appearance: 'b.png', domain: 'cat' };
const few: Draft = { steps: 16, skip: 8 };
const withLora: Draft = { steps: 8, spacing: 'trailing', lora: 'hyper-sd15-8steps' };

function draft(graph: GraphDocument, drafts: Record<string, Draft>, kept: string[] = []): GraphDocument {
  const edits = draftEdits(graph, (id) => drafts[id ?? ''], new Set(kept));
  const text = editText(writeGraph(graph), { kind: 'batch', edits });
  expect(validateGraph(text)).toEqual([]);
  return parseGraph(text).document!;
}
const params = (graph: GraphDocument, id: string) => planGraph(graph).byId.get(id)!.params;

describe('a draft', () => {
  it('has the schedule of its checkpoint, and a file of its own', () => {
    const graph = standardGraph({ ...pair, steps: 80, skip: 30, seed: 7, output: 'deep/zebra.webp' });
    graph.nodes['mask-structure']!.params = { step: 40, clusters: 6 };
    const made = draft(graph, { mini: few });
    expect(params(made, 'schedule')).toMatchObject({ steps: 16, skip: 8, spacing: 'leading', seed: 7 });
    expect(params(made, 'save')).toMatchObject({ path: 'deep/zebra-draft.webp' });
    // The step was one of eighty.
    expect(made.nodes['mask-structure']!.params).toEqual({ clusters: 6 });
    expect(params(draft(standardGraph(pair), { mini: few }), 'save')).toMatchObject({ path: 'result-draft.png' });
  });

  it('keeps what the user sets for the run', () => {
    const made = draft(standardGraph({ ...pair, steps: 20, skip: 2 }), { mini: few }, ['schedule.steps', 'save.path']);
    expect(params(made, 'schedule')).toMatchObject({ steps: 20, skip: 8 });
    expect(params(made, 'save')).toMatchObject({ path: 'result.png' });
  });

  it('of images without a schedule node gets one', () => {
    const graph = standardGraph(pair);
    delete graph.nodes['schedule'];
    for (const id of ['invert-structure', 'invert-appearance']) delete graph.nodes[id]!.inputs!['schedule'];
    const made = draft(graph, { mini: few });
    expect(Object.keys(made.nodes).filter((id) => made.nodes[id]!.type === 'schedule')).toEqual(['draft-schedule']);
    expect(params(made, 'draft-schedule')).toMatchObject({ steps: 16, skip: 8 });
  });

  it('gets the LoRA that so few steps need, once, before FreeU', () => {
    const graph = standardGraph({ ...pair, checkpoint: 'photo', freeu: true });
    const made = draft(graph, { photo: withLora });
    expect(made.nodes['draft-lora']).toMatchObject({
      params: { path: 'hyper-sd15-8steps' },
      inputs: { checkpoint: 'model.checkpoint' },
    });
    expect(made.nodes['freeu']!.inputs).toEqual({ checkpoint: 'draft-lora.checkpoint' });
    expect(Object.values(draft(made, { photo: withLora }).nodes).filter(({ type }) => type === 'lora')).toHaveLength(1);
  });

  it('of two checkpoints gives each its own nodes', () => {
    const graph = standardGraph({ ...pair, checkpoint: 'photo' });
    graph.nodes['other'] = { type: 'checkpoint', params: { id: 'second' } };
    graph.nodes['invert-appearance']!.inputs!['checkpoint'] = 'other.checkpoint';
    delete graph.nodes['schedule'];
    for (const id of ['invert-structure', 'invert-appearance']) delete graph.nodes[id]!.inputs!['schedule'];
    const edits = draftEdits(graph, (id) => (id === 'photo' ? withLora : { ...withLora, lora: 'another' }));
    const { nodes } = parseGraph(editText(writeGraph(graph), { kind: 'batch', edits })).document!;
    const added = (type: string) => Object.keys(nodes).filter((id) => nodes[id]!.type === type);
    expect(added('lora')).toEqual(['draft-lora', 'draft-lora-2']);
    expect(added('schedule')).toEqual(['draft-schedule', 'draft-schedule-2']);
    expect(nodes['draft-lora-2']!.inputs).toEqual({ checkpoint: 'other.checkpoint' });
    expect(nodes['invert-appearance']!.inputs!['checkpoint']).toBe('draft-lora-2.checkpoint');
  });

  it('of several results names each', () => {
    const made = draft(ablationGraph(pair), { mini: few });
    const paths = Object.values(made.nodes).flatMap(({ type, params }) => (type === 'save' ? [params!['path']] : []));
    expect(paths).toEqual(['full-draft.png', 'no-adain-draft.png', 'no-contrast-draft.png', 'no-guidance-draft.png']);
  });

  it('leaves what it knows no draft for', () => {
    const graph = standardGraph({ ...pair, checkpoint: 'gone', steps: 80, skip: 1 });
    expect(params(draft(graph, { mini: few }), 'schedule')).toMatchObject({ steps: 80, skip: 1 });
  });
});
