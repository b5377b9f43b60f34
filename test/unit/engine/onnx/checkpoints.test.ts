import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Of } from '../../../../extension/engine/checkpoints/digests';
import { readLayout } from '../../../../extension/engine/checkpoints/layout';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { type Stamps } from '../../../../extension/engine/checkpoints/stored';
import { readModel } from '../../../../extension/engine/onnx/modelFile';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { ownMark } from '../../../../extension/platform/processes';
import { fixtures } from '../../../fixtures/onnx/open';
import { makeZombie } from '../../../support/zombie';
import { writeReference } from '../../../support/referenceFolder';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-library-')));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => {
  const folder = path.join(root, String(count++));
  fs.mkdirSync(folder);
  return folder;
};

const referenceCheckpoint = (flat = false): string => writeReference(fresh(), flat);

function miniFolder(): string {
  const models = fresh();
  fs.cpSync(path.resolve('models/mini'), path.join(models, 'mini'), { recursive: true });
  return models;
}

const write = (file: string, json: unknown): void => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify(json));
};

/** Turns one byte of a file into another. */
function flip(file: string, at: number): void {
  const fd = fs.openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  fs.readSync(fd, byte, 0, 1, at);
  fs.writeSync(fd, Buffer.from([byte[0]! ^ 0x55]), 0, 1, at);
  fs.closeSync(fd);
}

/** Changes a file as a tool does that sets its times back: only the time of the change itself tells. */
function changeUnseen(file: string): void {
  const before = fs.statSync(file);
  const reference = path.join(fresh(), 'times');
  // fs.utimes would lose the nanoseconds.
  const copyTimes = (from: string, to: string): unknown => spawnSync('touch', ['-r', from, to]);
  fs.writeFileSync(reference, '');
  copyTimes(file, reference);
  do {
    flip(file, before.size >> 1);
    flip(file, before.size >> 1);
  } while (fs.statSync(file).ctimeMs === before.ctimeMs);
  flip(file, before.size >> 1);
  copyTimes(reference, file);
  const { size, mtimeMs, ino } = fs.statSync(file);
  expect({ size, mtimeMs, ino }).toEqual({ size: before.size, mtimeMs: before.mtimeMs, ino: before.ino });
}

