import * as path from 'node:path';
import { formatProblem, hasErrors, pathFault, validateGraph } from '../graph';
import { TrustedFolders } from '../platform/trustedFolders';
import { type CheckpointInfo } from '../protocol/engine';
import { exitCodes, reportError, WeftError } from '../protocol/errors';
import { withEngine } from './execute';
import { readGraph } from './files';
import { print, tell } from './terminal';

/** `weft validate GRAPH...`: problems to stdout as file:line:column. Returns the exit code. */
export async function validate(graphs: string[]): Promise<number> {
  const checkpoints = await installed();
  let code = 0;
  for (const graph of graphs) {
    let text: string;
    try {
      text = readGraph(graph);
    } catch (error) {
      print(`${graph}:1:1: ${reportError(error).message.replace(`${graph} `, 'The file ')}\n`);
      code = exitCodes.graph;
      continue;
    }
    // Of what lies outside the graph's folder nothing is said, and the disk is not asked.
    const folders = new TrustedFolders(path.dirname(path.resolve(graph)));
    const fileExists = (file: string): boolean =>
      pathFault(file, 'read') !== undefined || folders.find(file).state !== 'missing';
    const problems = validateGraph(text, { fileExists, checkpoints });
    for (const problem of problems) print(`${formatProblem(graph, problem)}\n`);
    if (hasErrors(problems))
      code = problems.every(({ severity, code: what }) => severity !== 'error' || what === 'unknown-checkpoint')
        ? code || exitCodes.checkpoint
        : exitCodes.graph;
  }
  return code;
}

/** What the library has. It takes a quarter of a second to ask; where it can't be asked, graphs are checked without it. */
async function installed(): Promise<CheckpointInfo[] | undefined> {
  try {
    return await withEngine((engine) => engine.request('models.list', {}));
  } catch (error) {
    if (error instanceof WeftError && error.kind === 'interrupted') throw error;
    tell(`Checkpoints were not checked: ${reportError(error).message}\n`);
    return undefined;
  }
}
