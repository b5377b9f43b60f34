import * as os from 'node:os';
import * as path from 'node:path';

/** The folder that the command line and all windows of a user share: WEFT_HOME, else the platform's place for caches. */
export function weftHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.WEFT_HOME) return path.resolve(env.WEFT_HOME);
  switch (process.platform) {
    case 'win32':
      return path.join(env.LOCALAPPDATA ?? path.join(os.homedir(), 'AppData', 'Local'), 'weft', 'Cache');
    case 'darwin':
      return path.join(os.homedir(), 'Library', 'Caches', 'weft');
    default:
      return path.join(env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'weft');
  }
}