describe('reading a folder', () => {
  it('takes what configurations say and defaults of Stable Diffusion where there are none', () => {
    const folder = referenceCheckpoint();
    expect(readLayout(folder)).toMatchObject({
      scalingFactor: 0.18215,
      scheduler: { trainTimesteps: 1000, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear' },
    });
    write(path.join(folder, 'vae_decoder/config.json'), { scaling_factor: 0.5, block_out_channels: [1, 2, 3] });
    write(path.join(folder, 'scheduler/scheduler_config.json'), { beta_schedule: 'linear', beta_start: 0.1 });
    expect(readLayout(folder)).toMatchObject({
      scalingFactor: 0.5,
      vaeScale: 4,
      scheduler: { betaSchedule: 'linear', betaStart: 0.1 },
    });
  });

  it('takes v-prediction, and refuses what it does not run by name', () => {
    const folder = referenceCheckpoint(true);
    const scheduler = (config: object): void =>
      void write(path.join(folder, 'scheduler/scheduler_config.json'), config);
    scheduler({ prediction_type: 'v_prediction' });
    expect(readLayout(folder).scheduler.prediction).toBe('v_prediction');
    scheduler({ prediction_type: 'sample' });
    expect(() => readLayout(folder)).toThrow(/predicts "sample"/);
    scheduler({ prediction_type: 'v_prediction', rescale_betas_zero_snr: true });
    expect(() => readLayout(folder)).toThrow(/rescale_betas_zero_snr/);
  });

  it('refuses Stable Diffusion XL and inpainting by name', () => {
    const folder = referenceCheckpoint(true);
    write(path.join(folder, 'model_index.json'), { _class_name: 'ORTStableDiffusionXLPipeline' });
    expect(() => readLayout(folder)).toThrow(/Stable Diffusion XL/);
    write(path.join(folder, 'model_index.json'), { _class_name: 'OnnxStableDiffusionInpaintPipeline' });
    expect(() => readLayout(folder)).toThrow(/inpainting/);
  });

  it('names the parts that are missing', () => {
    const folder = referenceCheckpoint();
    fs.rmSync(path.join(folder, 'vae_encoder'), { recursive: true });
    expect(() => readLayout(folder)).toThrow(/lacks vae_encoder\/model.onnx/);
    expect(() => readLayout(path.join(folder, 'nowhere'))).toThrow(/is not a folder/);
  });

  it('asks which model to take where there are two', () => {
    const folder = referenceCheckpoint();
    fs.renameSync(path.join(folder, 'unet/model.onnx'), path.join(folder, 'unet/a.onnx'));
    expect(readLayout(folder).models.unet).toBe(path.join(folder, 'unet/a.onnx'));
    fs.writeFileSync(path.join(folder, 'unet/b.onnx'), '');
    expect(() => readLayout(folder)).toThrow(/a\.onnx, b\.onnx/);
  });
});

describe('the library', () => {
  const home = path.join(root, 'home');
  let source: string;
  beforeAll(async () => {
    source = referenceCheckpoint();
    await openLibrary({ home }).add([source], 'Reference 64');
  });

  it('imports a folder: shapes, names and types come from the graphs', async () => {
    const checkpoint = await openLibrary({ home }).open('reference-64');
    expect(checkpoint).toMatchObject({
      id: 'reference-64',
      builtIn: false,
      pictureSize: 512,
      latentSize: 64,
      latentChannels: 4,
      vaeScale: 8,
      precision: 'fp32',
      scalingFactor: 0.18215,
      textEncoder: {
        contextLength: 77,
        input: { name: 'input_ids', type: 'int64' },
        output: { name: 'last_hidden_state' },
      },
      vaeEncoder: { input: { name: 'sample' }, output: { name: 'latent_sample' } },
      vaeDecoder: { input: { name: 'latent_sample' }, output: { name: 'sample' } },
    });
    expect(checkpoint.unet.interface.swapLayers).toHaveLength(6);
    const sessions = inProcessSessions();
    for (const part of [checkpoint.unet, checkpoint.textEncoder, checkpoint.vaeEncoder, checkpoint.vaeDecoder])
      await sessions.load(part.path, path.join(checkpoint.folder, part.path), { provider: 'cpu', threads: 1 });
  });

  it('shares weight files with the source by hard links', () => {
    const linked = path.join(home, 'checkpoints/reference-64/unet/weights.bin');
    expect(fs.statSync(linked).ino).toBe(fs.statSync(path.join(source, 'unet/weights.bin')).ino);
  });

  it('reads flat files beside each other as well', async () => {
    const flat = referenceCheckpoint(true);
    const library = openLibrary({ home: fresh() });
    const info = await library.add([flat]);
    expect(info.id).toBe(path.basename(flat));
    expect((await library.open(info.id)).unet.interface).toEqual(
      (await openLibrary({ home }).open('reference-64')).unet.interface,
    );
  });

  it('verifies what it holds, and says which file is damaged and by which digest', async () => {
    const library = openLibrary({ home: fresh() });
    await library.add([referenceCheckpoint()], 'damaged');
    const { folder } = await library.open('damaged');
    expect((await library.verify('damaged')).files).toBeGreaterThan(5);
    const weights = path.join(folder, 'unet/weights.bin');
    flip(weights, 100_000);
    const found = await sha256Of(weights);
    await expect(library.verify('damaged')).rejects.toThrow(new RegExp(`unet/weights.bin.*damaged.*${found}`));
    // Opening is cheap, but size, time and inode tell that the file was touched.
    await expect(library.open('damaged')).rejects.toThrow(found);
    fs.truncateSync(path.join(folder, 'vae_decoder/model.onnx'), 1000);
    await expect(library.open('damaged')).rejects.toThrow(/is damaged/);
    fs.rmSync(weights);
    await expect(library.verify('damaged')).rejects.toThrow(/unet\/weights.bin.*missing/);
  });

  it.each(['unet/weights.bin', 'unet/model.onnx', 'tokenizer/tokenizer.json'])(
    'notices that %s was changed in place, although size and times are as before',
    async (relative) => {
      const library = openLibrary({ home: fresh() });
      await library.add([referenceCheckpoint()], 'changed');
      const { folder } = await library.open('changed');
      changeUnseen(path.join(folder, relative));
      await expect(library.open('changed')).rejects.toThrow(new RegExp(`${relative}.*is damaged`));
    },
  );

  it('imports what was changed in place, not what it remembers of it', async () => {
    const folder = referenceCheckpoint();
    const library = openLibrary({ home: fresh() });
    const before = await library.add([folder], 'one');
    // Not the linked weights: those are of the first checkpoint, too.
    changeUnseen(path.join(folder, 'vae_decoder/model.onnx'));
    expect((await library.add([folder], 'two')).sha256).not.toBe(before.sha256);
  });

  it('finds a backup that was put back, and a folder that was moved, to be what they were', async () => {
    const home = fresh();
    await openLibrary({ home }).add([referenceCheckpoint()], 'kept');
    const { folder } = await openLibrary({ home }).open('kept');
    const moved = path.join(fresh(), 'moved');
    fs.cpSync(folder, moved, { recursive: true, preserveTimestamps: true });
    fs.rmSync(folder, { recursive: true });
    fs.cpSync(moved, folder, { recursive: true, preserveTimestamps: true });
    expect((await openLibrary({ home }).open('kept')).id).toBe('kept');
    // Digested once; from then on its new times are known.
    const stamps = path.join(folder, 'stamps.json');
    const renewed = fs.readFileSync(stamps, 'utf8');
    await openLibrary({ home }).open('kept');
    expect(fs.readFileSync(stamps, 'utf8')).toBe(renewed);
    const { ino, ctimeMs } = fs.statSync(path.join(folder, 'unet/weights.bin'));
    expect((JSON.parse(renewed) as Stamps).files['unet/weights.bin']).toMatchObject({ ino, ctimeMs });
  });

  it('does not mind a file that was only touched', async () => {
    const { folder } = await openLibrary({ home }).open('reference-64');
    const now = new Date();
    fs.utimesSync(path.join(folder, 'unet/model.onnx'), now, now);
    await openLibrary({ home }).open('reference-64');
  });

  it.each(['unet', 'vae_encoder', 'vae_decoder', 'text_encoder'])(
    'names the digest of a %s that was cut short before it was imported',
    async (part) => {
      const folder = referenceCheckpoint();
      const file = path.join(folder, part, 'model.onnx');
      fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2));
      const home = fresh();
      await expect(openLibrary({ home }).add([folder], 'cut')).rejects.toThrow(
        new RegExp(`cut short.*${await sha256Of(file)}`),
      );
      expect(fs.readdirSync(path.join(home, 'checkpoints'))).toEqual([]);
    },
  );

  it('checks the digests that a manifest lists', async () => {
    const folder = referenceCheckpoint();
    write(path.join(folder, 'weft.json'), {
      id: 'listed',
      files: { 'unet/model.onnx': await sha256Of(path.join(folder, 'unet/model.onnx')) },
    });
    expect((await openLibrary({ home: fresh() }).add([folder])).id).toBe('listed');
    write(path.join(folder, 'weft.json'), { files: { 'unet/model.onnx': '0'.repeat(64) } });
    await expect(openLibrary({ home: fresh() }).add([folder])).rejects.toThrow(
      /unet\/model.onnx is damaged: its SHA-256 is [0-9a-f]{64} instead of 0{64}/,
    );
  });

  it('lists, and forgets what is removed; what comes with Weft stays', async () => {
    const library = openLibrary({ home: fresh(), builtInModels: path.resolve('models') });
    await library.add([referenceCheckpoint()], 'gone');
    expect((await library.list()).map(({ id, builtIn, problem }) => [id, builtIn, problem])).toEqual([
      ['mini', true, undefined],
      ['gone', false, undefined],
    ]);
    await library.remove('gone');
    await expect(library.open('gone')).rejects.toThrow(/There is no checkpoint "gone". Known: mini/);
    await expect(library.remove('mini')).rejects.toThrow(/comes with Weft/);
    await expect(library.add([referenceCheckpoint()], 'mini')).rejects.toThrow(/built-in/);
  });

  it.each(['../x', '..', '/etc', '', 'a/../../b'])('makes no path of the id "%s"', async (id) => {
    const home = fresh();
    const library = openLibrary({ home });
    await expect(library.open(id)).rejects.toThrow(/There is no checkpoint/);
    const added = await library.add([referenceCheckpoint(true)], id || '///').catch((error: Error) => error);
    if (!(added instanceof Error)) expect(added.id).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
    expect(fs.readdirSync(root)).not.toContain('x');
  });

  it('keeps weights out of anything beyond the checkpoint: an export that reads a stranger’s file is refused', async () => {
    const folder = referenceCheckpoint();
    fs.rmSync(path.join(folder, 'unet/weights.bin'));
    fs.symlinkSync(path.join(fixtures, 'weights.bin'), path.join(folder, 'unet/weights.bin'));
    await expect(openLibrary({ home: fresh() }).add([folder], 'linked')).rejects.toThrow(
      /outside the checkpoint's folder/,
    );
  });
});

