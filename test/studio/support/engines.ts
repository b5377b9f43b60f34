import { execFileSync } from 'node:child_process';
import { environment } from './environment';

/** Engines of the suite's common workbench: other engines may run on this machine. */
export function engines(): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes(`${environment.scratch()}/server/ext/`) && line.includes('dist/engine.js'))
    .map((line) => Number.parseInt(line, 10));
}

/**
 * Holds the engine still, so that a run that is under way stays under way however long the window takes for what comes next. To be let go
 * within 45 s: an engine that is silent for longer is ended.
 */
export function holdEngine(): void {
  const [engine] = engines();
  if (engine === undefined) throw new Error('no engine runs');
  process.kill(engine, 'SIGSTOP');
}

export function letEngineGo(): void {
  for (const engine of engines()) process.kill(engine, 'SIGCONT');
}
