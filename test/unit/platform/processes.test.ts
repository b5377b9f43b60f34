import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holderOf, takeLock } from '../../../extension/platform/fileLock';
import { isAbandoned, isAlive, ownMark, startOf } from '../../../extension/platform/processes';
import { makeZombie, type Zombie } from '../../support/zombie';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-processes-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
const hasProc = fs.existsSync(`/proc/${process.pid}/stat`);

it('a process at work is alive, and a number that no process has is not', () => {
  expect(isAlive(process.pid)).toBe(true);
  expect(isAlive(process.pid, startOf(process.pid))).toBe(true);
  for (const pid of [0, -1, NaN, 1.5, 2 ** 31 - 1]) expect(isAlive(pid)).toBe(false);
});

describe.runIf(hasProc)('where the system has /proc', () => {
  let zombie: Zombie;
  beforeAll(async () => {
    zombie = await makeZombie();
  });
  afterAll(() => zombie.bury());

  it('a zombie is not alive, although a signal reaches it', () => {
    expect(process.kill(zombie.pid, 0)).toBe(true);
    expect(isAlive(zombie.pid)).toBe(false);
  });

  it('a later process that was given the same number is another one', () => {
    expect(isAlive(process.pid, '1')).toBe(false);
  });

  const lockOf = (pid: number, more: object = {}): string => {
    const file = path.join(folder, `${Math.random()}.lock`);
    fs.writeFileSync(file, JSON.stringify({ pid, host: os.hostname(), token: 'x', ...more }));
    return file;
  };

  it('a lock of a zombie, or of a process whose number another one has now, is free', () => {
    for (const file of [lockOf(zombie.pid), lockOf(process.pid, { started: '1' })]) {
      expect(holderOf(file)).toBeUndefined();
      const lock = takeLock(file)!;
      expect(holderOf(file)).toMatchObject({ pid: process.pid, started: startOf(process.pid) });
      lock.release();
    }
    expect(holderOf(lockOf(process.pid))).toMatchObject({ pid: process.pid });
    expect(takeLock(lockOf(process.pid))).toBeUndefined();
  });

  it('names of files tell whose they are, also in the form of older versions', () => {
    expect(isAbandoned(ownMark(), folder)).toBe(false);
    expect(isAbandoned(String(process.pid), folder)).toBe(false);
    const [, , machine] = ownMark().split('-');
    for (const mark of [
      String(zombie.pid),
      `${zombie.pid}-${startOf(zombie.pid)}-${machine}`,
      `${process.pid}-1-${machine}`,
    ])
      expect(isAbandoned(mark, folder)).toBe(true);
    expect(isAbandoned('not-a-mark', folder)).toBe(false);
  });
});

it('what another machine is writing in a shared folder stays for a day', () => {
  const elsewhere = `${2 ** 31 - 1}-5-00000000`;
  expect(isAbandoned(elsewhere, folder)).toBe(false);
  const old = fs.mkdtempSync(path.join(folder, 'old-'));
  fs.utimesSync(old, 0, 0);
  expect(isAbandoned(elsewhere, old)).toBe(true);
});
