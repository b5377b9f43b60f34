/**
 * End-to-end tests of the extension in a real workbench: packages the built extension, installs it into a fresh profile of
 * code-server, and drives that with Chromium. Expects dist/ to be built. The last line counts the tests.
 *
 * `node test/studio/run.mjs [FILTER…]`; WEFT_VSIX takes a package that is there already, WEFT_TEST_CACHE holds the workbench.
 */
import { spawnSync } from 'node:child_process';
import console from 'node:console';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { MissingError } from '../support/apt.mjs';
import { findChromium, installWorkbench } from './install.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const artifacts = path.join(root, 'test-artifacts', 'studio');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-studio-'));

function finish(totals, code) {
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exit(code);
}

let chromium;
let workbench;
try {
  chromium = findChromium(console.log);
  workbench = installWorkbench(console.log);
} catch (error) {
  if (!(error instanceof MissingError)) throw error;
  console.error(error.message);
  finish({ passed: 0, failed: 1, skipped: 0 }, 1);
}

function packageExtension() {
  if (process.env.WEFT_VSIX) return path.resolve(process.env.WEFT_VSIX);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'scripts', 'package.mjs'), '--out', scratch],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  if (status === 0) return stdout.trim().split('\n').at(-1);
  console.error(`The extension could not be packaged:\n${stdout}${stderr}`);
  return finish({ passed: 0, failed: 1, skipped: 0 }, 1);
}

const vsix = packageExtension();
fs.mkdirSync(artifacts, { recursive: true });
const report = path.join(scratch, 'report.json');
const vitest = spawnSync(
  process.execPath,
  [
    path.join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--config',
    path.join(root, 'test', 'studio', 'vitest.config.mts'),
    '--root',
    root,
    '--reporter=verbose',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      WEFT_STUDIO_NODE: workbench.node,
      WEFT_STUDIO_ENTRY: workbench.entry,
      WEFT_STUDIO_CHROMIUM: chromium,
      WEFT_STUDIO_VSIX: vsix,
      WEFT_STUDIO_SCRATCH: scratch,
      WEFT_STUDIO_ARTIFACTS: artifacts,
      WEFT_STUDIO_ROOT: root,
    },
  },
);
const results = fs.existsSync(report) ? JSON.parse(fs.readFileSync(report, 'utf8')) : {};
const totals = {
  passed: results.numPassedTests ?? 0,
  failed: results.numFailedTests ?? 0,
  skipped: (results.numPendingTests ?? 0) + (results.numTodoTests ?? 0),
};
// A suite that could not start counts no test: it is a failure all the same.
if (vitest.status !== 0 && totals.failed === 0) totals.failed = 1;
if (totals.failed === 0 && !process.env.WEFT_KEEP) fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
else console.log(`Profiles and logs of this run: ${scratch}`);
finish(totals, totals.failed > 0 ? 1 : 0);
