/** What the page says was dropped on it: a file outside the workspace is taken only after VS Code asked the user. */
import { beforeEach, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import { type PathParam, paramOf, specOf } from '../../../../extension/graph';
import { droppedEdits, droppedFiles } from '../../../../extension/host/editor/droppedPictures';
import { PickedFiles } from '../../../../extension/host/runs/pickedFiles';
import { Uri } from '../../../support/vscodeUri';

const host = vi.hoisted(() => ({ ask: vi.fn(), folder: '/work' }));
vi.mock('vscode', async () => ({
  Uri: (await import('../../../support/vscodeUri')).Uri,
  window: { showWarningMessage: host.ask },
  workspace: {
    getWorkspaceFolder: (uri: { path: string }) => (uri.path.startsWith(`${host.folder}/`) ? {} : undefined),
  },
}));

const graph = Uri.file('/work/graphs/cat.weft.json') as unknown as vscode.Uri;
let picked: PickedFiles;
beforeEach(() => {
  host.ask.mockReset();
  const kept = new Map<string, unknown>();
  picked = new PickedFiles({
    get: (key: string, other: unknown) => kept.get(key) ?? other,
    update: async (key: string, value: unknown) => void kept.set(key, value),
  } as unknown as vscode.Memento);
});
const paths = (files: readonly vscode.Uri[]) => files.map((file) => file.fsPath);

it('a picture of the workspace is taken without a question, and is no picked file', async () => {
  const { files, refused } = await droppedFiles(graph, ['file:///work/images/dog.png'], picked);
  expect(paths(files)).toEqual(['/work/images/dog.png']);
  expect(refused).toBeUndefined();
  expect(host.ask).not.toHaveBeenCalled();
  expect(picked.all).toEqual([]);
});

it('a name that no graph could give by itself is the user’s choice, and no question inside the workspace', async () => {
  const { files } = await droppedFiles(graph, ['file:///work/images/shot%2012%3A30.png'], picked);
  expect(paths(files)).toEqual(['/work/images/shot 12:30.png']);
  expect(picked.all).toEqual(['/work/images/shot 12:30.png']);
  expect(host.ask).not.toHaveBeenCalled();
});

it('one from elsewhere is picked when the user says so, and asked for only once', async () => {
  host.ask.mockResolvedValue('Allow');
  const { files, refused } = await droppedFiles(graph, ['file:///home/me/dog.png'], picked);
  expect(paths(files)).toEqual(['/home/me/dog.png']);
  expect(refused).toBeUndefined();
  expect(picked.all).toEqual(['/home/me/dog.png']);
  const [message, { modal, detail }] = host.ask.mock.calls[0] as [string, { modal: boolean; detail: string }];
  expect(message).toContain('dog.png');
  expect(detail).toContain('/home/me/dog.png');
  expect(modal).toBe(true);
  await droppedFiles(graph, ['file:///home/me/dog.png'], picked);
  expect(host.ask).toHaveBeenCalledTimes(1);
});

it('one from elsewhere is not taken without the user’s word', async () => {
  host.ask.mockResolvedValue(undefined);
  const { files, refused } = await droppedFiles(
    graph,
    ['file:///home/me/secret.png', 'vscode-remote://host/home/me/other.png', 'file:///work/images/dog.png'],
    picked,
  );
  expect(paths(files)).toEqual(['/work/images/dog.png']);
  expect(refused).toMatch(/^secret\.png, other\.png was not added because it is outside the workspace/);
  expect(picked.all).toEqual([]);
});

it('a path that climbs out of the workspace is judged by where it ends', async () => {
  host.ask.mockResolvedValue(undefined);
  const { files } = await droppedFiles(graph, ['file:///work/images/../../home/me/secret.png'], picked);
  expect(files).toEqual([]);
  expect((host.ask.mock.calls[0] as [string, { detail: string }])[1].detail).toContain('\n/home/me/secret.png');
});

it('an address is no file', async () => {
  const { files, refused } = await droppedFiles(graph, ['https://example.org/cat.png', 'command:weft.run'], picked);
  expect(files).toEqual([]);
  expect(refused).toMatch(/not a file on this machine/);
});

it('a name can not draw over the question', async () => {
  host.ask.mockResolvedValue(undefined);
  await droppedFiles(graph, [`file:///home/${encodeURIComponent('a\u202egnp\nAllow everything?')}.png`], picked);
  const [message, { detail }] = host.ask.mock.calls[0] as [string, { detail: string }];
  expect(message).toBe('Allow graphs in this workspace to read agnp Allow everything?.png?');
  expect(detail).not.toContain('\u202e');
});

it.each([[null], ['/a.png'], [{ length: 1 }], [['/a.png', 7, null]]])(
  'what was kept of picked files in another shape is passed over: %j',
  (kept) => {
    const files = new PickedFiles({ get: () => kept } as unknown as vscode.Memento);
    expect(files.all).toEqual(Array.isArray(kept) ? ['/a.png'] : []);
    expect(files.has('/b.png')).toBe(false);
  },
);

it('becomes the value of the field it was dropped on, or a node each', () => {
  const files = ['/work/images/dog.png', '/work/b.bmp', '/work/images/cow.png'].map(
    (file) => Uri.file(file) as unknown as vscode.Uri,
  );
  expect(droppedEdits(graph, files, [5, 5], { node: 'structure', param: 'path' }).edits).toEqual([
    { kind: 'setParam', id: 'structure', param: 'path', value: '../images/dog.png' },
  ]);
  const { edits, refused } = droppedEdits(graph, files, [5, 5], {});
  expect(edits.map((edit) => edit.kind === 'addNode' && edit.position)).toEqual([
    [5, 5],
    [45, 45],
  ]);
  expect(refused).toMatch(
    /^b\.bmp is not an image that Weft reads\. Drop PNG, JPEG.* or AVIF files; convert others to PNG/,
  );
});

it('is a model’s file where the field takes one, and nothing else', async () => {
  const field = paramOf(specOf('checkpoint'), 'vae') as PathParam;
  const target = { node: 'model', param: 'vae', field };
  const { files } = await droppedFiles(graph, ['file:///work/models/vae.safetensors'], picked, field);
  expect(droppedEdits(graph, files, [0, 0], target).edits).toEqual([
    { kind: 'setParam', id: 'model', param: 'vae', value: '../models/vae.safetensors' },
  ]);
  const picture = Uri.file('/work/images/dog.png') as unknown as vscode.Uri;
  expect(droppedEdits(graph, [picture], [0, 0], target)).toEqual({
    edits: [],
    refused: 'dog.png is not a file for VAE. Drop a file that ends in .safetensors.',
  });
  // From elsewhere only when the user says so, like a picture.
  host.ask.mockResolvedValue(undefined);
  expect((await droppedFiles(graph, ['file:///home/vae.safetensors'], picked, field)).files).toEqual([]);
});
