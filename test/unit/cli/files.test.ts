/** Files that `weft` reads and writes, by the names a person or a stranger gives them. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { standardGraph, writeGraph } from '../../../extension/graph';
import { insertPngText } from '../../../extension/platform/pngText';
import { pictures, root } from '../../support/mini';

const weft = path.join(root, 'dist', 'weft.js');
const posix = process.platform !== 'win32';
let home: string;
let base: string;
let folder: string;
let count = 0;
const at = (...parts: string[]): string => path.join(folder, ...parts);
const call = (args: string[], more: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) =>
  spawnSync(process.execPath, [weft, ...args], {
    cwd: more.cwd ?? folder,
    env: { ...process.env, WEFT_HOME: home, ...more.env },
    encoding: 'utf8',
    timeout: 60_000,
  });
const transfer = (...args: string[]) =>
  call(['transfer', '--appearance', 'zebra.png', '--domain', 'animal', '--steps', '4', '--skip', '2', ...args]);

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-files-')));
});
beforeEach(() => {
  folder = path.join(base, `case-${++count}`);
  fs.mkdirSync(folder);
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), at(name));
});
afterAll(() => {
  for (const created of [home, base]) fs.rmSync(created, { recursive: true, force: true });
});

describe('weft transfer', () => {
  it('does not write over its own pictures, and says which of them it was', () => {
    const before = fs.readFileSync(at('giraffe.png'));
    const same = transfer('--structure', 'giraffe.png', '--out', 'giraffe.png');
    expect(same).toMatchObject({ status: 2, stderr: expect.stringMatching(/structure reads that file/) as string });
    const graph = transfer('--structure', 'giraffe.png', '--out', 'new.png', '--keep-graph', 'giraffe.png');
    expect(graph).toMatchObject({ status: 2, stderr: expect.stringMatching(/--keep-graph can't write/) as string });
    expect(fs.readFileSync(at('giraffe.png'))).toEqual(before);
    expect(fs.readdirSync(folder).sort()).toEqual(['giraffe.png', 'zebra.png']);
  });

  it('gives a default name that no other result has, in weft-out and in the folder of --out', () => {
    const lines = [
      transfer('--structure', 'giraffe.png'),
      transfer('--structure', 'giraffe.png', '--seed', '7'),
      transfer('--structure', 'giraffe.png'),
      transfer('--structure', 'giraffe.png', '--out', `results${path.sep}`),
      transfer('--structure', 'giraffe.png', '--out', 'results', '--seed', '7'),
    ].map(({ stdout, stderr }) => stdout || stderr);
    const names = ['giraffe-zebra.png', 'giraffe-zebra-2.png', 'giraffe-zebra.png'];
    expect(lines.slice(0, 3)).toEqual(names.map((name) => `${path.join('weft-out', name)}\n`));
    expect(lines.slice(3)).toEqual(names.slice(0, 2).map((name) => `${path.join('results', name)}\n`));
    const report = JSON.parse(fs.readFileSync(at('weft-out', 'giraffe-zebra-2.run.json'), 'utf8')) as object;
    expect(report).toMatchObject({ seed: 7, outputs: ['giraffe-zebra-2.png'] });
  });

  it('cuts default names to what file systems take, and takes any that fits', () => {
    const long = 'lö'.repeat(50);
    for (const [from, to] of [
      ['giraffe.png', `${long}a.png`],
      ['zebra.png', `${long}b.png`],
    ])
      fs.renameSync(at(from!), at(to!));
    const made = transfer('--structure', `${long}a.png`, '--appearance', `${long}b.png`);
    expect(made.status, made.stderr).toBe(0);
    expect(Buffer.byteLength(path.basename(made.stdout.trim()))).toBeLessThan(256);
    const full = `${'k'.repeat(251)}.png`;
    expect(transfer('--structure', `${long}a.png`, '--appearance', `${long}b.png`, '--out', full).status).toBe(0);
    expect(fs.readdirSync(folder).filter((name) => /^k+.*\.run\.json$/.test(name))).toHaveLength(1);
    const over = transfer('--structure', `${long}a.png`, '--appearance', `${long}b.png`, '--out', `k${full}`);
    expect(over).toMatchObject({ status: 2, stderr: expect.stringMatching(/256 bytes/) as string });
  });

  it.skipIf(!posix).each(['shot 12:30.png', 'aux.png', 'back\\slash.png'])(
    'takes a name that the user picked: %s',
    (name) => {
      fs.renameSync(at('giraffe.png'), at(name));
      const made = transfer('--structure', name);
      expect(made.status, made.stderr).toBe(0);
      expect(made.stdout).toBe(`weft-out/${name.slice(0, -4)}-zebra.png\n`);
      const out = transfer('--structure', name, '--out', `new ${name}`);
      expect(out.status, out.stderr).toBe(0);
      const heat = call(['inspect', made.stdout.trim(), '--at', '60,60', '--out', 'heat.png']);
      expect(heat.status, heat.stderr).toBe(0);
    },
  );

  it('says what --out may end in', () => {
    const refused = transfer('--structure', 'giraffe.png', '--out', 'coat.bmp');
    expect(refused).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--out coat\.bmp must end in \.png/) as string,
    });
  });

  it.skipIf(!mountable())('leaves the older graph whole when the disk is full', () => {
    const disk = at('disk');
    fs.mkdirSync(disk);
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk]);
    try {
      fs.writeFileSync(path.join(disk, 'kept.weft.json'), 'the older graph');
      fs.writeFileSync(path.join(disk, 'filler'), new Uint8Array(12_000));
      fs.appendFileSync(path.join(disk, 'filler'), new Uint8Array(200));
      const made = transfer('--structure', 'giraffe.png', '--keep-graph', path.join(disk, 'kept.weft.json'));
      expect(made.stderr).toMatch(/the disk is full/);
      expect(made.status).toBe(1);
      expect(fs.readFileSync(path.join(disk, 'kept.weft.json'), 'utf8')).toBe('the older graph');
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});

function mountable(): boolean {
  const probe = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', probe]).status === 0;
  if (mounted) spawnSync('umount', [probe]);
  fs.rmdirSync(probe);
  return mounted;
}

/** A picture whose graph a stranger wrote. */
function strangersPicture(file: string, structure: string, appearance = 'zebra.png'): void {
  const graph = writeGraph(standardGraph({ structure, appearance, domain: 'animal' }));
  fs.writeFileSync(file, insertPngText(fs.readFileSync(path.join(pictures, 'zebra.png')), { 'weft.graph': graph }));
}

