/* eslint-disable no-control-regex -- what must not reach the terminal */
/** What `weft` says on stderr: doubts that used to be swallowed, and places that the user can find. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeGraph } from '../../../extension/graph';
import { insertPngText } from '../../../extension/platform/pngText';
import { pictures, root, shortGraph, withParam } from '../../support/mini';

let home: string;
let folder: string;
const weft = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [path.join(root, 'dist', 'weft.js'), ...args], {
    cwd: folder,
    env: { ...process.env, WEFT_HOME: home },
    encoding: 'utf8',
  });
const short = shortGraph({ steps: 4, skip: 1 });
const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
const transfer = ['transfer', '--structure', 'giraffe.png', '--appearance', 'zebra.png', '--steps', '4'];

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-messages-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  write('g.weft.json', writeGraph(short));
  const typo = writeGraph(withParam(withParam(short, 'swap', 'contrst', 3), 'prompt', 'domain', 'car'));
  write('typo.weft.json', typo.replace('"type": "save",', '"type": "save",\n      "mutd": true,'));
});
afterAll(() => {
  for (const created of [home, folder]) fs.rmSync(created, { recursive: true, force: true });
});

describe('doubts about a graph', () => {
  const doubts = [
    /typo\.weft\.json:\d+:\d+: swap\.contrst: .*Did you mean contrast\?/,
    /typo\.weft\.json:\d+:\d+: prompt\.domain: The checkpoint mini does not know "car"/,
    /typo\.weft\.json:\d+:\d+: save: "mutd" is not a key of a node. Did you mean muted\?/,
  ];

  it('are told by run on stderr, and the run goes on', () => {
    const { status, stdout, stderr } = weft('run', 'typo.weft.json', '--out', 'run');
    for (const doubt of doubts) expect(stderr).toMatch(doubt);
    expect([status, stdout]).toEqual([0, `${path.join('run', 'result.png')}\n`]);
  });

  it('are told by inspect, and once by sweep, however many cells it has', () => {
    expect(weft('inspect', 'typo.weft.json', '--at', '5,5').stderr).toMatch(doubts[0]!);
    const { stderr } = weft('sweep', 'typo.weft.json', '--over', 'swap.contrast=1,2', '--out', 'sweep');
    expect(stderr.match(/no parameter contrst/g)).toHaveLength(1);
  });

  it('are told by validate, which knows what the library has and exits with 3 for a checkpoint that it lacks', () => {
    const { status, stdout } = weft('validate', 'typo.weft.json');
    for (const doubt of doubts) expect(stdout).toMatch(doubt);
    expect(status).toBe(0);
    write('other.weft.json', writeGraph(withParam(short, 'model', 'id', 'sd15')));
    const lacking = weft('validate', 'other.weft.json');
    expect(lacking).toMatchObject({ status: 3, stderr: '' });
    expect(lacking.stdout).toMatch(/^other\.weft\.json:\d+:\d+: model\.id: There is no checkpoint "sd15"/);
  });

  it('are told of a transfer by its options', () => {
    const { status, stderr } = weft(...transfer, '--skip', '1', '--domain', 'car', '--out', 'car.png');
    expect(stderr).toMatch(/^--domain: The checkpoint mini does not know "car"/m);
    expect(status).toBe(0);
  });

  it('are told of a prompt that is longer than the text encoder reads, once, at its prompt', () => {
    const words = `animal ${Array.from({ length: 90 }, (_, index) => `w${index}`).join(' ')} the end`;
    const { status, stderr } = weft('run', 'g.weft.json', '--set', `prompt.text=${words}`, '--out', 'long');
    expect(
      stderr.match(/^prompt: The text encoder reads \d+ tokens of a prompt\. From "w\d+ .* shorten it\.$/gm),
    ).toHaveLength(1);
    expect(status).toBe(0);
    expect(weft('run', 'g.weft.json', '--out', 'fits').stderr).not.toMatch(/text encoder/);
  });
});

describe('the place of an error', () => {
  it('is the option, or the line of the file as the user has it', () => {
    expect(weft('run', 'g.weft.json', '--set', 'swap.contrast=99')).toMatchObject({
      status: 2,
      stderr: 'weft: --set swap.contrast: contrast must be between 0 and 10, not 99.\n',
    });
    expect(weft('run', 'g.weft.json', '--set', 'swap.contrst=1').stderr).toMatch(/^weft: --set swap\.contrst: /);
    const text = writeGraph(short).replace('"swap.transfer"', '"swop.transfer"');
    write('wire.weft.json', text);
    const line = text.slice(0, text.indexOf('swop')).split('\n').length;
    for (const set of [[], ['--set', 'adain.range=[1,2]', '--set', 'appearance.path=giraffe.png']])
      expect(weft('run', 'wire.weft.json', ...set).stderr).toMatch(
        new RegExp(`^weft: wire\\.weft\\.json:${line}:\\d+: adain\\.transfer`),
      );
  });

  it('is the option of a transfer, and no file that nobody has', () => {
    for (const [option, value, more] of [
      ['--skip', '9', ['--domain', 'animal']],
      ['--domain', '', ['--skip', '1']],
      ['--seed', '4294967296', ['--domain', 'animal', '--skip', '1']],
      ['--size', '100x77', ['--domain', 'animal', '--skip', '1']],
    ] as const) {
      const { status, stderr } = weft(...transfer, option, value, ...more);
      expect(stderr).toMatch(new RegExp(`^weft: ${option}: `));
      expect(stderr).not.toContain('transfer.weft.json');
      expect(status).toBe(2);
    }
  });

  it('is the picture whose graph is measured or looked at', () => {
    const graph = writeGraph(withParam(short, 'swap', 'contrast', 99));
    const png = insertPngText(fs.readFileSync(path.join(folder, 'zebra.png')), {
      'weft.graph': graph,
      'weft.run': '{half',
    });
    fs.writeFileSync(path.join(folder, 'coat.png'), png);
    // A run's text that is no JSON costs what it would have told, and nothing else.
    expect(weft('inspect', 'coat.png', '--at', '5,5')).toMatchObject({
      status: 2,
      stderr: 'weft: the graph in coat.png: swap.contrast: contrast must be between 0 and 10, not 99.\n',
    });
    const refused = weft('eval', 'coat.png', '--checkpoint', 'sd15');
    expect(refused.stderr).toMatch(/^weft: --checkpoint: There is no checkpoint "sd15"/);
    expect(refused.status).toBe(3);
  });

  it('names what a file is that was taken for a graph', () => {
    for (const command of [['run'], ['validate'], ['sweep', '--over', 'swap.contrast=1,2']]) {
      const { status, stdout, stderr } = weft(command[0]!, 'zebra.png', ...command.slice(1));
      expect(stdout + stderr).toMatch(/zebra\.png:1:1: The file is not a graph but a PNG image/);
      expect(status).toBe(2);
    }
    expect(weft('validate', '.').stdout).toBe(".:1:1: The file can't be read: it is a folder. Give it a file.\n");
  });
});

describe('text that somebody else wrote', () => {
  it('reaches the terminal without its escape codes', () => {
    const source = path.join(folder, 'strange');
    fs.cpSync(path.join(root, 'models', 'mini'), source, { recursive: true });
    const manifest = JSON.parse(fs.readFileSync(path.join(source, 'weft.json'), 'utf8')) as Record<string, unknown>;
    manifest['title'] = 'A\u001b]0;owned\u0007B\u009b31mC\u202eD\r\nmini\tforged';
    delete manifest['files'];
    fs.writeFileSync(path.join(source, 'weft.json'), JSON.stringify(manifest));
    const added = weft('models', 'add', 'strange', '--id', 'strange');
    expect(added.status).toBe(0);
    const all = [
      added,
      weft('models', 'list'),
      weft('models', 'show', 'strange'),
      weft('validate', 'no\u001b[31msuch'),
    ];
    for (const { stdout, stderr } of all)
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(all[1]!.stdout.match(/^mini\t/gm)).toHaveLength(1);
    expect(all[1]!.stdout).toMatch(/^strange\tA\]0;ownedB31mCD mini forged\t/m);
  });
});