describe('files of Weft’s own that are damaged', () => {
  const SHAPES: [string, string][] = [
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['half of it', '{"format": 1, "id": "own", '],
    ['another shape', '{"format": 1, "id": 7, "files": {}, "unet": null}'],
    ['zeros', '\0\0\0\0'],
  ];

  let home: string;
  let source: string;
  let folder: string;
  const library = (): ReturnType<typeof openLibrary> => openLibrary({ home });
  beforeAll(async () => {
    home = fresh();
    source = referenceCheckpoint();
    await library().add([source], 'own');
    ({ folder } = await library().open('own'));
  });
  /** Calls `work` while a file holds something else. */
  const whileHolding = async (name: string, text: string, work: () => Promise<void>): Promise<void> => {
    const file = path.join(folder, name);
    const before = fs.readFileSync(file);
    fs.writeFileSync(file, text);
    await work();
    fs.writeFileSync(file, before);
  };

  it.each(SHAPES)('are no checkpoint when checkpoint.json holds %s: the list says what to do', (_what, text) =>
    whileHolding('checkpoint.json', text, async () => {
      expect((await library().list())[0]!.problem).toMatch(/checkpoint\.json is missing, damaged or/);
    }),
  );

  it.each(SHAPES)('are refused with a sentence when stamps.json holds %s', (_what, text) =>
    whileHolding('stamps.json', text, async () => {
      await expect(library().open('own')).rejects.toThrow(
        /"own" is not whole.*the folder it came from is not known: add it/,
      );
    }),
  );

  it('are made anew from the original, where that is still there', async () => {
    const { sha256 } = await library().open('own');
    const said: string[] = [];
    fs.writeFileSync(path.join(folder, 'checkpoint.json'), 'null');
    expect((await library().open('own', ({ message }) => said.push(message))).sha256).toBe(sha256);
    expect(said[0]).toMatch(/"own" is not whole .*preparing it again from/);
    expect((await library().list())[0]!.problem).toBeUndefined();
    await whileHolding('checkpoint.json', 'null', async () => {
      fs.renameSync(source, `${source}-elsewhere`);
      await expect(library().open('own')).rejects.toThrow(/"own" is not whole.*is no longer there: add it again/);
      fs.renameSync(`${source}-elsewhere`, source);
    });
  });

  it('of a built-in checkpoint are made anew in silence', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const { folder, sha256 } = await openLibrary({ home, builtInModels }).open('mini');
    fs.writeFileSync(path.join(folder, 'stamps.json'), 'null');
    expect((await openLibrary({ home, builtInModels }).open('mini')).sha256).toBe(sha256);
  });

  it('are not believed when a number in checkpoint.json was changed: pictures would be others', async () => {
    const file = path.join(folder, 'checkpoint.json');
    fs.writeFileSync(
      file,
      fs.readFileSync(file, 'utf8').replace('"scalingFactor": 0.18215', '"scalingFactor": 0.18216'),
    );
    expect((await library().open('own')).scalingFactor).toBe(0.18215);
  });

  it('of an older version, whose stamps lack the time of change, are digested once and then known', async () => {
    const file = path.join(folder, 'stamps.json');
    const stamps = JSON.parse(fs.readFileSync(file, 'utf8')) as Stamps;
    delete stamps.checkpoint;
    for (const stamp of Object.values(stamps.files)) delete stamp.ctimeMs;
    fs.writeFileSync(file, JSON.stringify(stamps));
    await library().open('own');
    const renewed = JSON.parse(fs.readFileSync(file, 'utf8')) as Stamps;
    expect(renewed.checkpoint).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.values(renewed.files).every(({ ctimeMs }) => ctimeMs !== undefined)).toBe(true);
  });
});

