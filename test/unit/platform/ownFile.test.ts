import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { crashNoteFile, readCrash, rememberCrash } from '../../../extension/platform/crashNote';
import { DigestMemory } from '../../../extension/engine/checkpoints/digestMemory';
import { readOwnJson } from '../../../extension/platform/ownFile';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-own-'))));

const UNEXPECTED = [
  'null',
  '{}',
  '[]',
  '7',
  '"text"',
  'no JSON',
  '',
  '{"name": null}',
  '{"name": ["a"]}',
  '\u0000\u0000',
];

describe("a file of Weft's own", () => {
  const schema = z.object({ name: z.string() });

  it('is read when it holds what it should, and is absent without a word when there is none', () => {
    const say = vi.fn();
    const file = path.join(folder, 'own.json');
    expect(readOwnJson(file, schema, say)).toBeUndefined();
    fs.writeFileSync(file, '{"name": "a"}');
    expect(readOwnJson(file, schema, say)).toEqual({ name: 'a' });
    expect(say).not.toHaveBeenCalled();
  });

  it.each(UNEXPECTED)('counts as absent when it holds %j, which is said once, with its name', (text) => {
    const say = vi.fn();
    const file = path.join(folder, 'own.json');
    fs.writeFileSync(file, text);
    expect(readOwnJson(file, schema, say)).toBeUndefined();
    expect(readOwnJson(file, schema, say)).toBeUndefined();
    expect(say).toHaveBeenCalledOnce();
    expect(say.mock.calls[0]![0]).toContain(file);
    expect(say.mock.calls[0]![0]).not.toMatch(/\n|undefined|properties of/);
  });

  it('counts as absent when a folder is in its place', () => {
    const say = vi.fn();
    fs.mkdirSync(path.join(folder, 'own.json'));
    expect(readOwnJson(path.join(folder, 'own.json'), schema, say)).toBeUndefined();
    expect(say.mock.calls[0]![0]).toMatch(/is a folder/);
  });
});

describe('memories that are not as they were written', () => {
  it.each(UNEXPECTED)('are made anew: %j', async (text) => {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, 'abc');
    const memory = path.join(folder, 'digests.json');
    fs.writeFileSync(memory, text);
    const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await new DigestMemory(memory).digest(file)).toBe(digest);
    expect(Object.values(JSON.parse(fs.readFileSync(memory, 'utf8')) as object)).toEqual([digest]);

    fs.writeFileSync(path.join(folder, 'webgpu.crash.json'), text);
    expect(readCrash(folder, 'webgpu')).toBeUndefined();
    fs.writeFileSync(crashNoteFile(folder, 5), text);
    expect(rememberCrash(crashNoteFile(folder, 5), null, 'SIGSEGV')).toBeUndefined();
  });
});
