import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { type DownloadSettings, type NugetSource } from '../protocol/engine';
import { type StudioSettings } from '../protocol/studio';

const read = <T>(name: string, fallback: T, scope?: vscode.Uri): T =>
  vscode.workspace.getConfiguration('weft', scope).get<T>(name, fallback);

/** The extension's settings, read afresh at each use. */
export const settings = {
  outputFolder: (scope?: vscode.Uri): string => read('outputFolder', 'weft-out', scope).trim() || 'weft-out',
  runOnSave: (scope?: vscode.Uri): boolean => read('runOnSave', false, scope),
  /** undefined: the engine chooses. */
  provider: (): string | undefined => {
    const provider = read('provider', 'auto');
    return provider === 'auto' ? undefined : provider;
  },
  /** undefined: the engine chooses. */
  memoryGb: (): number | undefined => {
    const gigabytes = read('memoryGB', 0);
    return gigabytes > 0 ? gigabytes : undefined;
  },
  stopGraceMs: (): number => Math.max(0, read('stopGraceSeconds', 10)) * 1000,
  /** Where checkpoints are downloaded from, and through what: Weft's own settings, and VS Code's of the network. */
  download: (): DownloadSettings => {
    const mirror = read('mirror', '').trim();
    return { ...(mirror === '' ? {} : { mirror }), ...network() };
  },
  /** Absolute paths of the folders whose models are listed; `~` is the user's own folder. */
  modelFolders: (): string[] =>
    read<unknown[]>('modelFolders', [])
      .filter((each) => typeof each === 'string')
      .map((each) => each.trim().replace(/^~(?=$|[/\\])/, os.homedir()))
      .filter((each) => path.isAbsolute(each)),
  /** Where onnxruntime's CUDA library is fetched from, and through what. */
  nuget: (): NugetSource => {
    const index = read('nugetIndex', '').trim();
    return { ...(index === '' ? {} : { index }), ...network() };
  },
  /** A minute at least: what is being looked at asks the engine now and then. */
  idleMs: (): number => clamp(read('keepWarmMinutes', 20), 1, 1440) * 60_000,
  studio: (): StudioSettings => ({
    snapToGrid: read('snapToGrid', false),
    showMinimap: read('showMinimap', true),
    previewEvery: clamp(Math.round(read('previewEvery', 1)), 0, 1000),
    previewSize: clamp(Math.round(read('previewSize', 256)), 16, 1024),
  }),
};

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Whether the network may be used, and VS Code's own settings of the way there. */
function network(): Pick<DownloadSettings, 'offline' | 'proxy'> {
  const http = vscode.workspace.getConfiguration('http');
  const proxy = http.get<string>('proxy', '').trim();
  const noProxy = http.get<string[]>('noProxy', []).join(',');
  const off = http.get<string>('proxySupport') === 'off';
  return {
    offline: read('offline', false),
    proxy: {
      ...(off ? { url: 'off' } : proxy === '' ? {} : { url: proxy }),
      ...(noProxy === '' ? {} : { noProxy }),
      strictTls: http.get<boolean>('proxyStrictSSL', true),
    },
  };
}
