import { type ChildProcess, execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { environment } from './environment';

export interface Server {
  url: string;
  port: number;
  /** WEFT_HOME of the engines that its windows start. */
  weftHome: string;
  /** The user's own folder. */
  home: string;
  stop(): Promise<void>;
}

const settings = {
  'workbench.startupEditor': 'none',
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'git.enabled': false,
  'files.autoSave': 'off',
  // A page that takes the focus when it has loaded would close the palette under the test’s hands.
  'workbench.quickOpen.closeOnFocusLost': false,
  'files.simpleDialog.enable': true,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'security.workspace.trust.startupPrompt': 'never',
};

/** A workbench of its own with the packaged extension in it, and nothing else; one for development has none installed. */
export async function startServer(
  name: string,
  options: {
    trust: 'always' | 'ask';
    settings?: Record<string, unknown>;
    development?: boolean;
    /** The engine's own folder is a file, and so can't be used. */
    brokenHome?: boolean;
  },
): Promise<Server> {
  const home = path.join(environment.scratch(), name);
  const at = (...parts: string[]): string => path.join(home, ...parts);
  for (const folder of [at('ud', 'User'), at('home')]) fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(at('ud', 'User', 'settings.json'), JSON.stringify({ ...settings, ...options.settings }, null, 2));
  // Of a window whose files are elsewhere, settings of the machine are read there.
  fs.mkdirSync(at('ud', 'Machine'), { recursive: true });
  fs.writeFileSync(at('ud', 'Machine', 'settings.json'), JSON.stringify(options.settings ?? {}, null, 2));
  fs.writeFileSync(at('config.yaml'), '');
  if (options.brokenHome) fs.writeFileSync(at('weft-home'), '');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${path.dirname(environment.node())}${path.delimiter}${process.env.PATH}`,
    HOME: at('home'),
    XDG_CONFIG_HOME: at('config'),
    XDG_DATA_HOME: at('data'),
    XDG_CACHE_HOME: at('cache'),
    // The engine's own store: nothing of this machine's in, nothing of the tests' left behind.
    WEFT_HOME: at('weft-home'),
    EXTENSIONS_GALLERY: '{"serviceUrl":"","itemUrl":"","resourceUrlTemplate":""}',
  };
  for (const name of Object.keys(env)) if (name.startsWith('VSCODE_') || name.startsWith('VITEST')) delete env[name];
  delete env.NODE_OPTIONS;
  const common = [
    environment.entry(),
    '--config',
    at('config.yaml'),
    '--user-data-dir',
    at('ud'),
    '--extensions-dir',
    at('ext'),
  ];
  if (!options.development)
    await promisify(execFile)(environment.node(), [...common, '--install-extension', environment.vsix()], { env });

  const port = await freePort();
  const flags = ['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--disable-telemetry', '--disable-update-check'];
  flags.push('--disable-getting-started-override', '--reconnection-grace-time', '5');
  if (options.trust === 'always') flags.push('--disable-workspace-trust');
  if (options.development) flags.push('--vscode-option', 'enable-smoke-test-driver');
  const log = fs.openSync(at('server.log'), 'a');
  const child = spawn(environment.node(), [...common, ...flags], { env, stdio: ['ignore', log, log], detached: true });
  // Also when the suite itself is ended from outside.
  process.once('exit', () => end(child));
  const url = `http://127.0.0.1:${port}`;
  try {
    await healthy(url, child);
  } catch (error) {
    end(child);
    throw error;
  }
  return {
    url,
    port,
    weftHome: at('weft-home'),
    home: at('home'),
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      const late = setTimeout(() => end(child), 10_000);
      await ended;
      clearTimeout(late);
      end(child);
    },
  };
}

/** The server and the extension hosts it started: they are one process group. */
function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

async function healthy(url: string, child: ChildProcess): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until;) {
    if (child.exitCode !== null) throw new Error(`code-server ended with exit code ${child.exitCode}; see server.log.`);
    const ok = await fetch(`${url}/healthz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('code-server did not come up within 60 s.');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
