import * as vscode from 'vscode';
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
  stopGraceMs: (): number => Math.max(0, read('stopGraceSeconds', 10)) * 1000,
  studio: (): StudioSettings => ({
    snapToGrid: read('snapToGrid', false),
    showMinimap: read('showMinimap', true),
    previewEvery: clamp(Math.round(read('previewEvery', 1)), 0, 1000),
    previewSize: clamp(Math.round(read('previewSize', 256)), 16, 1024),
  }),
};

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
