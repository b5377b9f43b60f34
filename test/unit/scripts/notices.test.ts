import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { thirdPartyNotices } from '../../../scripts/notices.mjs';

const root = path.resolve(__dirname, '..', '..', '..');

/** The packages whose code is in the bundles, by their source maps. */
function bundledPackages(): string[] {
  const dist = path.join(root, 'dist');
  const maps = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js.map'));
  expect(maps.length).toBeGreaterThan(4);
  const sources = maps.flatMap(
    (name) => (JSON.parse(readFileSync(path.join(dist, name), 'utf8')) as { sources: string[] }).sources,
  );
  const names = sources.flatMap((source) => {
    const [, ...inside] = source.split('node_modules/');
    return inside.at(-1)?.match(/^(?:@[^/]+\/)?[^/]+/)?.[0] ?? [];
  });
  return [...new Set(names)].sort();
}

describe('the third-party notices', () => {
  it('name every package whose code is in the bundles or ships beside them', () => {
    const notices = thirdPartyNotices(root);
    const bundled = bundledPackages();
    expect(bundled).toContain('react-dom');
    for (const name of [...bundled, 'onnxruntime-node', 'sharp', '@vscode/codicons']) {
      expect(notices, name).toMatch(new RegExp(`^${name.replace(/[/.]/g, '\\$&')} \\d`, 'm'));
    }
    // The texts themselves: codicons' licence, a part of onnxruntime, a part of libvips, and the LGPL that it is used under.
    expect(notices).toContain('Attribution 4.0 International');
    expect(notices).toContain('The Dawn & Tint Authors');
    expect(notices).toMatch(/libheif +\| LGPLv3/);
    expect(notices).toContain('GNU LESSER GENERAL PUBLIC LICENSE');
  });

  it('stop a package whose texts are not whole, and name what is missing', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-notices-'));
    try {
      cpSync(path.join(root, 'package-lock.json'), path.join(folder, 'package-lock.json'));
      symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
      mkdirSync(path.join(folder, 'legal'));
      expect(() => thirdPartyNotices(folder)).toThrow(
        '@bufbuild/protobuf carries no licence text: put it into legal/@bufbuild+protobuf.txt.',
      );
      cpSync(path.join(root, 'legal'), path.join(folder, 'legal'), { recursive: true });
      const [own] = readdirSync(path.join(folder, 'legal')).filter((name) => name.endsWith('-third-party.txt'));
      rmSync(path.join(folder, 'legal', own!));
      expect(() => thirdPartyNotices(folder)).toThrow(/legal\/onnxruntime-1\.30\.0-third-party\.txt is missing: take /);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
