import { parseGraph, resolveSource, type Source } from '../../graph';
import { type RunOptions, type RunResult } from '../../protocol/engine';
import { graphError, WeftError } from '../../protocol/errors';
import { type CellRun, type PlaceOf, type RunServices } from './context';
import { execute, failed } from './execute';
import { planOutputs } from './planOutputs';
import { planRun } from './planRun';
import { prepare } from './prepare';
import { type PreviewSink } from './previews';
import { report } from './report';
import { OpenCheckpoints, Run } from './run';
import { type Value } from './values';

export interface GraphRun {
  result: RunResult;
  /** Values of all nodes by output port, for whoever looks at a finished run. */
  values: Map<string, Record<string, Value>>;
  previews: PreviewSink;
  /** What pictures say of how they were made. */
  provenance: Record<string, unknown>;
}

/**
 * Runs a graph: prepares, plans, executes its nodes in order, writes its outputs at the end and reports.
 * @throws WeftError naming the node or the place in the file
 */
export async function runGraph(options: RunOptions, services: RunServices): Promise<GraphRun> {
  const started = performance.now();
  const graph = prepare(options, await services.checkpoints());
  for (const doubt of graph.warnings) services.warnAbout?.(doubt);

  const checkpoints = new OpenCheckpoints(services);
  const plan = await planRun(graph.document, options.target, checkpoints.open);
  const run = new Run(options, services, graph.text, plan, checkpoints, runOwnCell);
  services.onTimelines?.(run.timelines);
  services.onInspections?.(run.inspections);
  announce(run);
  try {
    run.planned = await planOutputs(graph.document, plan.nodes, options);
  } catch (error) {
    throw error instanceof WeftError && error.node !== undefined ? failed(run, error, error.node) : error;
  }

  await execute(run);
  const result = await report(run, started);
  return { result, values: run.values, previews: run.previews, provenance: run.provenance() };
}

function announce({ options: { runId }, plan, emit }: Run): void {
  emit({ event: 'run.started', runId, nodes: plan.nodes.map(({ id }) => id) });
  for (const { id } of plan.nodes) emit({ event: 'node', runId, node: id, state: 'waiting' });
  for (const id of plan.muted) emit({ event: 'node', runId, node: id, state: 'muted' });
}

/** Runs a cell of a sweep: a graph of its own up to one picture. Nothing is written. */
export async function runCell(
  options: RunOptions,
  services: RunServices,
  graphText: string,
  picture: Source,
): Promise<CellRun> {
  const { document } = parseGraph(graphText);
  // A muted evaluate node lets the picture through.
  const source = (document && resolveSource(document, picture)) ?? picture;
  const run = await runGraph(
    {
      ...options,
      graphText,
      set: [],
      target: source.node,
      // The text is nobody's file: where something is wrong, it is the file it was made from that is to be mended.
      name: { as: options.graphPath, lines: true, ...options.name, of: options.graphText },
      reportName: undefined,
      timeline: false,
      keepAttention: false,
    },
    {
      ...services,
      emit: (event) => {
        if (event.event !== 'run.started') services.emit(event);
      },
      onInspections: undefined,
      // Told once, of the graph that the cells come from.
      warnAbout: undefined,
    },
  );
  const image = run.values.get(source.node)?.[source.port];
  if (image?.kind !== 'image') {
    throw graphError(`${source.node} has no image, so the sweep has nothing to show.`, source.node);
  }
  const { report: made } = run.result;
  const cached = Object.values(made.nodes).every((node) => node.cached);
  return { image, report: made, cached, provenance: run.provenance };
}

/** A cell of a sweep node: its UNet calls count for the run that it is part of. */
async function runOwnCell(run: Run, graphText: string, picture: Source, placeOf: PlaceOf): Promise<CellRun> {
  const { options, services, plan, emit } = run;
  run.takeCounts();
  const cell = await runCell(
    options,
    {
      ...services,
      // Told once, not in each cell.
      leftOut: run.firstCell === undefined ? services.leftOut : undefined,
      openCheckpoint: run.checkpoints.open,
      onTimelines: undefined,
      cell: { timelines: run.timelines, placeOf },
      emit: (event) => {
        // A node that this run has visited itself keeps what it shows; its steps in a cell are told apart by the cell.
        const told = event.event === 'preview' && event.cell !== undefined;
        if (told || !('node' in event) || !plan.byId.has(event.node)) emit(event);
      },
    },
    graphText,
    picture,
  );
  run.addCounts(cell.report.unet);
  run.firstCell ??= cell.report;
  return cell;
}