/** A call, and every path that its processes handed to the file system. */
function watched(args: string[], cwd?: string): ReturnType<typeof call> & { touched: string } {
  const log = path.join(base, `touched-${count}`);
  fs.writeFileSync(log, '');
  const hook = path.join(root, 'test', 'support', 'watchFiles.mjs');
  const made = call(args, { cwd, env: { NODE_OPTIONS: `--import ${pathToFileURL(hook)}`, WEFT_TEST_TOUCHED: log } });
  return { ...made, touched: fs.readFileSync(log, 'utf8') };
}

describe('a stranger’s picture', () => {
  it('has nothing touched outside the folders that its graph may read, by eval and by inspect', () => {
    fs.mkdirSync(at('secret'));
    fs.mkdirSync(at('inbox', 'weft-out'), { recursive: true });
    fs.copyFileSync(at('giraffe.png'), at('secret', 'key.png'));
    for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(at(name), at('inbox', name));
    const picture = at('inbox', 'gift.png');
    const hostile = [
      at('secret', 'key.png'),
      '../secret/key.png',
      '../secret/none.png',
      '//host/secret/x.png',
      '\\\\host\\secret\\x.png',
    ];
    if (posix) {
      fs.symlinkSync('../secret', at('inbox', 'door'));
      hostile.push('door/key.png', 'door/none.png');
    }
    for (const structure of hostile) {
      strangersPicture(picture, structure);
      for (const args of [
        ['eval', 'gift.png'],
        ['inspect', 'gift.png', '--at', '1,1', '--folder', '.'],
      ]) {
        const made = watched(args, at('inbox'));
        expect(made.status, `${structure}: ${made.stderr}`).toBe(2);
        expect(made.touched).toContain('gift.png');
        expect(made.touched).not.toMatch(/secret|host|door.key|door.none/);
      }
    }
    const answers = ['../secret/key.png', '../secret/none.png'].map((structure) => {
      strangersPicture(picture, structure);
      return call(['eval', 'gift.png'], { cwd: at('inbox') }).stderr.replace(structure, 'PATH');
    });
    expect(answers[1]).toBe(answers[0]);
  });

  it('is measured by pictures in its own folder, its graph’s and the current one, and elsewhere when the user says so', () => {
    fs.mkdirSync(at('inbox', 'weft-out'), { recursive: true });
    strangersPicture(at('inbox', 'weft-out', 'gift.png'), '../giraffe.png', '../zebra.png');
    const outside = call(['eval', at('inbox', 'weft-out', 'gift.png')], { cwd: base });
    expect(outside).toMatchObject({ status: 2, stderr: expect.stringMatching(/--folder.*--allow-outside/) as string });
    const allowed = call(['eval', at('inbox', 'weft-out', 'gift.png'), '--folder', at('inbox'), '--allow-outside']);
    expect(allowed.status, allowed.stderr).toBe(0);
    strangersPicture(at('inbox', 'weft-out', 'gift.png'), 'giraffe.png');
    for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(at(name), at('inbox', name));
    const graphs = call(['eval', at('inbox', 'weft-out', 'gift.png')], { cwd: base });
    expect(graphs.status, graphs.stderr).toBe(0);
  });
});

