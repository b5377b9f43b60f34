import * as fs from 'node:fs';

/** Linux forgets a process's largest resident memory when asked (proc_pid_clear_refs(5)); elsewhere it counts from its start. */
export function forgetPeak(): void {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Another system, or a kernel that does not allow it.
  }
}

/** Bytes of this process's largest resident memory since {@link forgetPeak}, or since it started. */
export function peakRssBytes(): number {
  try {
    const high = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (high !== undefined) return Number(high) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
