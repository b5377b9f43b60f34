/** What people have in the place of a checkpoint's files: what is really wrong is named, nothing hangs, and memory stays small. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readManifestFile } from '../../../../extension/engine/checkpoints/download/manifest';
import { readLayout } from '../../../../extension/engine/checkpoints/layout';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { loadTokenizer } from '../../../../extension/engine/checkpoints/tokenizer';
import { readModel } from '../../../../extension/engine/onnx/modelFile';
import { countNodes } from '../../../../extension/engine/onnx/protobufFile';
import { writeReference } from '../../../support/referenceFolder';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-wrong-')));
let folder: string;
let home: string;
/** Files that a test moved away, with where they were. */
let moved: [string, string][] = [];

beforeAll(() => {
  folder = path.join(root, 'checkpoint');
  fs.mkdirSync(folder);
  writeReference(folder);
  fs.mkdirSync(path.join(folder, 'scheduler'));
  fs.writeFileSync(path.join(folder, 'scheduler/scheduler_config.json'), '{"beta_schedule": "linear"}');
  home = path.join(root, 'home');
});
afterEach(() => {
  for (const [from, aside] of moved.reverse()) {
    fs.rmSync(from, { recursive: true, force: true });
    fs.renameSync(aside, from);
  }
  moved = [];
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** Puts something else into a file's place until the test ends. */
function instead(relative: string, make: (file: string) => void): string {
  const file = path.join(folder, relative);
  fs.renameSync(file, `${file}.aside`);
  moved.push([file, `${file}.aside`]);
  make(file);
  return file;
}
const holding = (content: string | Buffer) => (file: string) => fs.writeFileSync(file, content);
const add = (): Promise<unknown> => openLibrary({ home }).add([folder], 'wrong');

const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n';
const PAGE = '\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n';
const utf16 = (text: string, mark = true): Buffer => Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');

describe('in the place of a model', () => {
  it.each<[string, string | Buffer, RegExp]>([
    ['a Git LFS pointer', POINTER, /unet\/model\.onnx is a Git LFS pointer.*git lfs pull/],
    ['a web page', PAGE, /unet\/model\.onnx is a web page \(HTML\).*Download the file itself/],
    [
      'an answer of a store',
      '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
      /answer of a server in XML/,
    ],
    ['an error in JSON', '{"error":"Invalid credentials"}', /is JSON text, not an ONNX file/],
    ['nothing', '', /unet\/model\.onnx is empty \(0 bytes\)/],
    ['zeros', Buffer.alloc(5000), /holds nothing but zeros/],
    ['a PyTorch file', Buffer.from('PK\x03\x04archive/data.pkl'), /ZIP archive, as PyTorch files are/],
    ['a .safetensors file', Buffer.from('\x40\0\0\0\0\0\0\0{"__metadata__":{}}'), /is a \.safetensors file/],
    ['noise', Buffer.from('no model at all, but some text'), /unet\/model\.onnx is (damaged|cut short)/],
  ])('%s is named', async (_what, content, message) => {
    instead('unet/model.onnx', holding(content));
    await expect(add()).rejects.toThrow(message);
  });

  it('a pointer is named where it stands for the weights beside a model', async () => {
    instead('unet/weights.bin', holding(POINTER));
    await expect(add()).rejects.toThrow(/weights\.bin is a Git LFS pointer/);
    fs.writeFileSync(path.join(folder, 'unet/weights.bin'), PAGE);
    await expect(add()).rejects.toThrow(/weights\.bin is a web page/);
  });

  it('a folder and a link that goes round in circles are named', async () => {
    instead('vae_decoder/model.onnx', (file) => fs.mkdirSync(file));
    await expect(add()).rejects.toThrow(/vae_decoder\/model\.onnx can't be read: it is a folder/);
    const file = instead('vae_encoder/model.onnx', (at) => fs.symlinkSync(at, at));
    expect(() => readModel(file)).toThrow(/can't be read: it is a symbolic link that points at itself/);
  });

  it
    .runIf(process.platform !== 'win32')
    .each(['unet/model.onnx', 'unet/weights.bin', 'tokenizer/vocab.json', 'scheduler/scheduler_config.json'])(
    'a named pipe as %s is refused at once, and so is a device behind a link',
    async (relative) => {
      const file = instead(relative, (at) => spawnSync('mkfifo', [at]));
      await expect(add()).rejects.toThrow(/named pipe|no regular file/);
      fs.rmSync(file);
      fs.symlinkSync('/dev/zero', file);
      await expect(add()).rejects.toThrow(/a device|no regular file|outside the checkpoint's folder/);
    },
  );

  it('a pipe is refused by whatever else opens a model', () => {
    const file = instead('unet/model.onnx', (at) => spawnSync('mkfifo', [at]));
    expect(() => countNodes(file)).toThrow(/named pipe/);
  });

  it('a sparse file of terabytes is refused without being read', async () => {
    instead('unet/model.onnx', (file) => {
      fs.writeFileSync(file, '');
      fs.truncateSync(file, 2 ** 41);
    });
    await expect(add()).rejects.toThrow(/nothing but zeros/);
    // One that begins like a model, with a field that reaches over all of it: its digest is never begun.
    const file = path.join(folder, 'unet/model.onnx');
    fs.writeFileSync(file, Buffer.from([0x3a, 0xf0, 0xff, 0xff, 0xff, 0xff, 0x3f]));
    fs.truncateSync(file, 2 ** 41);
    await expect(add()).rejects.toThrow(/unet\/model\.onnx is too large for an ONNX file/);
  });

  it('a file of endless tiny fields ends in a sentence', () => {
    const file = instead('unet/model.onnx', holding(Buffer.alloc(6 << 20, Buffer.from([0x08, 0x01]))));
    expect(() => readModel(file)).toThrow(/larger than that of any part of Stable Diffusion/);
  });
});

describe('in the place of a configuration', () => {
  const CONFIG = 'scheduler/scheduler_config.json';
  it.each<[string, string | Buffer, RegExp]>([
    ['a pointer', POINTER, /scheduler\/scheduler_config\.json is a Git LFS pointer/],
    ['a web page', PAGE, /is a web page/],
    ['UTF-16', utf16('{"beta_schedule": "linear"}'), /is UTF-16 text\. Save it as UTF-8/],
    ['UTF-16 without its mark', utf16('{"beta_schedule": "linear"}', false), /is UTF-16 text/],
    ['Latin-1', Buffer.from('{"author": "M\xfcller"}', 'latin1'), /is not UTF-8 text/],
    ['nothing', '', /is empty \(0 bytes\)/],
    ['a trailing comma', '{\n  "a": ",}",\n  "b": 1,\n}', /has a comma too many in line 3: JSON has none before \}/],
    ['a trailing comma in a list', '{"a": [1, 2, ]}', /comma too many in line 1: JSON has none before \]/],
    [
      'a merge conflict',
      '{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> x\n}',
      /marks of a merge conflict \(<{7} in line 2\)/,
    ],
    ['half of it', '{\n"a": 1,\n"b"', /is not JSON: line 3 can't be read/],
    ['a list', '[1]', /holds a list where an object/],
    ['null', 'null', /holds null where an object/],
  ])('%s is named', (_what, content, message) => {
    instead(CONFIG, holding(content));
    expect(() => readLayout(folder)).toThrow(message);
  });

  it('a byte order mark is passed over', () => {
    instead(CONFIG, holding('\ufeff{"beta_schedule": "scaled_linear"}'));
    expect(readLayout(folder).scheduler.betaSchedule).toBe('scaled_linear');
  });
});

describe('in the place of a tokenizer', () => {
  const load = (): Promise<unknown> => loadTokenizer(path.join(folder, 'tokenizer'), 77);
  it('what is wrong is named, for each of its files', async () => {
    for (const name of fs.readdirSync(path.join(folder, 'tokenizer')).filter((each) => !each.endsWith('.aside'))) {
      instead(`tokenizer/${name}`, holding(POINTER));
      // Where the whole one is there, the parts are not read.
      const read = name !== 'vocab.json' && name !== 'merges.txt';
      if (read || !fs.existsSync(path.join(folder, 'tokenizer/tokenizer.json')))
        await expect(load()).rejects.toThrow(new RegExp(`tokenizer/${name} is a Git LFS pointer`));
      afterEachFile();
    }
  });

  it('a byte order mark is passed over', async () => {
    for (const name of fs.readdirSync(path.join(folder, 'tokenizer'))) {
      const text = fs.readFileSync(path.join(folder, 'tokenizer', name), 'utf8');
      instead(`tokenizer/${name}`, holding(`\ufeff${text}`));
    }
    await load();
  });

  function afterEachFile(): void {
    const [from, aside] = moved.pop()!;
    fs.renameSync(aside, from);
  }
});

it('in the place of a manifest what is wrong is named, too', () => {
  const file = path.join(root, 'mine.json');
  for (const [content, message] of [
    [POINTER, /^mine\.json is a Git LFS pointer/],
    [PAGE, /^mine\.json is a web page/],
    ['{"name": "x",}', /^mine\.json has a comma too many in line 1/],
    [utf16('{}'), /^mine\.json is UTF-16 text/],
    ['\ufeff{"name": "../x"}', /^mine\.json is not a manifest of a checkpoint: name/],
  ] as const) {
    fs.writeFileSync(file, content);
    expect(() => readManifestFile(file)).toThrow(message);
  }
});