describe('a stranger’s run.json', () => {
  const report = (outputs: string[]) => {
    fs.writeFileSync(at('run.json'), JSON.stringify({ graph: '', provider: 'cpu', outputs }));
    return watched(['inspect', 'run.json', '--at', '1,1']);
  };

  it('does not lead out of its folder, to devices or to pipes', () => {
    fs.mkdirSync(at('secret'));
    strangersPicture(at('secret', 'x.png'), 'giraffe.png');
    const outputs = ['/dev/zero', `../${path.basename(folder)}-x.png`, at('secret', 'x.png')];
    if (posix) {
      expect(spawnSync('mkfifo', [at('pipe.png')]).status).toBe(0);
      fs.symlinkSync('/dev/zero', at('zero.png'));
      fs.symlinkSync(path.join(base, 'elsewhere.png'), at('link.png'));
      outputs.push('pipe.png', 'zero.png', 'link.png');
    }
    const made = report(outputs);
    expect(made).toMatchObject({
      status: 2,
      signal: null,
      stderr: expect.stringMatching(/none of them is a PNG beside it/) as string,
    });
    expect(made.touched).not.toMatch(/dev.zero|-x\.png|secret|elsewhere/);
  });

  it.skipIf(!posix)('nor is a pipe waited for that is given itself, as a graph or as a part of a checkpoint', () => {
    expect(spawnSync('mkfifo', [at('pipe.weft.json')]).status).toBe(0);
    for (const args of [
      ['validate', 'pipe.weft.json'],
      ['run', 'pipe.weft.json'],
      ['sweep', 'pipe.weft.json', '--over', 'schedule.seed=1,2'],
      ['inspect', 'pipe.weft.json', '--at', '1,1'],
    ]) {
      const made = call(args);
      expect(made, args.join(' ')).toMatchObject({ status: 2, signal: null });
      expect(made.stdout + made.stderr).toMatch(/is a named pipe/);
    }
    for (const part of ['text_encoder', 'vae_encoder', 'vae_decoder', 'tokenizer'])
      fs.cpSync(path.join(root, 'models', 'mini', part), at('model', part), { recursive: true });
    fs.mkdirSync(at('model', 'unet'));
    expect(spawnSync('mkfifo', [at('model', 'unet', 'model.onnx')]).status).toBe(0);
    const added = call(['models', 'add', 'model']);
    expect(added).toMatchObject({ status: 3, signal: null, stderr: expect.stringMatching(/named pipe/) as string });
  });
});

