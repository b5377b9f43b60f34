import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FileProblem,
  readRegular,
  readRegularSync,
  writeWhole,
  writeWholeSync,
} from '../../../extension/platform/files';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-files-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);
const onPosix = process.platform !== 'win32';

async function problemOf(work: () => unknown): Promise<FileProblem> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FileProblem) return error;
    throw error;
  }
  throw new Error('Nothing was wrong.');
}

/** A folder that its owner may not write: root may, so root becomes nobody meanwhile. */
async function asNobody<T>(work: () => T | Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  // The folder of this run belongs to root alone: nobody has to get through it.
  fs.chmodSync(path.dirname(folder), fs.statSync(path.dirname(folder)).mode | 0o011);
  fs.chownSync(folder, 65534, 65534);
  for (const name of fs.readdirSync(folder)) fs.lchownSync(at(name), 65534, 65534);
  process.seteuid!(65534);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}

for (const [kind, write] of [
  ['writeWhole', writeWhole],
  ['writeWholeSync', writeWholeSync],
] as const) {
  describe(kind, () => {
    it('makes the folders on the way and leaves nothing but the file', async () => {
      await write(at('a/b/result.png'), 'new', { durable: true });
      expect(fs.readFileSync(at('a/b/result.png'), 'utf8')).toBe('new');
      expect(fs.readdirSync(at('a/b'))).toEqual(['result.png']);
    });

    it('writes a name as long as the disk allows', async () => {
      const longest = 'n'.repeat(251) + '.png';
      await write(at(longest), 'new');
      expect(fs.readdirSync(folder)).toEqual([longest]);
      const longer = await problemOf(() => write(at(`${longest}x`), 'new'));
      expect(longer.message).toBe(
        `${at(`${longest}x`)} was not written: its name is too long for this disk. Choose a shorter name.`,
      );
      expect(fs.readdirSync(folder)).toEqual([longest]);
    });

    it.runIf(process.platform === 'linux')('keeps the older file when the disk is full', async () => {
      // A child with a limit on the size of files fails in the middle of the write, as on a full disk.
      fs.writeFileSync(at('keep.weft.json'), 'older');
      const script = `import { ${kind} } from ${JSON.stringify(path.resolve('extension/platform/files.ts'))};
        process.on('SIGXFSZ', () => {});
        try { await ${kind}(${JSON.stringify(at('keep.weft.json'))}, Buffer.alloc(1 << 20)); } catch (error) { console.log(error.message); }`;
      fs.writeFileSync(at('script.mts'), script);
      const said = execFileSync(
        'bash',
        ['-c', `ulimit -f 64; exec "${process.execPath}" --import tsx "${at('script.mts')}"`],
        { encoding: 'utf8', env: { ...process.env, TMPDIR: folder, TSX_DISABLE_CACHE: '1' } },
      );
      expect(said).toMatch(/keep\.weft\.json was not written: /);
      expect(fs.readFileSync(at('keep.weft.json'), 'utf8')).toBe('older');
      expect(fs.readdirSync(folder).filter((name) => name.startsWith('.weft-'))).toEqual([]);
    });

    it.runIf(onPosix)('keeps the permissions of a file, and does not replace one that may not be written', async () => {
      fs.writeFileSync(at('tool.sh'), 'older');
      fs.chmodSync(at('tool.sh'), 0o754);
      await write(at('tool.sh'), 'newer');
      expect(fs.statSync(at('tool.sh')).mode & 0o777).toBe(0o754);
      fs.chmodSync(at('tool.sh'), 0o444);
      const problem = await asNobody(async () => {
        await write(at('another.sh'), 'fine');
        return problemOf(() => write(at('tool.sh'), 'newest'));
      });
      expect(problem.message).toBe(`${at('tool.sh')} was not written: it may not be written. Choose another folder.`);
      expect(fs.readFileSync(at('tool.sh'), 'utf8')).toBe('newer');
    });

    it('says when a part of the path is a file, or the whole is a folder', async () => {
      fs.writeFileSync(at('file'), '');
      fs.mkdirSync(at('folder'));
      expect((await problemOf(() => write(at('file/result.png'), ''))).what).toBe(
        'was not written: a part of its path is a file, not a folder. Choose another folder.',
      );
      expect((await problemOf(() => write(at('folder'), ''))).what).toBe(
        'was not written: it is a folder. Choose another name.',
      );
      if (onPosix) {
        expect((await problemOf(() => write('/dev/null', ''))).what).toBe(
          'was not written: it is not a regular file. Choose another name.',
        );
        expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
      }
      expect(fs.readdirSync(folder).sort()).toEqual(['file', 'folder']);
    });
  });
}

for (const [kind, read] of [
  ['readRegular', readRegular],
  ['readRegularSync', readRegularSync],
] as const) {
  describe(kind, () => {
    it('reads a file up to the limit, and refuses one that is larger', async () => {
      fs.writeFileSync(at('four'), 'four');
      expect(String(await read(at('four'), 4))).toBe('four');
      expect((await problemOf(() => read(at('four'), 3, 'the file'))).message).toBe(
        'the file is too large: Weft reads up to 3 bytes here.',
      );
      fs.writeFileSync(at('empty'), '');
      expect(await read(at('empty'), 0)).toHaveLength(0);
    });

    it.runIf(process.platform === 'linux')('holds the limit for a file that does not tell its size', async () => {
      expect(fs.statSync('/proc/self/maps').size).toBe(0);
      expect(String(await read('/proc/self/maps', 1 << 24))).toMatch(/\n$/);
      expect((await problemOf(() => read('/proc/self/maps', 10))).reason).toBe('too-large');
    });

    it.runIf(onPosix)('never waits for a pipe and never reads a device', async () => {
      execFileSync('mkfifo', [at('pipe')]);
      expect((await problemOf(() => read(at('pipe'), 10))).message).toBe(
        `${at('pipe')} can't be read: it is a named pipe. Give it a file.`,
      );
      expect((await problemOf(() => read('/dev/zero', 10))).what).toMatch(/a device/);
      fs.symlinkSync('/dev/zero', at('zero'));
      expect((await problemOf(() => read(at('zero'), 10))).what).toMatch(/a device/);
      expect((await problemOf(() => read(folder, 10))).reason).toBe('not-a-file');
    });

    it.runIf(onPosix)('tells a missing file, a link that points at itself and a denied one apart', async () => {
      fs.symlinkSync('loop', at('loop'));
      fs.writeFileSync(at('secret'), '');
      fs.chmodSync(at('secret'), 0);
      const reasons = await asNobody(async () => [
        (await problemOf(() => read(at('missing'), 1))).reason,
        (await problemOf(() => read(at('loop'), 1))).reason,
        (await problemOf(() => read(at('secret'), 1))).reason,
      ]);
      expect(reasons).toEqual(['missing', 'link-loop', 'denied']);
    });
  });
}
