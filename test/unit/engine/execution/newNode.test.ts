/** A new type of node is two files, test/support/newNode: everything else finds it in the lists that the two are entered in. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { run } from '../../../../extension/cli/run';
import {
  catalogueMarkdown,
  type GraphDocument,
  graphJsonSchema,
  type NodeSpec,
  nodesBetween,
  nodeTypes,
  specOf,
  validateGraph,
  writeGraph,
} from '../../../../extension/graph';
import { type EngineRequests } from '../../../../extension/protocol/engine';
import { targetsOf } from '../../../../webview/canvas/connecting';
import { defaultWords } from '../../../../webview/inspector/defaultWords';
import { flowOf, type NodeData } from '../../../../webview/model/flow';
import { makeEngine, pictures, shortGraph, withParam } from '../../../support/mini';

vi.mock('../../../../extension/graph/catalogue/entries', async (original) => {
  const { glance } = await import('../../../support/newNode/definition');
  return { entries: { ...(await original<{ entries: Record<string, NodeSpec> }>()).entries, glance } };
});
vi.mock('../../../../extension/engine/execution/nodes', async (original) => {
  const { glance } = await import('../../../support/newNode/executor');
  return { executors: { ...(await original<{ executors: object }>()).executors, glance } };
});
// The command line's engine is a process of its own, which would not know of the new type.
vi.mock('../../../../extension/cli/engineProcess', () => ({
  EngineProcess: class {
    private readonly bench = makeEngine();
    readonly ready = () => Promise.resolve();
    readonly interrupt = () => {};
    readonly run = (request: EngineRequests['run']['params']) => this.bench.engine.handlers.run(request);
    readonly close = () => this.bench.engine.handlers.shutdown({});
  },
}));

function glancing(params: Record<string, unknown> = {}): GraphDocument {
  const graph = shortGraph();
  graph.nodes['glance'] = { type: 'glance', inputs: { inversion: 'invert-structure.inversion' }, params };
  graph.nodes['save-glance'] = {
    type: 'save',
    inputs: { image: 'glance.image' },
    params: { path: 'glance.png' },
  };
  return graph;
}

describe('a type of node that is new', () => {
  it('is on the canvas: in the menu, with its ports, and as an end for wires', () => {
    expect(nodeTypes).toContain('glance');
    expect(nodesBetween('inversion', ['image'])?.map(({ type }) => type)).toEqual(['glance']);
    const graph = glancing();
    const { nodes } = flowOf({ graph, checkpoints: [] }, { nodes: [], edges: [] });
    const { face } = nodes.find(({ id }) => id === 'glance')!.data as NodeData;
    expect(face.ports.map(({ name, side }) => `${side} ${name}`)).toEqual(['left inversion', 'right image']);
    expect(face.rows.flatMap((row) => (row.kind === 'value' ? [row.param.label] : []))).toEqual(['Step']);
    const ends = targetsOf(graph, { node: 'invert-appearance', port: 'inversion', side: 'right' });
    expect(ends.map(({ node, port }) => `${node}.${port}`)).toContain('glance.inversion');
  });

  it('is in the inspector, with the default of its parameter in words', () => {
    const { nodes } = flowOf({ graph: glancing(), checkpoints: [] }, { nodes: [], edges: [] });
    const [step] = specOf('glance')!.params;
    expect(defaultWords(nodes.find(({ id }) => id === 'glance')!.data as NodeData, step!)).toContain(
      'half of the steps',
    );
  });

  it('is in the schema and in the documentation', () => {
    expect(JSON.stringify(graphJsonSchema())).toContain('"const":"glance","description":"Decodes what');
    expect(catalogueMarkdown()).toContain(
      '## `glance`\n\n**Glance.** Decodes what an inverted image looks like at one step.',
    );
    expect(catalogueMarkdown()).toContain('half of the steps that run');
  });

  it('is checked against the nodes above it, and in a sweep', () => {
    const of = (graph: GraphDocument) => validateGraph(writeGraph(graph)).map(({ message }) => message);
    expect(of(glancing({ step: 7 }))).toEqual([]);
    expect(of(glancing({ step: 8 }))).toEqual(['glance looks at a step that is not there: 8 run.']);
    const graph = glancing();
    graph.nodes['sweep'] = { type: 'sweep', inputs: { image: 'glance.image' }, params: { columns: 'glance.stp=1,2' } };
    expect(of(graph)).toEqual(['glance has no parameter stp. It has step and muted.']);
  });

  it('runs from the command line: its parameter can be set, and is else decided by the nodes above', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-new-node-'));
    for (const name of ['giraffe.png', 'zebra.png'])
      fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
    const file = path.join(folder, 'glance.weft.json');
    fs.writeFileSync(file, writeGraph(glancing()));
    const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const made = async (out: string, ...set: string[]): Promise<string> => {
      await run(file, { out: path.join(folder, out), set, cache: true, provider: 'cpu' });
      return (
        await sharp(path.join(folder, out, 'glance.png'))
          .raw()
          .toBuffer()
      ).toString('base64');
    };
    const inherited = await made('a');
    expect(printed.mock.calls.flat().join('')).toContain(path.join('a', 'glance.png'));
    expect(await made('b', 'glance.step=4')).toBe(inherited);
    expect(await made('c', 'glance.step=0')).not.toBe(inherited);
    await expect(made('d', 'glance.step=8')).rejects.toThrow('a step that is not there');
    for (const spy of [printed, told]) spy.mockRestore();
  });

  it('tells before the run what it reads, so that a cold run goes along each image once, and as far as is read', async () => {
    // With guidance the reference pass is a pass of its own, and nothing else reads the structure's last step.
    const guided = (graph: GraphDocument): GraphDocument => withParam(graph, 'invert-structure', 'guidanceScale', 3.5);
    const plain = await makeEngine().run(guided(shortGraph()));
    const { result, values } = await makeEngine().run(guided(glancing({ step: 7 })));
    expect(values.get('glance')?.['image']).toMatchObject({ kind: 'image', from: 'run' });
    // The three steps from where the transfer stops reading to this one.
    const { encoder, decoder } = plain.result.report.unet;
    expect(result.report.unet).toEqual({ encoder: encoder + 3, decoder: decoder + 3 });
  });
});
