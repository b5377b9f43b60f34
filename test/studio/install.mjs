/**
 * Installs a real VS Code workbench (code-server) and finds a Chromium for the end-to-end tests. Paid once: everything lands in a
 * cache folder outside the repository, keyed by version (WEFT_TEST_CACHE, default ~/.cache/weft-test).
 *
 * A plain `npm install code-server` compiles modules that the tests don't need and fails where Kerberos headers are missing, so the
 * install scripts are skipped and only the four native modules that the server needs are built.
 */
import { spawnSync } from 'node:child_process';
import console from 'node:console';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { aptInstall, has, MissingError } from '../support/apt.mjs';

const CODE_SERVER = '4.139.1';
/** What code-server 4.139 runs on; older versions start it but no window ever opens. */
const NODE = '24';
const NATIVE = ['node-pty', '@vscode/spdlog', '@vscode/native-watchdog', '@parcel/watcher'];
/** Built-in extensions the tests use; the rest only slow the window down. */
const KEPT_EXTENSIONS =
  /^(json|json-language-features|theme-defaults|media-preview|configuration-editing|markdown|markdown-basics|node_modules|package\.json|package-lock\.json)$/;

export const cacheFolder = () => process.env.WEFT_TEST_CACHE || path.join(os.homedir(), '.cache', 'weft-test');

function run(command, args, options) {
  const result = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  });
  if (result.status !== 0) {
    const tail = `${result.stdout ?? ''}\n${result.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n');
    throw new Error(
      `${command} ${args.join(' ')} failed (exit ${result.status ?? result.signal ?? result.error?.message}):\n${tail}`,
    );
  }
  return result.stdout;
}

function requireTools() {
  const missing = ['gcc', 'g++', 'make', 'python3'].filter((tool) => !has(tool));
  if (missing.length > 0) {
    throw new MissingError(
      `The end-to-end tests build four small native modules of the test workbench once and need ${missing.join(', ')}: ` +
        'install a C++ toolchain and Python 3 (Debian: apt-get install build-essential python3) and run the tests again.',
    );
  }
}

/**
 * @param {(line: string) => void} log
 * @returns {{ node: string, entry: string }} the Node binary and the entry of the server
 */
export function installWorkbench(log = () => {}) {
  const base = path.join(cacheFolder(), `code-server-${CODE_SERVER}`);
  // Apart from the server: npm would prune the headers that the package `node` unpacks into itself.
  const runtime = path.join(base, 'runtime');
  const nodeHome = path.join(
    runtime,
    'node_modules',
    'node',
    'node_modules',
    `node-${process.platform}-${process.arch}`,
  );
  const found = {
    node: path.join(nodeHome, 'bin', 'node'),
    entry: path.join(base, 'node_modules', 'code-server', 'out', 'node', 'entry.js'),
  };
  const stamp = path.join(base, 'installed');
  if (fs.existsSync(stamp) && fs.existsSync(found.node) && fs.existsSync(found.entry)) return found;
  if (process.platform === 'win32')
    throw new MissingError('The end-to-end tests run on Linux and macOS only: code-server has no Windows build.');
  requireTools();

  // A half-done install (another run was stopped) is thrown away rather than repaired.
  fs.rmSync(base, { recursive: true, force: true });
  fs.mkdirSync(runtime, { recursive: true });
  for (const folder of [base, runtime]) fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const started = Date.now();
  const step = (text) => log(`test workbench: ${text} (${Math.round((Date.now() - started) / 1000)} s)`);
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  try {
    step(`Node ${NODE}`);
    run('npm', ['install', `node@${NODE}`, ...quiet], { cwd: runtime });
    const env = {
      ...process.env,
      PATH: `${path.dirname(found.node)}${path.delimiter}${process.env.PATH}`,
      npm_config_nodedir: nodeHome,
    };
    const npm = (args, cwd) => run('npm', [...args, ...quiet], { cwd, env });
    step(`code-server ${CODE_SERVER}`);
    npm(['install', `code-server@${CODE_SERVER}`, '--ignore-scripts'], base);
    const server = path.join(base, 'node_modules', 'code-server');
    const vscode = path.join(server, 'lib', 'vscode');
    step('its dependencies');
    npm(['install', '--omit=dev', '--ignore-scripts'], vscode);
    npm(['install', '--omit=dev', '--ignore-scripts'], path.join(vscode, 'extensions'));
    step('native modules');
    npm(['rebuild', ...NATIVE], vscode);
    npm(['rebuild', 'argon2'], server);
    const cli = path.join(vscode, 'bin', 'remote-cli');
    if (fs.existsSync(cli)) {
      fs.rmSync(path.join(cli, 'code-server'), { force: true });
      fs.symlinkSync(process.platform === 'darwin' ? 'code-darwin.sh' : 'code-linux.sh', path.join(cli, 'code-server'));
    }
    for (const name of fs.readdirSync(path.join(vscode, 'extensions'))) {
      if (!KEPT_EXTENSIONS.test(name))
        fs.rmSync(path.join(vscode, 'extensions', name), { recursive: true, force: true });
    }
  } catch (error) {
    throw new MissingError(
      `The test workbench (code-server ${CODE_SERVER} from the npm registry) could not be installed: ${error.message}`,
    );
  }
  fs.writeFileSync(stamp, `${new Date().toISOString()}\n`);
  step('ready');
  return found;
}

/** @returns {string} path of a Chromium: CHROME_PATH, then the usual places, then the distribution's package. */
export function findChromium(log = () => {}) {
  if (process.env.CHROME_PATH) {
    if (fs.existsSync(process.env.CHROME_PATH)) return process.env.CHROME_PATH;
    throw new MissingError(`CHROME_PATH is ${process.env.CHROME_PATH}, but no such file exists.`);
  }
  const places = [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  const found = () => places.find((place) => fs.existsSync(place));
  const present = found();
  if (present) return present;
  aptInstall('chromium', log);
  const installed = found();
  if (installed) return installed;
  throw new MissingError(
    'The end-to-end tests need Chromium: install it (Debian: apt-get install chromium) or point CHROME_PATH at one.',
  );
}

if (process.argv[1] && fileURLToPath(import.meta.url) === path.resolve(process.argv[1])) {
  try {
    console.log(findChromium(console.error));
    console.log(installWorkbench(console.error).entry);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
