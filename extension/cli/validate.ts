import * as path from 'node:path';
import { formatProblem, hasErrors, pathFault, validateGraph } from '../graph';
import { TrustedFolders } from '../node/trustedFolders';
import { exitCodes } from '../protocol/errors';
import { readGraph } from './files';
import { print } from './terminal';

/** `weft validate GRAPH...`: problems to stdout as file:line:column. Returns the exit code. */
export function validate(graphs: string[]): number {
  let code = 0;
  for (const graph of graphs) {
    let text: string;
    try {
      text = readGraph(graph);
    } catch (error) {
      print(`${graph}:1:1: ${(error as Error).message.replace(`${graph} can't`, "the file can't")}\n`);
      code = exitCodes.graph;
      continue;
    }
    // Of what lies outside the graph's folder nothing is said, and the disk is not asked.
    const folders = new TrustedFolders(path.dirname(path.resolve(graph)));
    const fileExists = (file: string): boolean =>
      pathFault(file, 'read') !== undefined || folders.find(file).state !== 'missing';
    const problems = validateGraph(text, { fileExists });
    for (const problem of problems) print(`${formatProblem(graph, problem)}\n`);
    if (hasErrors(problems)) code = exitCodes.graph;
  }
  return code;
}
