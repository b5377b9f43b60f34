import * as fs from 'node:fs';
import * as path from 'node:path';
import { formatProblem, hasErrors, validateGraph } from '../graph';
import { exitCodes } from '../protocol/errors';
import { print } from './terminal';

/** `weft validate GRAPH...`: problems to stdout as file:line:column. Returns the exit code. */
export function validate(graphs: string[]): number {
  let code = 0;
  for (const graph of graphs) {
    let text: string;
    try {
      text = fs.readFileSync(graph, 'utf8');
    } catch {
      print(`${graph}:1:1: the file can't be read.\n`);
      code = exitCodes.graph;
      continue;
    }
    const folder = path.dirname(path.resolve(graph));
    const problems = validateGraph(text, { fileExists: (relative) => fs.existsSync(path.resolve(folder, relative)) });
    for (const problem of problems) print(`${formatProblem(graph, problem)}\n`);
    if (hasErrors(problems)) code = exitCodes.graph;
  }
  return code;
}
