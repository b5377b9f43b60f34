import * as os from 'node:os';

/** Bytes of memory that this machine has, or the container that Weft runs in allows. */
export function machineMemory(): number {
  const constrained = typeof process.constrainedMemory === 'function' ? process.constrainedMemory() : 0;
  // Without a limit it is 0 or astronomic.
  return constrained > 0 ? Math.min(constrained, os.totalmem()) : os.totalmem();
}
