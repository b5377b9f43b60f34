import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ImagesWithGraph } from '../../../../extension/host/editor/imagesWithGraph';
import { type WorkspacePictures } from '../../../../extension/host/editor/workspacePictures';
import { insertPngText } from '../../../../extension/platform/pngText';
import { Uri } from '../../../support/vscodeUri';

const told = vi.hoisted(() => [] as unknown[][]);
vi.mock('vscode', () => ({ commands: { executeCommand: async (...args: unknown[]) => void told.push(args) } }));

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-images-'));
const at = (name: string): string => path.join(folder, name);
afterAll(() => fs.rmSync(folder, { recursive: true }));

let plain: Uint8Array;
beforeAll(async () => {
  plain = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  fs.writeFileSync(at('plain.png'), plain);
  fs.writeFileSync(at('other.png'), insertPngText(plain, { Comment: 'weft.graph' }));
  fs.writeFileSync(at('made.png'), insertPngText(plain, { 'weft.graph': '{}', 'weft.run': '{}' }));
  fs.writeFileSync(at('photo.jpg'), 'iTXtweft.graph\0');
  fs.mkdirSync(at('folder.png'));
});

it('are told to the menus by path, again when one is written or goes', async () => {
  const names = ['folder.png', 'gone.png', 'made.png', 'other.png', 'photo.jpg', 'plain.png'];
  let changed = (_uri: unknown): void => {};
  const pictures = {
    list: async () => names.map((name) => Uri.file(at(name))),
    onDidChange: (listener: typeof changed) => ((changed = listener), { dispose: () => {} }),
  } as unknown as WorkspacePictures;
  const images = new ImagesWithGraph(pictures);
  await images.settled();
  expect(told).toEqual([['setContext', 'weft.imagesWithGraph', [at('made.png')]]]);

  fs.writeFileSync(at('plain.png'), insertPngText(plain, { 'weft.graph': '{}' }));
  changed(Uri.file(at('plain.png')));
  names.splice(names.indexOf('made.png'), 1);
  changed(Uri.file(at('made.png')));
  await images.settled();
  expect(told.at(-1)).toEqual(['setContext', 'weft.imagesWithGraph', [at('plain.png')]]);
});
