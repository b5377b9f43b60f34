import { specOf } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { type Execution } from './context';
import { type Metrics } from './metrics';
import { type Run, seconds } from './run';
import { type Value } from './values';

/**
 * Runs the nodes of a plan one after another.
 * @throws WeftError naming the node that failed
 */
export async function execute(run: Run): Promise<void> {
  const { emit, signal, executors } = run;
  const { runId } = run.options;
  const { nodes } = run.plan;
  const prepared = new Set<string>();
  const fresh = new Set<string>();
  for (const node of nodes) {
    signal.throwIfAborted();
    const begin = performance.now();
    try {
      const executor = executors[node.type];
      if (executor.prepare && !prepared.has(node.id)) {
        const ready = nodes.filter(
          ({ id, type, inputs }) =>
            type === node.type &&
            !prepared.has(id) &&
            Object.values(inputs)
              .flat()
              .every((source) => run.values.has(source.node)),
        );
        for (const { id } of ready) prepared.add(id);
        await executor.prepare(ready.map((one): Execution => ({ node: one, inputs: run.inputsOf(one), context: run })));
      }
      emit({ event: 'node', runId, node: node.id, state: 'running' });
      const { outputs, computed } = await executor({ node, inputs: run.inputsOf(node), context: run });
      run.values.set(node.id, outputs);
      const inherited = Object.values(node.inputs).some((sources) => sources.some((source) => fresh.has(source.node)));
      const cached = !(computed === 'inherit' ? inherited : computed);
      if (!cached) fresh.add(node.id);
      const metrics = specOf(node.type)?.measures && metricsOf(outputs);
      run.nodes[node.id] = { seconds: seconds(performance.now() - begin), cached, ...(metrics && { metrics }) };
      emit({ event: 'node', runId, node: node.id, state: cached ? 'cached' : 'done' });
    } catch (error) {
      throw failed(run, error, node.id);
    }
  }
}

/** What went wrong with a node, told to whoever looks at the run. */
export function failed({ emit, options }: Run, error: unknown, node: string): WeftError {
  const failure = asFailure(error, node);
  if (failure.kind !== 'interrupted' && failure.node !== undefined)
    emit({ event: 'node', runId: options.runId, node: failure.node, state: 'failed', message: failure.message });
  return failure;
}

function asFailure(error: unknown, node: string): WeftError {
  if (error instanceof WeftError) return error.kind === 'interrupted' ? error : error.at(node);
  if (error instanceof DOMException && error.name === 'AbortError') return new WeftError('interrupted', 'Stopped.');
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new WeftError('internal', message, node);
}

function metricsOf(made: Record<string, Value>): Metrics | undefined {
  for (const value of Object.values(made)) if (value.kind === 'image' && value.metrics) return value.metrics;
  return undefined;
}
