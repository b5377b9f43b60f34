import * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { type Device } from '../../protocol/engine';
import { settings } from '../settings';
import { ask, pick, withNotification } from '../window';
import { type Command } from './command';

/** Each provider is tried in a process of its own, on a busy machine slowly. */
const TRIALS_MS = 400_000;
/** Several small answers of a server that may be slow. */
const FIND_MS = 180_000;

interface Item extends vscode.QuickPickItem {
  act(): unknown;
}

/** What this machine can compute on, what failed and why; choosing one that works sets the provider. */
export const showDevicesCommand: Command = {
  id: 'weft.showDevices',
  async run(services) {
    const { engine } = services;
    const find = (probe: boolean): Thenable<Device[]> =>
      withNotification('Weft: probing devices…', () => engine.request('devices', { probe }, TRIALS_MS));
    const devices = await find(false);
    const items = await itemsOf(services, devices);
    const again: Item = {
      label: 'Probe Again',
      iconPath: new vscode.ThemeIcon('refresh'),
      detail: 'Probes every device again, for instance after you installed a driver or freed memory on a GPU.',
      act: async () => {
        await find(true);
        await vscode.commands.executeCommand('weft.showDevices');
      },
    };
    const chosen = await pick([...items, again], {
      title: 'Weft: Devices',
      placeHolder: 'Choose the device for runs',
      matchOnDetail: true,
    });
    await chosen?.act();
  },
};

async function itemsOf(services: Services, devices: Device[]): Promise<Item[]> {
  const current = settings.provider() ?? 'auto';
  const best = devices.find((device) => device.chosen)?.provider ?? 'cpu';
  const set = (provider: string): Thenable<void> =>
    vscode.workspace.getConfiguration('weft').update('provider', provider, vscode.ConfigurationTarget.Global);
  const mark = (label: string, icon: string): vscode.ThemeIcon =>
    new vscode.ThemeIcon(label === current ? 'check' : icon);
  const items: Item[] = [
    {
      label: 'auto',
      description: `now ${best}`,
      detail: 'The fastest device that works on this machine.',
      iconPath: mark('auto', 'circuit-board'),
      act: () => set('auto'),
    },
    ...devices.map(({ provider, title, available, sentence, next }) => {
      const detail = [sentence, next].filter(Boolean).join(' ');
      return {
        label: provider,
        description: title,
        detail,
        iconPath: mark(provider, available ? 'circuit-board' : 'circle-slash'),
        act: () => (available ? set(provider) : void ask.plainly({ message: `${provider}: ${detail}` })),
      };
    }),
  ];
  const cuda = devices.find(({ provider }) => provider === 'cuda');
  if (cuda && /weft devices install cuda/.test(cuda.next ?? ''))
    items.push({
      label: "Download onnxruntime's CUDA Library…",
      iconPath: new vscode.ThemeIcon('cloud-download'),
      detail: 'For the NVIDIA GPU of this machine. Weft shows the size before it downloads anything.',
      act: () => fetchCuda(services),
    });
  return items;
}

async function fetchCuda({ engine }: Services): Promise<void> {
  const source = settings.nuget();
  const { url, bytes } = await engine.request('devices.cuda', source, FIND_MS);
  const fetchIt = 'Download';
  const answer = await ask.plainly(
    {
      message: `Download onnxruntime's CUDA library (${Math.round(bytes / 1e6)} MB) from ${new URL(url).host}?`,
      detail: 'Weft checks it against the digest in the catalogue. To remove it later, run "weft devices remove cuda".',
    },
    fetchIt,
  );
  if (answer !== fetchIt) return;
  await withNotification(
    "Weft: downloading onnxruntime's CUDA library (cancel to pause)",
    async (progress) => {
      const listening = engine.onEvent((event) => {
        if (event.event === 'log') progress.report({ message: event.message });
      });
      try {
        await engine.request('devices.cuda.install', source, 0);
      } finally {
        listening.dispose();
      }
    },
    () => engine.request('devices.cuda.pause', {}),
  );
  // The library is found by the next engine.
  engine.kill("The engine restarts to load onnxruntime's CUDA library.");
  await vscode.commands.executeCommand('weft.showDevices');
}