describe('a power loss', () => {
  /** That a file was flushed before it came to its place, and the place after. */
  const survives = (log: string, file: string): void => {
    const lines = log.split('\n');
    const renamed = lines.findIndex((line) => /^rename/.test(line) && line.endsWith(` -> ${file}`));
    expect(renamed, file).toBeGreaterThan(0);
    const temporary = / (.*) -> /.exec(lines[renamed]!)![1]!;
    expect(lines.slice(0, renamed)).toContain(`sync ${temporary}`);
    expect(lines.slice(renamed)).toContain(`sync ${path.dirname(file)}`);
  };

  it('leaves graphs, results and reports whole', () => {
    const args = ['--structure', 'giraffe.png', '--appearance', 'zebra.png', '--domain', 'animal', '--steps', '4'];
    const made = watched(['transfer', ...args, '--skip', '2', '--out', 'a.png', '--keep-graph', 'a.weft.json']);
    expect(made.status, made.stderr).toBe(0);
    for (const name of ['a.png', 'a.run.json', 'a.weft.json']) survives(made.touched, at(name));
    const swept = watched(['sweep', 'a.weft.json', '--over', 'schedule.seed=1,2', '--out', 'swept']);
    expect(swept.status, swept.stderr).toBe(0);
    const cells = fs.readdirSync(at('swept', 'cells')).map((name) => path.join('cells', name));
    expect(cells).toHaveLength(4);
    for (const name of [...cells, 'sheet.png', 'sweep.json']) survives(swept.touched, at('swept', name));
  });

  it('leaves checkpoints that were imported whole', () => {
    for (const part of ['unet', 'text_encoder', 'vae_encoder', 'vae_decoder', 'tokenizer'])
      fs.cpSync(path.join(root, 'models', 'mini', part), at('durable', part), { recursive: true });
    const added = watched(['models', 'add', 'durable']);
    expect(added.status, added.stderr).toBe(0);
    const prepared = path.join(home, 'checkpoints', 'durable');
    const moved = new RegExp(`^rename (.*) -> ${prepared}$`, 'm').exec(added.touched);
    expect(moved).not.toBeNull();
    const before = added.touched.slice(0, moved!.index).split('\n');
    for (const entry of fs.readdirSync(prepared, { recursive: true, withFileTypes: true })) {
      const file = path.join(moved![1]!, path.relative(prepared, path.join(entry.parentPath, entry.name)));
      expect(before).toContain(`sync ${file}`);
    }
    expect(added.touched.slice(moved!.index).split('\n')).toContain(`sync ${path.dirname(prepared)}`);
  });
});

describe('weft validate', () => {
  it('tells nothing of what lies outside the graph’s folder', () => {
    fs.mkdirSync(at('inner'));
    const answers = ['../giraffe.png', '../nothing.png'].map((structure) => {
      const graph = standardGraph({ structure, appearance: 'here.png', domain: 'animal' });
      fs.writeFileSync(at('inner', 'g.weft.json'), writeGraph(graph));
      return watched(['validate', path.join('inner', 'g.weft.json')]);
    });
    expect(answers[1]!.stdout).toBe(answers[0]!.stdout);
    expect(answers[0]!.stdout).toMatch(/There is no file "here\.png"/);
    for (const { touched } of answers) expect(touched).not.toMatch(/giraffe|nothing/);
  });
});