describe('two at once', () => {
  it('import under one name one after the other: both succeed, and the last is there', async () => {
    const home = fresh();
    const [a, b] = [referenceCheckpoint(), referenceCheckpoint(true)];
    const said: string[] = [];
    const added = await Promise.all(
      [a, b, a, b].map((folder) => openLibrary({ home }).add([folder], 'same', ({ message }) => said.push(message))),
    );
    expect(added.map(({ id }) => id)).toEqual(['same', 'same', 'same', 'same']);
    expect(said.join()).toContain('Another Weft is using the checkpoint "same". Waiting for it to finish.');
    await openLibrary({ home }).verify('same');
    expect(fs.readdirSync(path.join(home, 'checkpoints'))).toEqual(['same']);
  });

  it('import and remove, list and open without a bare error', async () => {
    const home = fresh();
    const source = referenceCheckpoint();
    const library = (): ReturnType<typeof openLibrary> => openLibrary({ home });
    await library().add([source], 'same');
    const outcomes = await Promise.allSettled([
      library().add([source], 'same'),
      library().remove('same'),
      library().open('same'),
      library().list(),
      library().add([source], 'same'),
      library().open('same'),
      library().remove('same'),
      library().verify('same'),
    ]);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(String(outcome.reason)).toMatch(/^WeftError: .*"same"/);
    await library().add([source], 'same');
    await library().verify('same');
    expect(fs.readdirSync(path.join(home, 'checkpoints'))).toEqual(['same']);
  });
});

