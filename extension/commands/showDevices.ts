import * as vscode from 'vscode';
import { settings } from '../runs/settings';
import { type Command } from './command';

/** What this machine can compute on; choosing one that works sets the provider. */
export const showDevicesCommand: Command = {
  id: 'weft.showDevices',
  async run({ engine }) {
    const devices = await engine.request('devices', {}, 120_000);
    const current = settings.provider() ?? 'auto';
    const items = [
      { label: 'auto', description: 'The fastest that works on this machine.', available: true },
      ...devices.map(({ provider, available, sentence }) => ({ label: provider, description: sentence, available })),
    ].map((item) => ({
      ...item,
      iconPath: new vscode.ThemeIcon(
        item.label === current ? 'check' : item.available ? 'circuit-board' : 'circle-slash',
      ),
    }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: 'Weft: Devices',
      placeHolder: 'What runs compute on',
      matchOnDescription: true,
    });
    if (!chosen) return;
    if (!chosen.available) {
      void vscode.window.showInformationMessage(`${chosen.label}: ${chosen.description}`);
      return;
    }
    await vscode.workspace.getConfiguration('weft').update('provider', chosen.label, vscode.ConfigurationTarget.Global);
  },
};
