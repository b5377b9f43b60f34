import { graphError, WeftError } from '../protocol/errors';
import { confirm } from './confirm';
import { withEngine } from './execute';
import { print, tell } from './terminal';

/** Trials of several providers, each in a process of its own, on a busy machine. */
const TRIALS_MS = 400_000;
/** Several small answers of a server that may be slow. */
const FIND_MS = 180_000;

/** `weft devices`: one provider after another, the preferred one first; a star marks what `auto` takes. */
export async function listDevices(probe: boolean): Promise<void> {
  await withEngine(async (engine) => {
    for (const { provider, chosen, sentence, next } of await engine.request('devices', { probe }, TRIALS_MS))
      print(`${chosen ? '*' : ' '} ${provider.padEnd(8)} ${[sentence, next].filter(Boolean).join(' ')}\n`);
  });
}

function requireCuda(library: string): void {
  if (library !== 'cuda') throw graphError(`There is no library "${library}" to install. The only one is cuda.`);
}

/** `weft devices install cuda`. */
export async function installDevice(library: string, flags: { yes?: boolean; index?: string }): Promise<void> {
  requireCuda(library);
  const source = flags.index === undefined ? {} : { index: flags.index };
  await withEngine(async (engine) => {
    const { url, bytes, installed } = await engine.request('devices.cuda', source, FIND_MS);
    tell(
      `onnxruntime's CUDA library${installed ? ' (already installed)' : ''}: ${Math.round(bytes / 1e6)} MB from ${new URL(url).host}.\n`,
    );
    if (!flags.yes && !(await agreed())) throw new WeftError('interrupted', 'Nothing was downloaded.');
    await engine.pausable(
      () => engine.request('devices.cuda.pause', {}),
      () => engine.request('devices.cuda.install', source, 0),
    );
  });
  print('Installed. Run `weft devices` to see which devices you can use.\n');
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw graphError('Pass --yes to download it.');
  return confirm('Download it? (yes/no) ');
}

/** `weft devices remove cuda`. */
export async function removeDevice(library: string): Promise<void> {
  requireCuda(library);
  const { removed } = await withEngine((engine) => engine.request('devices.cuda.remove', {}));
  print(removed ? 'Removed.\n' : 'It was not installed.\n');
}