describe('a built-in checkpoint', () => {
  it('is prepared on first use, by two at once without harm, and then found ready', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const said: string[] = [];
    const opened = await Promise.all(
      [1, 2, 3].map(async () => {
        const library = openLibrary({ home, builtInModels });
        const checkpoint = await library.open('mini', ({ message }) => said.push(message));
        const { ino } = fs.statSync(path.join(checkpoint.folder, checkpoint.unet.path));
        return { ...checkpoint, ino };
      }),
    );
    expect(new Set(opened.map(({ sha256 }) => sha256)).size).toBe(1);
    // The files that the first one found stay, since it may be about to open them.
    expect(new Set(opened.map(({ ino }) => ino)).size).toBe(1);
    expect(said.length).toBeGreaterThan(0);
    said.length = 0;
    const again = await openLibrary({ home, builtInModels }).open('mini', ({ message }) => said.push(message));
    expect(said).toEqual([]);
    expect(again.folder).toBe(opened[0]!.folder);
    expect(fs.readdirSync(path.dirname(again.folder))).toEqual([path.basename(again.folder)]);
    readModel(path.join(again.folder, again.unet.path));
  });

  it('is prepared anew when its files change, with another digest', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const manifest = path.join(builtInModels, 'mini/weft.json');
    const statements = JSON.parse(fs.readFileSync(manifest, 'utf8')) as Record<string, unknown>;
    delete statements['files'];
    fs.writeFileSync(manifest, JSON.stringify(statements));
    const library = openLibrary({ home, builtInModels });
    const before = await library.open('mini');
    const decoder = path.join(builtInModels, 'mini/vae_decoder/model.onnx');
    flip(decoder, fs.statSync(decoder).size >> 1);
    const after = await library.open('mini');
    expect(after.sha256).not.toBe(before.sha256);
  });

  it('is refused with its digest when one weight differs from what its manifest says', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const decoder = path.join(builtInModels, 'mini/vae_decoder/model.onnx');
    flip(decoder, fs.statSync(decoder).size >> 1);
    await expect(openLibrary({ home, builtInModels }).open('mini')).rejects.toThrow(
      /vae_decoder.model\.onnx.*[0-9a-f]{64}/,
    );
  });

  it('that is damaged says so with its digest, in the list as well', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const library = openLibrary({ home, builtInModels });
    await library.open('mini');
    const unet = path.join(builtInModels, 'mini/unet/model.onnx');
    fs.truncateSync(unet, 5_000_000);
    await expect(library.open('mini')).rejects.toThrow(await sha256Of(unet));
    expect((await openLibrary({ home: fresh(), builtInModels }).list())[0]!.problem).toContain('cut short');
  });

  it('whose prepared files are damaged is prepared again', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const library = openLibrary({ home, builtInModels });
    const { folder, unet } = await library.open('mini');
    fs.truncateSync(path.join(folder, unet.path), 1000);
    const again = await library.open('mini');
    readModel(path.join(again.folder, again.unet.path));
  });

  it.runIf(fs.existsSync('/proc/self/stat'))(
    'is prepared although a dead process, which nobody has reaped, left its folder',
    async () => {
      const [home, builtInModels] = [fresh(), miniFolder()];
      const zombie = await makeZombie();
      try {
        const parent = path.join(home, 'checkpoints/.built-in');
        const left = path.join(parent, `.mini-0.${zombie.pid}.0a0a0a0a.tmp`);
        const atWork = path.join(parent, `.other.${ownMark()}.0a0a0a0a.tmp`);
        for (const folder of [left, atWork]) fs.mkdirSync(folder, { recursive: true });
        await openLibrary({ home, builtInModels }).open('mini');
        expect([left, atWork].map((folder) => fs.existsSync(folder))).toEqual([false, true]);
      } finally {
        zombie.bury();
      }
    },
  );

  it('leaves no half checkpoint behind when its process is killed', async () => {
    const [home, builtInModels] = [fresh(), miniFolder()];
    const script = `
      import { openLibrary } from ${JSON.stringify(path.resolve('extension/engine/checkpoints/library.ts'))};
      void openLibrary({ home: ${JSON.stringify(home)}, builtInModels: ${JSON.stringify(builtInModels)} })
        .open('mini', ({ message }) => console.log(message));`;
    const file = path.join(fresh(), 'prepare.ts');
    fs.writeFileSync(file, script);
    // One process, so that the kill reaches the one that works.
    const child = spawn(process.execPath, ['--import', 'tsx', file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data: Buffer) => {
        if (data.includes('Rewriting')) child.kill('SIGKILL');
      });
      child.on('exit', () => resolve());
    });
    const library = openLibrary({ home, builtInModels });
    expect((await library.open('mini')).id).toBe('mini');
    await library.verify('mini');
    expect(fs.readdirSync(path.join(home, 'checkpoints/.built-in')).filter((name) => name.endsWith('.tmp'))).toEqual(
      [],
    );
  });
});
