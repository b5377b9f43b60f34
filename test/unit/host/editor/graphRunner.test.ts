/** What a person is told after a run that failed. */
import { beforeEach, expect, it, vi } from 'vitest';
import { GraphRunner } from '../../../../extension/host/editor/graphRunner';

const host = vi.hoisted(() => ({ said: [] as string[], visible: false, offers: false }));
vi.mock('vscode', () => ({
  workspace: { isTrusted: true, onDidSaveTextDocument: () => ({ dispose: () => {} }) },
  commands: {},
}));
vi.mock('../../../../extension/host/trust', () => ({ ensureTrusted: async () => true }));
vi.mock('../../../../extension/host/settings', () => ({ settings: {} }));
vi.mock('../../../../extension/host/runs/outputFolder', () => ({ offerGitignore: async () => {} }));
vi.mock('../../../../extension/host/window', () => ({
  notify: {},
  offer: (_show: unknown, message: string) => void host.said.push(message),
}));

async function fail(): Promise<void> {
  const run = {
    key: 'a',
    request: { outDir: '/out' },
    record: { unfit: false, state: { state: 'failed', message: 'model: There is no checkpoint "sd15".' } },
    done: Promise.resolve(undefined),
  };
  const runner = new GraphRunner(
    { start: () => run, onDidChange: () => ({ dispose: () => {} }) } as never,
    { settle: async () => {}, of: () => [{ panel: { visible: host.visible } }] } as never,
    {} as never,
    {} as never,
    async () => {
      if (host.offers) host.said.push('The graph needs Stable Diffusion 1.5.');
      return host.offers;
    },
  );
  const uri = { scheme: 'file', toString: () => 'file:///a.weft.json' };
  await runner.start({ uri, getText: () => '{}' } as never);
  await new Promise((resolve) => setImmediate(resolve));
  runner.dispose();
}

beforeEach(() => Object.assign(host, { said: [], visible: false, offers: false }));

it('is why it failed, unless the studio shows it', async () => {
  await fail();
  expect(host.said).toEqual(['model: There is no checkpoint "sd15".']);
  Object.assign(host, { said: [], visible: true });
  await fail();
  expect(host.said).toEqual([]);
});

it('is the offer alone where what is missing can be downloaded', async () => {
  host.offers = true;
  await fail();
  expect(host.said).toEqual(['The graph needs Stable Diffusion 1.5.']);
});
