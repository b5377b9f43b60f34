import { fork } from 'node:child_process';
import { type Trial } from './types';

/** Drivers compile shaders at first use, on a busy machine slowly. */
const TRIAL_MS = 90_000;
const STDERR_KEPT = 20_000;

/** Tries a provider in a process of its own. Never rejects: a crash or a silence is an outcome. */
export function tryProvider(
  probePath: string,
  provider: string,
  env: NodeJS.ProcessEnv = process.env,
  limitMs = TRIAL_MS,
): Promise<Trial> {
  return new Promise((resolve) => {
    let stderr = '';
    let trial: Omit<Trial, 'stderr'> | undefined;
    const child = fork(probePath, [provider], {
      execArgv: [],
      env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const timer = setTimeout(() => {
      trial ??= { ended: 'timeout' };
      child.kill('SIGKILL');
    }, limitMs);
    child.stderr?.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-STDERR_KEPT)));
    child.on('message', (message) => (trial ??= { answer: message as Trial['answer'] }));
    child.on('error', (error) => (trial ??= { ended: error.message }));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ ...(trial ?? { ended: signal ?? `exit code ${code}` }), stderr });
    });
  });
}
