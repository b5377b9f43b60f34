import {
  freshId,
  type GraphDocument,
  parseWire,
  type Source,
  specOf,
  upstreamOf,
  wiresOf,
} from '../../extension/graph';
import { flushParams, setParams } from './actions/params';
import { postToHost } from './host';
import { run, stopRun } from './running';
import { studio, toast, useStudio } from './store';
import { type SeedVariation } from './sweeps';
import { readable } from './words';

const COUNT = 4;
const SEEDS = 2 ** 32;

/** Whether a node makes or saves an image that depends on a seed. */
export function canVary(graph: GraphDocument, id: string): boolean {
  return imageOf(graph, id) !== undefined;
}

function imageOf(graph: GraphDocument, id: string): Source | undefined {
  const node = graph.nodes[id];
  const outputs = specOf(node?.type ?? '')?.outputs ?? [];
  if (outputs.some(({ type }) => type === 'timeline')) return { node: id, port: 'image' };
  const source = node?.type === 'save' ? parseWire(wiresOf(node.inputs?.['image'])[0] ?? '') : undefined;
  return source && outputOf(graph, source) === 'image' ? source : undefined;
}

function outputOf(graph: GraphDocument, { node, port }: Source): string | undefined {
  return specOf(graph.nodes[node]?.type ?? '')?.outputs.find(({ name }) => name === port)?.type;
}

/** The next four seeds for the image of a node; a sentence where there is no seed to vary. `seedOf`: the present one of a schedule. */
export function seedVariation(
  graph: GraphDocument,
  id: string,
  seedOf: (schedule: string) => number,
): SeedVariation | string {
  const image = imageOf(graph, id);
  if (!image) return `${readable(id)} has no image to vary.`;
  const [schedule, other] = [...upstreamOf(graph, image.node)].filter((each) => graph.nodes[each]?.type === 'schedule');
  if (schedule === undefined) return 'There is no seed to vary: add a schedule node and connect it to the inversions.';
  if (other !== undefined)
    return `The image depends on two schedules, ${readable(schedule)} and ${readable(other)}. Connect all inversions to one.`;
  const seed = seedOf(schedule);
  return {
    sweep: freshId(graph, 'sweep'),
    schedule,
    image,
    seeds: Array.from({ length: COUNT }, (_, index) => (seed + index + 1) % SEEDS),
  };
}

/** Runs the image of a node with the next four seeds, beside one another. The graph stays as it is. */
export function startVariation(id: string): void {
  flushParams();
  const { graph, nodes, canRun, sweeps } = studio();
  if (!graph || !canRun) return;
  const variation = seedVariation(graph, id, (schedule) => {
    const node = nodes.find((each) => each.id === schedule);
    const seed = node?.type === 'weft' ? node.data.params['seed'] : undefined;
    return typeof seed === 'number' ? seed : 0;
  });
  if (typeof variation === 'string') return toast(variation, 'info');
  const { sweep, schedule, image, seeds } = variation;
  // An earlier variation's results would show until the first of these arrives.
  const others = Object.entries(sweeps).filter(([node]) => node !== sweep);
  useStudio.setState({ variation, sweeps: Object.fromEntries(others) });
  postToHost({
    type: 'vary',
    sweep,
    image: `${image.node}.${image.port}`,
    columns: `${schedule}.seed=${seeds.join(',')}`,
  });
}

/** Nobody wants the results any more. */
export function endVariation(): void {
  if (studio().running) stopRun();
  useStudio.setState({ variation: undefined });
}

/** Writes a seed into the graph, one step of undo, and shows its image where the graph makes it: it is in the cache. */
export function takeSeed({ schedule, image }: SeedVariation, seed: number): void {
  endVariation();
  setParams(schedule, { seed }, `Use seed ${seed}`);
  // Auto-run does so itself.
  if (!studio().page.autoRun) run(image.node);
}
