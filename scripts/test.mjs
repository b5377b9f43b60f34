/**
 * `npm test`: installs what is missing, then checks style and types, runs the unit and numeric tests and the studio's tests in a real
 * workbench. Every suite runs even when one before it failed; the last line counts them all.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build, install, root } from './prepare.mjs';

install();
build();

const bin = (name) => path.join(root, 'node_modules', ...name);
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

/** A check that passes or fails as a whole. */
function check(name, args) {
  console.log(`\n— ${name}`);
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  totals[status === 0 ? 'passed' : 'failed']++;
  if (status !== 0) failures.push(name);
}

check('formatting', [bin(['prettier', 'bin', 'prettier.cjs']), '--check', '.', '--log-level', 'warn']);
check('lint', [bin(['eslint', 'bin', 'eslint.js']), '.']);
check('unused code and import cycles', [bin(['knip', 'bin', 'knip.js']), '--no-progress']);
check('types', [path.join(root, 'scripts', 'typecheck.mjs')]);
check('words and links', [path.join(root, 'scripts', 'checkWords.mjs')]);
check('generated files are current', [bin(['tsx', 'dist', 'cli.mjs']), 'scripts/generate.ts', '--check']);

console.log('\n— unit and numeric tests');
const report = path.join(root, 'test-artifacts', 'vitest.json');
fs.mkdirSync(path.dirname(report), { recursive: true });
fs.rmSync(report, { force: true });
const vitest = spawnSync(
  process.execPath,
  [bin(['vitest', 'vitest.mjs']), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
  { cwd: root, stdio: 'inherit', env: { ...process.env, CI: process.env.CI ?? 'true' } },
);
const results = fs.existsSync(report) ? JSON.parse(fs.readFileSync(report, 'utf8')) : undefined;
totals.passed += results?.numPassedTests ?? 0;
totals.failed += results?.numFailedTests ?? 0;
totals.skipped += (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
if (vitest.status !== 0) failures.push('unit and numeric tests');
// A file that fails to load counts no test: it is a failure all the same.
if (vitest.status !== 0 && !results?.numFailedTests) totals.failed++;

console.log('\n— the studio in a real workbench');
const studio = spawnSync(process.execPath, [path.join(root, 'test', 'studio', 'run.mjs')], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
  maxBuffer: 1 << 28,
});
process.stdout.write(studio.stdout ?? '');
const counts = [...(studio.stdout ?? '').matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
if (counts) {
  totals.passed += Number(counts[1]);
  totals.failed += Number(counts[2]);
  totals.skipped += Number(counts[3]);
}
if (studio.status !== 0) {
  failures.push('the studio in a real workbench');
  if (!counts || Number(counts[2]) === 0) totals.failed++;
}

console.log(failures.length > 0 ? `\nFailed: ${failures.join('; ')}` : '\nAll suites passed.');
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = failures.length > 0 ? 1 : 0;
