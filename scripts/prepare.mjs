/** What every script needs first: dependencies as locked, and bundles newer than their sources. Only Node's own modules here. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a program; a failure ends this one with a sentence. With `capture`, its stdout is returned instead of shown. */
export function run(command, args, { capture = false, env = {} } = {}) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', capture ? 'pipe' : 'inherit', 'inherit'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
    // npm is a script on Windows.
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
  return stdout ?? '';
}

export function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Installs the locked dependencies where they are missing or older than the lock. */
export function install() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Weft needs Node 20.19 or later; this is ${process.versions.node}.`);
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  const lock = path.join(root, 'package-lock.json');
  if (fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(lock).mtimeMs) return;
  console.log('Installing dependencies …');
  // Nothing is fetched from outside the registry: onnxruntime's own download of CUDA is skipped by .npmrc, and here for older npm.
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    env: { npm_config_onnxruntime_node_install: 'skip' },
  });
  fs.utimesSync(installed, new Date(), new Date());
}

function newest(entry) {
  const stat = fs.statSync(entry, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...fs.readdirSync(entry).map((name) => newest(path.join(entry, name))));
}

/** Builds dist/ unless it is newer than everything it is built from. */
export function build() {
  const sources = ['extension', 'webview', 'package.json', 'package-lock.json', 'webpack.config.mjs', 'tsconfig.json'];
  const built = ['extension.js', 'engine.js', 'engine-worker.js', 'weft.js', 'webview/studio.js'].map(
    (name) => fs.statSync(path.join(root, 'dist', name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  if (Math.min(...built) > Math.max(...sources.map((name) => newest(path.join(root, name))))) return;
  console.log('Building …');
  run(process.execPath, [
    path.join(root, 'node_modules', 'webpack', 'bin', 'webpack.js'),
    '--config',
    'webpack.config.mjs',
  ]);
}
