/** What the tests need from the operating system and can install themselves. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** A sentence for the person at the keyboard: the tests can't run, and what would change that. */
export class MissingError extends Error {}

export function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Installs a package where that takes no password: as root, on a system of Debian's family. */
export function aptInstall(name, log = () => {}) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !has('apt-get')) return;
  log(`tests: apt-get install ${name}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { stdio: 'ignore', env });
  const install = () => apt('install', '-y', '-qq', '--no-install-recommends', name).status === 0;
  if (install()) return;
  apt('update', '-qq');
  install();
}
