/** A picture may come from anybody, and so does the graph in it. */
import { beforeEach, expect, it, vi } from 'vitest';
import { openGraphOfPictureCommand } from '../../../../extension/host/commands/openGraphOfPicture';
import { type Services } from '../../../../extension/host/editor/services';
import { standardGraph, writeGraph } from '../../../../extension/graph';
import { Uri } from '../../../support/vscodeUri';

const host = vi.hoisted(() => ({ asked: [] as string[], there: new Set<string>(), opened: [] as unknown[], text: '' }));
vi.mock('vscode', async () => ({
  Uri: (await import('../../../support/vscodeUri')).Uri,
  workspace: {
    getWorkspaceFolder: (uri: { path: string }) =>
      uri.path.startsWith('/work/') ? { uri: Uri.file('/work') } : undefined,
    fs: {
      stat: async ({ path }: { path: string }) => {
        host.asked.push(path);
        if (!host.there.has(path)) throw new Error('no such file');
        return {};
      },
    },
  },
}));
vi.mock('../../../../extension/host/editor/services', () => ({}));
vi.mock('../../../../extension/host/editor/graphOfPicture', () => ({ graphTextOf: async () => host.text }));
vi.mock('../../../../extension/host/editor/openGraphText', () => ({
  openGraphText: async (_text: string, folder: { path: string }) => void host.opened.push(folder.path),
}));

const services = { history: { graphFolderOf: () => undefined }, picked: { has: () => false } } as unknown as Services;
const open = async (structure: string, appearance: string) => {
  host.text = writeGraph(standardGraph({ structure, appearance, domain: 'animal', output: 'o.png' }));
  await openGraphOfPictureCommand.run(services, Uri.file('/work/deep/weft-out/result.png'));
};
beforeEach(() => {
  for (const list of [host.asked, host.opened]) list.length = 0;
  host.there = new Set(['/work/images/a.png', '/work/images/b.png', '/etc/secret.png']);
});

it('the graph opens in the folder above where its paths hold', async () => {
  host.there = new Set(['/work/deep/images/a.png', '/work/deep/images/b.png']);
  await open('images/a.png', 'images/b.png');
  expect(host.opened).toEqual(['/work/deep']);
});

it('what it names outside the workspace is not even looked for', async () => {
  await open('../../../etc/secret.png', '/etc/secret.png');
  await open('../../../../../etc/secret.png', 'images/a.png');
  expect(host.asked.filter((path) => !path.startsWith('/work/'))).toEqual([]);
  expect(host.opened).toEqual(['/work', '/work']);
});
