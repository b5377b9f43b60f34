import * as path from 'node:path';
import { catalogue, type GraphDocument, paramOf, parseAxis, type PlannedNode, specOf } from '../../graph';
import { type RunOptions } from '../../protocol/engine';
import { rethrowAt } from '../../protocol/errors';
import { Inputs, type InputTrust, type OutputTrust, resolveOutput, resolveOutputFolder } from '../paths';
import { findPictures } from '../sweep/findPictures';
import { checkOutputs, type Input, type Output } from './outputs';

export const inputTrust = ({ graphPath, roots, picked, allowOutside }: RunOptions): InputTrust => ({
  graphFolder: path.dirname(graphPath),
  roots,
  picked,
  allowOutside,
});

export const outputTrust = ({ graphPath, outDir, outDirNamed, roots, picked }: RunOptions): OutputTrust => ({
  outDir,
  outDirNamed,
  graphFolder: path.dirname(graphPath),
  roots,
  picked,
});

/** Where everything goes that a run writes. */
export interface PlannedOutputs {
  /** The real output folder. */
  folder: string;
  /** The file of each save node. */
  saves: Map<string, string>;
  /** The two files of each denoise node's timeline, where they are wanted. */
  timelines: Map<string, { animation: string; strip: string }>;
  report?: string;
}

/**
 * Finds what a run will read and write, and refuses what can't be read or written before anything is computed.
 * @throws WeftError naming the node
 */
export async function planOutputs(
  document: GraphDocument,
  nodes: readonly PlannedNode[],
  options: RunOptions,
): Promise<PlannedOutputs> {
  const planned = await placeOutputs(nodes, options);
  const outputs: Output[] = [
    ...[...planned.saves].map(([node, file]) => ({ path: file, writer: node, node })),
    ...[...planned.timelines].flatMap(([node, { animation, strip }]) =>
      [animation, strip].map((file) => ({ path: file, writer: `the timeline of ${node}`, node })),
    ),
    ...(planned.report === undefined ? [] : [{ path: planned.report, writer: 'the report of the run' }]),
    ...options.writes.map(({ file, by }) => ({ path: file, writer: by })),
  ];
  const inputs = await readBy(document, nodes, options, outputs.length > 0);
  if (outputs.length > 0) await checkOutputs(outputs, inputs);
  return planned;
}

/**
 * Where everything goes. To be asked again before it is written: a link may have been put there while the run went on.
 * @throws WeftError naming the node
 */
export async function placeOutputs(nodes: readonly PlannedNode[], options: RunOptions): Promise<PlannedOutputs> {
  const trust = outputTrust(options);
  const planned: PlannedOutputs = { folder: await resolveOutputFolder(trust), saves: new Map(), timelines: new Map() };
  for (const { id, type, params } of nodes) {
    const { outputs, params: specs } = catalogue[type];
    const written = specs.find((param) => param.kind === 'path' && param.access === 'write')?.name;
    if (written !== undefined)
      planned.saves.set(id, await resolveOutput(String(params[written]), trust).catch(rethrowAt(id)));
    if (!options.timeline || outputs.every((output) => output.type !== 'timeline')) continue;
    const file = (ending: string) => resolveOutput(`${id}.timeline.${ending}`, trust).catch(rethrowAt(id));
    planned.timelines.set(id, { animation: await file('webp'), strip: await file('png') });
  }
  const { reportName } = options;
  // Its name is none of the graph's: it may be one that does not travel.
  if (reportName !== undefined)
    planned.report = await resolveOutput(reportName, { ...trust, picked: [path.join(options.outDir, reportName)] });
  return planned;
}

/** Every file that the graph names for reading, and what else the run reads. Those of nodes that run have to be there. */
async function readBy(
  document: GraphDocument,
  nodes: readonly PlannedNode[],
  options: RunOptions,
  /** Of nodes that do not run, too. */
  all: boolean,
): Promise<Input[]> {
  const trust = inputTrust(options);
  const inputs = new Inputs(trust);
  const found: Input[] = options.reads.map(({ file, by }) => ({ path: file, reader: by }));
  // A graph that the caller makes is not there yet, or is replaced on purpose.
  if (!options.writes.some(({ file }) => file === options.graphPath))
    found.push({ path: options.graphPath, reader: 'the graph' });
  const runs = new Map(nodes.map((node) => [node.id, node]));
  for (const [id, node] of Object.entries(document.nodes)) {
    if (!all && !runs.has(id)) continue;
    const params = runs.get(id)?.params ?? node.params ?? {};
    for (const [name, value] of Object.entries(params)) {
      const param = paramOf(specOf(node.type), name);
      if (typeof value !== 'string') continue;
      if (param?.kind === 'path' && param.access === 'read' && !param.isName?.(value)) {
        const resolving = inputs.resolve(value);
        const file = await resolving.catch(runs.has(id) ? rethrowAt(id) : () => undefined);
        if (file !== undefined) found.push({ path: file, reader: id });
      }
      if (param?.kind === 'axis' && all)
        for (const file of await swept(document, value, trust)) found.push({ path: file, reader: id });
    }
  }
  return found;
}

/** The pictures that an axis of a sweep goes through; what is wrong with it is said when it runs. */
async function swept(document: GraphDocument, text: string, trust: InputTrust): Promise<string[]> {
  try {
    const { node, param, values } = parseAxis(text);
    const spec = paramOf(specOf(document.nodes[node]?.type ?? ''), param);
    if (spec?.kind !== 'path') return [];
    const pictures = (await Promise.all(values.map((value) => findPictures(String(value), trust)))).flat();
    const inputs = new Inputs(trust);
    return await Promise.all(pictures.map((picture) => inputs.resolve(picture)));
  } catch {
    return [];
  }
}
