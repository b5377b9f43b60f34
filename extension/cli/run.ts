import * as path from 'node:path';
import { graphError } from '../protocol/errors';
import { execute, withEngine } from './execute';
import { readGraph } from './files';

export interface RunFlags {
  out?: string;
  set: string[];
  draft?: boolean;
  provider?: string;
  cache: boolean;
  timeline?: boolean;
  allowOutside?: boolean;
}

/** `NODE.PARAM=VALUE`; the value is JSON where it reads as JSON, else text. */
export function parseOverride(text: string): [node: string, param: string, value: unknown] {
  const match = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(text);
  if (!match)
    throw graphError(`--set ${text} is not valid. Write --set NODE.PARAM=VALUE, for instance --set swap.contrast=1.5.`);
  const [, node, param, value] = match as unknown as [string, string, string, string];
  try {
    return [node, param, JSON.parse(value)];
  } catch {
    return [node, param, value];
  }
}

/** `weft run GRAPH`. */
export async function run(graph: string, flags: RunFlags): Promise<void> {
  const graphPath = path.resolve(graph);
  const graphText = readGraph(graph);
  const set = flags.set.map(parseOverride);
  await withEngine(
    (engine) =>
      execute(engine, {
        graphText,
        graphPath,
        name: { as: graph, lines: true },
        set,
        draft: flags.draft ?? false,
        roots: [],
        allowOutside: flags.allowOutside ?? false,
        outDirNamed: flags.out !== undefined,
        outDir: path.resolve(flags.out ?? path.join(path.dirname(graphPath), 'weft-out')),
        provider: flags.provider,
        useCache: flags.cache,
        timeline: flags.timeline ?? false,
        reportName: 'run.json',
      }),
    { cache: flags.cache },
  );
}
