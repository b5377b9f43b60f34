/** A process that has ended and whose parent never asks how: kill(pid, 0) still finds it, as a container's does whose first process reaps nobody. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';

export interface Zombie {
  pid: number;
  /** Ends the parent, and the zombie with it. */
  bury(): void;
}

/** Needs /proc. */
export async function makeZombie(): Promise<Zombie> {
  // The child ends when this process says so, and by then `sleep`, which waits for no child, has taken the shell's place.
  const script = 'exec 3<&0; cat <&3 >/dev/null & echo $!; exec sleep 600 3<&-';
  const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))),
  );
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise((resolve) => setImmediate(resolve));
  };
  await until(() => fs.readFileSync(`/proc/${parent.pid}/comm`, 'latin1').startsWith('sleep'));
  parent.stdin.end();
  await until(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '));
  return { pid, bury: () => void parent.kill('SIGKILL') };
}
