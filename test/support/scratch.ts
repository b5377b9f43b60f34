/**
 * All temporary folders of a run of the tests lie in one, which goes when the run is over: homes and prepared checkpoints are gigabytes.
 * Nothing that the tests start reports to onnxruntime's maker, whatever loads it.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PREFIX = 'weft-tests-';

export function setup(): () => void {
  // Each project of a run asks for it; the first one makes it.
  if (path.basename(os.tmpdir()).startsWith(PREFIX)) return () => {};
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), PREFIX));
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = scratch;
  process.env.ORT_DISABLE_TELEMETRY = '1';
  return () => {
    if (process.env.WEFT_KEEP) console.log(`Temporary folders of this run: ${scratch}`);
    else fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  };
}
