import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveInput, resolveOutput } from '../../../extension/engine/paths';
import { pathFault } from '../../../extension/graph';
import { isInside } from '../../../extension/platform/trustedFolders';

let base: string;
const at = (...parts: string[]) => path.join(base, ...parts);

beforeAll(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), 'weft-paths-')));
  for (const folder of ['ws/graphs/images', 'ws/shared', 'secret', 'ws/graphs-evil', 'out/sub']) {
    mkdirSync(at(folder), { recursive: true });
  }
  for (const file of [
    'ws/graphs/images/a.png',
    'ws/graphs/..odd.png',
    'ws/shared/b.png',
    'secret/key.png',
    'ws/graphs-evil/c.png',
  ]) {
    writeFileSync(at(file), 'x');
  }
  symlinkSync(at('secret/key.png'), at('ws/graphs/link.png'));
  symlinkSync(at('secret'), at('ws/graphs/door'));
  symlinkSync(at('ws/graphs/images/a.png'), at('ws/graphs/inner.png'));
  symlinkSync(at('ws/graphs'), at('alias'));
  symlinkSync('loop.png', at('ws/graphs/loop.png'));
  symlinkSync(at('secret'), at('out/door'));
  symlinkSync(at('secret/new.png'), at('out/dangling.png'));
  symlinkSync(at('out/sub'), at('out/inner'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('a path that a graph reads', () => {
  const trust = () => ({ graphFolder: at('ws/graphs') });

  it('resolves beside the graph, through links that stay inside, and names that only begin with dots', async () => {
    expect(await resolveInput('images/a.png', trust())).toBe(at('ws/graphs/images/a.png'));
    expect(await resolveInput('./images/../images/a.png', trust())).toBe(at('ws/graphs/images/a.png'));
    expect(await resolveInput('inner.png', trust())).toBe(at('ws/graphs/images/a.png'));
    expect(await resolveInput('..odd.png', trust())).toBe(at('ws/graphs/..odd.png'));
  });

  it('works when the graph’s folder is itself reached through a link', async () => {
    expect(await resolveInput('images/a.png', { graphFolder: at('alias') })).toBe(at('ws/graphs/images/a.png'));
  });

  it('may lie in a root, and in no folder whose name merely begins like one', async () => {
    const withRoot = { ...trust(), roots: [at('ws/shared')] };
    expect(await resolveInput('../shared/b.png', withRoot)).toBe(at('ws/shared/b.png'));
    await expect(resolveInput('../shared/b.png', trust())).rejects.toThrow(/leaves the folder of the graph/);
    await expect(resolveInput('../graphs-evil/c.png', trust())).rejects.toThrow(/leaves the folder/);
  });

  it.each([
    ['/etc/passwd', 'absolute'],
    ['\\Windows\\win.ini', 'absolute'],
    ['//server/share/x.png', 'network'],
    ['\\\\server\\share\\x.png', 'network'],
    ['\\\\?\\C:\\x.png', 'network or device'],
    ['\\\\.\\PhysicalDrive0', 'network or device'],
    ['C:/x.png', 'drive letter'],
    ['c:x.png', 'drive letter'],
    ['file:///etc/passwd', 'URL'],
    ['https://example.org/x.png', 'URL'],
    ['images\\a.png', 'backslash'],
    ['..\\..\\secret\\key.png', 'backslash'],
    ['images/a.png\0.txt', 'control character'],
    ['images/a.png:stream', 'colon'],
    ['shot 12:30.png', 'colon'],
    ['', 'empty'],
    ['  ', 'empty'],
    ['images/CON', 'device name'],
    ['nul.png', 'device name'],
    ['images/aux. /x.png', 'device name'],
  ])('is refused when it is %j', async (hostile, reason) => {
    await expect(resolveInput(hostile, trust())).rejects.toMatchObject({
      kind: 'graph',
      message: expect.stringMatching(new RegExp(reason)) as string,
    });
    await expect(resolveInput(hostile, { ...trust(), allowOutside: true })).rejects.toThrow(new RegExp(reason));
  });

  it.each(['../../secret/key.png', 'images/../../../secret/key.png', '../../../../../../../../etc/passwd', '..'])(
    'is refused when it climbs out: %s',
    async (hostile) => {
      await expect(resolveInput(hostile, trust())).rejects.toThrow(/leaves the folder of the graph.*--allow-outside/);
    },
  );

  it('is refused alike whether or not anything exists outside', async () => {
    await expect(resolveInput('../../secret/nothing-here.png', trust())).rejects.toThrow(/leaves the folder/);
  });

  it.each(['link.png', 'door/key.png'])('is refused when a symbolic link leads out: %s', async (hostile) => {
    await expect(resolveInput(hostile, trust())).rejects.toThrow(/symbolic link out/);
  });

  it('may be outside when the user picked that very file, or allowed it', async () => {
    const outside = '../../secret/key.png';
    const picked = { ...trust(), picked: [at('secret/key.png')] };
    expect(await resolveInput(outside, picked)).toBe(at('secret/key.png'));
    expect(await resolveInput(at('secret/key.png'), picked)).toBe(at('secret/key.png'));
    expect(await resolveInput(outside, { ...trust(), allowOutside: true })).toBe(at('secret/key.png'));
    expect(await resolveInput('link.png', { ...trust(), allowOutside: true })).toBe(at('secret/key.png'));
    const other = { ...trust(), picked: [at('secret/other.png')] };
    await expect(resolveInput(outside, other)).rejects.toThrow(/leaves the folder/);
    await expect(resolveInput(at('secret/key.png'), other)).rejects.toThrow(/absolute/);
  });

  it('says which file is missing, and that a link runs in circles', async () => {
    await expect(resolveInput('images/none.png', trust())).rejects.toThrow(/"images\/none.png" does not exist/);
    await expect(resolveInput('images/a.png/b.png', trust())).rejects.toThrow(/does not exist/);
    await expect(resolveInput('loop.png', trust())).rejects.toThrow(/points at itself/);
  });

  it('never prints control characters or endless names', async () => {
    await expect(resolveInput('\u001b[2Jx.png', trust())).rejects.toThrow(/"\\u001b\[2Jx.png" contains a control/);
    const error = await resolveInput('/'.concat('a'.repeat(9999)), trust()).catch((caught: Error) => caught);
    expect((error as Error).message.length).toBeLessThan(400);
  });
});

describe('a path that a graph writes', () => {
  it('lies below the output folder, which need not exist yet', async () => {
    expect(await resolveOutput('result.png', at('out'))).toBe(at('out/result.png'));
    expect(await resolveOutput('new/deep/result.png', at('out'))).toBe(at('out/new/deep/result.png'));
    expect(await resolveOutput('./sub//result.png', at('out'))).toBe(at('out/sub/result.png'));
    expect(await resolveOutput('inner/result.png', at('out'))).toBe(at('out/inner/result.png'));
    expect(await resolveOutput('result.png', at('later/out'))).toBe(at('later/out/result.png'));
  });

  it.each([
    ['../result.png', '".."'],
    ['sub/../../result.png', '".."'],
    ['sub/../result.png', '".."'],
    ['/tmp/result.png', 'absolute'],
    ['C:/result.png', 'drive letter'],
    ['\\\\server\\x', 'network'],
    ['door/result.png', 'symbolic link'],
    ['dangling.png', 'symbolic link'],
    ['sub', 'names a folder'],
    ['sub/', 'names a folder'],
    ['.', 'names a folder'],
    ['', 'empty'],
    ['lpt1.png', 'device name'],
    ['a\0b.png', 'control character'],
    ['a b:c.png', 'colon'],
    [`${'ä'.repeat(130)}.png`, '264 bytes'],
  ])('is refused when it is %j', async (hostile, reason) => {
    await expect(resolveOutput(hostile, at('out'))).rejects.toMatchObject({
      kind: 'graph',
      message: expect.stringMatching(new RegExp(reason)) as string,
    });
  });
});

describe('the form of a path', () => {
  it('accepts spaces, dots and letters of any script', () => {
    for (const fine of [
      'my picture.png',
      'зебра/斑馬.png',
      '.hidden',
      'console.png',
      'a..b.png',
      'common/nullable.png',
    ]) {
      expect(pathFault(fine, 'read')).toBeUndefined();
      expect(pathFault(fine, 'write')).toBeUndefined();
    }
  });

  it('knows inside from beside', () => {
    expect(isInside('/a/b', '/a/b/c')).toBe(true);
    expect(isInside('/a/b', '/a/b')).toBe(true);
    expect(isInside('/a/b', '/a/bc')).toBe(false);
    expect(isInside('/a/b', '/a')).toBe(false);
  });
});
