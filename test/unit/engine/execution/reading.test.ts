/** Files that a run is given for images: whatever lies there, a run never waits for it, nor takes more memory than an image may. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GraphDocument } from '../../../../extension/graph';
import { makeEngine, shortGraph } from '../../../support/mini';

const bench = makeEngine();
let folder: string;
beforeAll(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-reading-')));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const picture = (name: string): GraphDocument => ({
  weft: 1,
  nodes: {
    look: { type: 'image', params: { path: name } },
    save: { type: 'save', inputs: { image: 'look.image' }, params: { path: 'copy.png' } },
  },
});
function mask(name: string): GraphDocument {
  const graph = shortGraph();
  graph.nodes['mask-structure'] = { type: 'mask-image', params: { path: name } };
  return graph;
}
const run = (graph: GraphDocument) => bench.run(graph, { graphPath: path.join(folder, 'test.weft.json') });

describe('a file given for an image', () => {
  const refused = async (name: string, sentence: RegExp): Promise<void> => {
    await expect(run(picture(name))).rejects.toMatchObject({
      name: 'WeftError',
      kind: 'graph',
      node: 'look',
      message: expect.stringMatching(sentence) as string,
    });
  };

  it.skipIf(process.platform === 'win32')('may be a named pipe or a link that leads to itself', async () => {
    execFileSync('mkfifo', [path.join(folder, 'pipe.png')]);
    await refused('pipe.png', /pipe\.png can't be read: it is a named pipe\. Give it a file\.$/);
    fs.symlinkSync('loop.png', path.join(folder, 'loop.png'));
    await refused('loop.png', /loop\.png.* is a symbolic link that points at itself\.$/);
  });

  it('may be a folder, missing, or larger than the memory', async () => {
    fs.mkdirSync(path.join(folder, 'folder.png'));
    await refused('folder.png', /folder\.png can't be read: it is a folder/);
    await refused('none.png', /none\.png/);
    // Sparse: it takes no room on the disk.
    fs.writeFileSync(path.join(folder, 'large.png'), '');
    fs.truncateSync(path.join(folder, 'large.png'), 1_500_000_000);
    const before = process.memoryUsage().rss;
    await refused('large.png', /large\.png is too large: Weft reads up to 512 MB here\.$/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  });

  it('is named with its node when it is no image, for a mask too', async () => {
    fs.writeFileSync(path.join(folder, 'lfs.png'), 'version https://git-lfs.github.com/spec/v1\noid sha256:ab\n');
    await expect(run(picture('lfs.png'))).rejects.toThrow(/^lfs\.png is a Git LFS pointer/);
    for (const name of ['giraffe.png', 'zebra.png'])
      fs.copyFileSync(path.resolve('examples/images', name), path.join(folder, name));
    await expect(run(mask('lfs.png'))).rejects.toMatchObject({
      node: 'mask-structure',
      message: expect.stringMatching(/^lfs\.png is a Git LFS pointer/) as string,
    });
  });
});
