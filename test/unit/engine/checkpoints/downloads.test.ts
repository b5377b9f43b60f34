import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DigestMemory } from '../../../../extension/engine/checkpoints/digestMemory';
import { Downloads, type DownloadsOptions } from '../../../../extension/engine/checkpoints/download/downloads';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { type CheckpointInfo, type DownloadProgress } from '../../../../extension/protocol/engine';
import { readModel } from '../../../../extension/engine/onnx/modelFile';
import { rewriteUnetGraph } from '../../../../extension/engine/onnx/surgery/rewriteUnet';
import { type Preset, presets } from '../../../../extension/graph';
import { WeftError } from '../../../../extension/protocol/errors';
import { FileServer, sha256 } from '../../../support/fileServer';
import { writeSingleFile } from '../../../support/smallModels';
import { writeLora } from '../../../support/smallLoras';
import { makeZombie } from '../../../support/zombie';
import { fillHub, HUB_FILES, hubManifest, LICENCE, writeManifest } from '../../../support/hub';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-downloads-'));
const UNET = 'unet/model.onnx';
const COMMIT = 'c0ffee'.padEnd(40, '0');
let server: FileServer;
let home: string;
let notes: string[];
let progress: DownloadProgress[];

beforeAll(async () => {
  server = await FileServer.start();
});
afterAll(async () => {
  await server.stop();
  fs.rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  server.reset();
  fillHub(server);
  home = fs.mkdtempSync(path.join(root, 'home'));
  notes = [];
  progress = [];
  writeManifest(home, hubManifest(server.url));
});

function downloads(more: Partial<DownloadsOptions> = {}): Downloads {
  const digests = new DigestMemory(path.join(home, 'digests.json'));
  const library = openLibrary({ home, digests });
  return new Downloads({
    home,
    manifestFolders: [path.resolve('models'), path.join(home, 'manifests')],
    userAgent: 'weft/test',
    digests,
    onProgress: (each) => progress.push(each),
    onNote: (_level, sentence) => notes.push(sentence),
    importFolder: (folder, id) => library.add([folder], id),
    checkGraph: (file) => void rewriteUnetGraph(readModel(file, undefined, { absentWeights: true })),
    installed: (id) => library.has(id),
    builtIn: async (id) => id === 'mini',
    env: {},
    policy: { tries: 3, retryMs: 5, longestRetryMs: 20, longestServerWaitMs: 2000 },
    timeouts: { headersMs: 5000, idleMs: 5000 },
    ...more,
  });
}
const request = { name: 'drawn', acceptedLicence: LICENCE, proxy: { url: 'off' } };
const state = async (): Promise<[string, number]> => {
  const known = (await downloads().known()).find(({ name }) => name === 'drawn')!;
  return [known.state, known.doneBytes];
};
const failure = async (running: Promise<unknown>): Promise<WeftError> => {
  const error: unknown = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WeftError);
  return error as WeftError;
};

describe('a known checkpoint', () => {
  it('is fetched, imported, and there to be run; its files are the same as the library’s, by hard links', async () => {
    const info = (await downloads().start(request)) as CheckpointInfo;
    expect(info).toMatchObject({
      id: 'drawn',
      title: 'Drawn animals',
      licence: 'CreativeML Open RAIL-M',
      builtIn: false,
    });
    expect(info.domains.map(({ noun }) => noun)).toContain('animal');
    const checkpoint = await openLibrary({ home }).open('drawn');
    const file = path.join(checkpoint.folder, checkpoint.textEncoder.path);
    expect(fs.statSync(file).nlink).toBeGreaterThan(1);
    expect(await state()).toEqual(['installed', expect.any(Number)]);
    const last = progress.at(-1)!;
    expect(last).toMatchObject({ phase: 'importing', bytes: last.total });
    expect(
      progress
        .filter(({ phase }) => phase === 'downloading')
        .every((p, i, all) => i === 0 || p.bytes >= all[i - 1]!.bytes),
    ).toBe(true);
    // The largest last: what is refused is refused early.
    expect(server.asked.at(-1)!.url).toContain(UNET);
  });

  it('is not fetched before its licence is accepted, and nobody is asked for anything', async () => {
    const { kind, message } = await failure(downloads().start({ name: 'drawn', proxy: { url: 'off' } }));
    expect(kind).toBe('graph');
    expect(message).toContain('CreativeML Open RAIL-M: read it at https://huggingface.co/');
    expect(server.asked).toEqual([]);
    expect((await failure(downloads().start({ ...request, acceptedLicence: 'mit' }))).kind).toBe('graph');
    expect(await state()).toEqual(['absent', 0]);
  });

  it('is listed with what is known of it', async () => {
    const known = await downloads().known();
    expect(known.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['sd15-fp32', 'sd15-fp16', 'sd14-fp32', 'drawn']),
    );
    const fp16 = known.find(({ name }) => name === 'sd15-fp16')!;
    expect(fp16).toMatchObject({ exact: true, precision: 'fp16', state: 'absent', digests: 0, files: 11 });
    expect(fp16.bytes).toBeGreaterThan(2.1e9);
    expect((await failure(downloads().start({ name: 'sd9' }))).message).toMatch(
      /No checkpoint .* "sd9". Known: .*sd15-fp16/,
    );
  });

  it('whose digests nobody published is told not to have been checked, and is verified from then on', async () => {
    const manifest = hubManifest(server.url);
    for (const file of manifest['files'] as { sha256: string }[]) file.sha256 = 'unknown';
    writeManifest(home, manifest);
    await downloads().start(request);
    expect(notes.join()).toMatch(/12 of 12 files could not be checked against a digest of the publisher's/);
    const library = openLibrary({ home });
    const { folder } = await library.open('drawn');
    fs.appendFileSync(path.join(folder, 'vae_decoder/model.onnx'), 'x');
    await expect(library.verify('drawn')).rejects.toThrow(/vae_decoder.*damaged/);
  });

  it('whose digests the server states is held against those', async () => {
    const manifest = hubManifest(server.url);
    const files = manifest['files'] as { path: string; sha256: string }[];
    const digests = new Map(files.map((file) => [file.path, file.sha256]));
    for (const file of files) file.sha256 = 'unknown';
    writeManifest(home, manifest);
    server.mischief = ({ url }) => ({ headers: { 'x-linked-etag': `"${digests.get(url.split('/main/')[1]!)}"` } });
    await downloads().start(request);
    expect(notes.join()).toContain('12 of 12 files were held against the digests that the server states');
    expect(notes.join()).not.toContain('could not be checked');
  });

  it('of a branch is fetched from the commit that the branch stood at when it was begun', async () => {
    fillHub(server, COMMIT);
    server.mischief = ({ url }) => ({ headers: { 'x-repo-commit': url.includes('/main/') ? COMMIT : '' } });
    await downloads().start(request);
    expect(server.asked.filter(({ url }) => url.includes('/main/'))).toHaveLength(1);
    expect(server.asked.filter(({ url }) => url.includes(COMMIT))).toHaveLength(HUB_FILES.length - 1);
  });

  it('does without optional files that the server lacks, and not without others', async () => {
    const manifest = hubManifest(server.url);
    const file = (manifest['files'] as { path: string; optional?: boolean }[]).find(
      ({ path: p }) => p === 'unet/config.json',
    )!;
    server.files.delete('/test/drawn/resolve/main/unet/config.json');
    expect((await failure(downloads().start(request))).message).toMatch(/has no unet\/config\.json \(404/);
    file.optional = true;
    writeManifest(home, manifest);
    expect((await downloads().start(request)).id).toBe('drawn');
  });

  it('that can not be rewritten is refused when its graph is there, before its weights are asked for', async () => {
    const manifest = hubManifest(server.url);
    const decoder = fs.readFileSync(path.resolve('models/mini/vae_decoder/model.onnx'));
    server.files.set('/test/drawn/resolve/main/unet/model.onnx', decoder);
    const files = manifest['files'] as { path: string; bytes: number; sha256: string }[];
    Object.assign(
      files.find(({ path: p }) => p === UNET)!,
      { bytes: 1000, sha256: 'unknown' },
    );
    Object.assign(
      files.find(({ path: p }) => p === UNET)!,
      { bytes: { about: 1000 }, sha256: 'unknown' },
    );
    writeManifest(home, manifest);
    const { message } = await failure(downloads().start(request));
    expect(message).toMatch(
      /Drawn animals can't be used, so its weights were not downloaded\. The UNet has the inputs/,
    );
    expect(server.for('vae_encoder/model.onnx')).toEqual([]);
  });
});

describe('pause and resume', () => {
  const slowUnet = (rate = 2_000_000): void => {
    server.mischief = ({ url }) => (url.endsWith(UNET) ? { rate } : undefined);
  };
  const begun = async (): Promise<void> => {
    await expect.poll(() => server.for(UNET).length, { timeout: 20_000 }).toBe(1);
    // Something of it has come.
    const folder = path.join(home, 'downloads');
    const parts = (): string[] =>
      fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.part'));
    await expect.poll(() => parts().some((name) => fs.statSync(path.join(folder, name)).size > 0)).toBe(true);
  };

  it('goes on where it was paused, asking for no licence and for no file twice', async () => {
    slowUnet();
    const first = downloads();
    const running = failure(first.start(request));
    await begun();
    expect(await first.pause('drawn')).toBe(true);
    const { kind, message } = await running;
    expect(kind).toBe('interrupted');
    expect(message).toMatch(/paused at \d+ %/);
    expect(await state()).toEqual(['paused', expect.any(Number)]);
    expect(await first.pause('drawn')).toBe(false);
    const before = server.asked.length;
    server.mischief = () => undefined;
    await downloads().start({ name: 'drawn', proxy: { url: 'off' } });
    const after = server.asked.slice(before);
    expect(after[0]!.url).toContain(UNET);
    expect(after[0]!.range).toMatch(/^bytes=\d{3,}-$/);
    expect(after.some(({ url }) => url.includes('tokenizer'))).toBe(false);
  });

  it('survives a killed process; another one waits its turn until then', async () => {
    slowUnet(1_000_000);
    const file = path.join(root, 'download.ts');
    const at = (name: string): string => JSON.stringify(path.resolve('extension/engine', name));
    fs.writeFileSync(
      file,
      `import { DigestMemory } from ${at('checkpoints/digestMemory.ts')};
       import { Downloads } from ${at('checkpoints/download/downloads.ts')};
       void new Downloads({
         home: ${JSON.stringify(home)}, manifestFolders: [${JSON.stringify(path.join(home, 'manifests'))}], userAgent: 'weft/test',
         digests: new DigestMemory(${JSON.stringify(path.join(home, 'digests.json'))}),
         onProgress: () => {}, onNote: () => {}, importFolder: () => Promise.reject(new Error('not here')), checkGraph: () => {},
         installed: () => Promise.resolve(false), builtIn: () => Promise.resolve(false), env: {},
       }).start({ name: 'drawn', acceptedLicence: '${LICENCE}', proxy: { url: 'off' } });`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', file], { stdio: 'ignore' });
    await begun();
    const { kind, message } = await failure(downloads().start(request));
    expect(kind).toBe('graph');
    expect(message).toContain(`by another Weft on this machine (process ${child.pid})`);
    expect((await state())[0]).toBe('downloading');
    expect((await failure(downloads().discard('drawn'))).message).toContain('another Weft');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('exit', resolve));
    expect(await state()).toEqual(['paused', expect.any(Number)]);
    server.mischief = () => undefined;
    const info = await downloads().start({ name: 'drawn', proxy: { url: 'off' } });
    expect(info.id).toBe('drawn');
    expect(server.for(UNET).at(-1)!.range).toMatch(/^bytes=\d{3,}-$/);
  });

  it.runIf(fs.existsSync('/proc/self/stat'))(
    'does not wait for a dead process that nobody has reaped, and removes what it was writing',
    async () => {
      const zombie = await makeZombie();
      try {
        const folder = path.join(home, 'downloads');
        const holder = { pid: zombie.pid, host: os.hostname(), token: 'x' };
        fs.mkdirSync(path.join(folder, 'drawn/files'), { recursive: true });
        fs.writeFileSync(path.join(folder, '.drawn.lock'), JSON.stringify(holder));
        expect((await state())[0]).toBe('absent');
        expect((await downloads().start(request)).id).toBe('drawn');
        expect(fs.readdirSync(folder)).toEqual(['drawn']);
        // What a kill in the middle of the last write leaves: the file as it was, and a temporary one beside it.
        await openLibrary({ home }).remove('drawn');
        fs.mkdirSync(path.join(folder, 'drawn/files'), { recursive: true });
        fs.writeFileSync(path.join(folder, 'drawn/files/.weft-1-0a0a0a0a.tmp'), '');
        await downloads().start(request);
        expect(fs.readdirSync(path.join(folder, 'drawn/files')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      } finally {
        zombie.bury();
      }
    },
  );

  it('leaves the file of statements as it was when the disk is full at the end', async () => {
    const full = downloads({ importFolder: () => Promise.reject(new Error('not yet')) });
    await full.start(request).catch(() => undefined);
    const file = path.join(home, 'downloads/drawn/files/weft.json');
    const before = fs.readFileSync(file, 'utf8');
    expect(JSON.parse(before)).toMatchObject({ id: 'drawn' });
    const rename = vi
      .spyOn(fs.promises, 'rename')
      .mockRejectedValue(Object.assign(new Error('no'), { code: 'ENOSPC' }));
    try {
      expect(String(await full.start(request).catch((error: unknown) => error))).toContain('the disk is full');
      expect(fs.readFileSync(file, 'utf8')).toBe(before);
    } finally {
      rename.mockRestore();
    }
  });

  it('is one download for two who start it in one process', async () => {
    const both = downloads();
    const [a, b] = await Promise.all([both.start(request), both.start(request)]);
    expect(a).toBe(b);
    expect(server.for(UNET)).toHaveLength(1);
  });

  it('keeps what is there when nothing says any more what it is: digests tell', async () => {
    slowUnet();
    const first = downloads();
    const running = failure(first.start(request));
    await begun();
    await first.pause('drawn');
    await running;
    server.mischief = () => undefined;
    for (const text of ['', 'null', '{"version":1,"files":[]}']) {
      fs.writeFileSync(path.join(home, 'downloads/drawn/download.json'), text);
      expect((await failure(downloads().start({ name: 'drawn' }))).message).toContain('accept it first');
    }
    const before = server.asked.length;
    expect((await downloads().start(request)).id).toBe('drawn');
    expect(server.asked.slice(before).map(({ url }) => url)).toEqual([expect.stringContaining(UNET)]);
  });

  it('of a branch goes on at the commit it began at, also when the branch has moved; the checkpoint says which', async () => {
    fillHub(server, COMMIT);
    server.mischief = ({ url }) => ({
      headers: { 'x-repo-commit': url.includes('/main/') ? COMMIT : '' },
      ...(url.endsWith(UNET) ? { rate: 2_000_000 } : {}),
    });
    const first = downloads();
    const running = failure(first.start(request));
    await begun();
    await first.pause('drawn');
    await running;
    const known = (await downloads().known()).find(({ name }) => name === 'drawn')!;
    expect(known).toMatchObject({ revision: 'main', commit: COMMIT });
    server.mischief = ({ url }) => (url.includes('/main/') ? { status: 500 } : undefined);
    const { origin } = (await downloads().start({ name: 'drawn', proxy: { url: 'off' } })) as CheckpointInfo;
    expect(origin).toEqual({ source: `${server.url}/test/drawn`, revision: 'main', commit: COMMIT });
    const [listed] = await openLibrary({ home }).list();
    expect(listed!.origin).toEqual(origin);
  });

  it('of an older manifest is begun anew', async () => {
    slowUnet();
    const first = downloads();
    const running = failure(first.start(request));
    await begun();
    await first.pause('drawn');
    await running;
    writeManifest(home, hubManifest(server.url, { revision: 'v2' }));
    fillHub(server, 'v2');
    expect(await state()).toEqual(['absent', expect.any(Number)]);
    expect((await failure(downloads().start({ name: 'drawn' }))).message).toContain('accept it first');
    server.mischief = () => undefined;
    await downloads().start(request);
    expect(server.for('v2/model_index.json')).toHaveLength(1);
  });

  it('can be discarded', async () => {
    slowUnet();
    const first = downloads();
    const running = failure(first.start(request));
    await begun();
    expect(await first.discard('drawn')).toBeGreaterThan(10_000);
    await running;
    expect(await state()).toEqual(['absent', 0]);
    expect(fs.readdirSync(path.join(home, 'downloads'))).toEqual([]);
  });

  it('notices a finished file that was changed since', async () => {
    slowUnet();
    const first = downloads();
    const running = failure(first.start(request));
    await begun();
    await first.pause('drawn');
    await running;
    fs.appendFileSync(path.join(home, 'downloads/drawn/files/tokenizer/tokenizer.json'), ' ');
    server.mischief = () => undefined;
    expect((await downloads().start(request)).id).toBe('drawn');
    expect(server.for('tokenizer/tokenizer.json')).toHaveLength(2);
  });
});

describe('a single .safetensors file', () => {
  const NAME = 'My-Model_v1.safetensors';
  const url = `/test/drawn/resolve/main/${NAME}`;
  let bytes: Buffer;
  beforeAll(() => {
    bytes = fs.readFileSync(writeSingleFile(path.join(root, NAME), 'tiny', { precision: 'F16' }));
  });
  beforeEach(() => {
    server.files.set(url, bytes);
    const files = [{ path: NAME, bytes: bytes.length, sha256: sha256(bytes) }];
    const about = { name: 'single', title: 'A single file', exporter: 'none', pictureSize: 512, inputs: {} };
    writeManifest(home, hubManifest(server.url, { ...about, files, defaults: {}, domains: [] }));
  });
  const library = () => openLibrary({ home, builtInModels: path.resolve('models') });
  const single = (more: Partial<DownloadsOptions> = {}): Downloads =>
    downloads({ importFolder: (folder, id) => library().add([folder], id), ...more });

  it('is checked against its digest and added where it came to lie: nothing of it is copied', async () => {
    // Room for the file, and not for a second one.
    const enough = { freeBytes: async () => Math.ceil(bytes.length * 1.2) };
    const info = await single(enough).start({ ...request, name: 'single' });
    const file = path.join(home, 'downloads/single/files', NAME);
    expect(info).toMatchObject({
      id: 'single',
      title: 'A single file',
      licence: 'CreativeML Open RAIL-M',
      origin: { source: `${server.url}/test/drawn`, revision: 'main' },
      precision: 'fp16',
      weights: [fs.realpathSync(file)],
    });
    expect(fs.statSync(file).nlink).toBe(1);
    await library().open('single');
    expect(await library().remove('single')).toBeGreaterThan(bytes.length);
    expect(fs.existsSync(file)).toBe(false);
  });

  it('of another digest is thrown away', async () => {
    const wrong = Buffer.from(bytes);
    wrong[wrong.length - 1]! ^= 1;
    server.files.set(url, wrong);
    const { message } = await failure(single().start({ ...request, name: 'single' }));
    expect(message).toContain(sha256(bytes));
    expect(message).toContain(sha256(wrong));
    expect(await library().has('single')).toBe(false);
    expect(fs.existsSync(path.join(home, 'downloads/single/files', NAME))).toBe(false);
  });
});

describe('what comes with Weft', () => {
  it('begins with the one for photographs, and ends with the exports to ONNX and the LoRAs', async () => {
    const known = await downloads({ manifestFolders: [path.resolve('models'), path.join(home, 'none')] }).known();
    const names = known.map(({ name }) => name);
    expect(names.slice(0, 3)).toEqual(['sd15', 'dreamshaper-8', 'sd15-full']);
    const others = known.slice(3);
    const exports = others.filter(({ exporter }) => exporter !== 'none');
    expect(others).toEqual([...exports, ...others.filter(({ kind }) => kind === 'lora')]);
    for (const { digests, exact, licence, state: there } of known.slice(0, 3))
      expect([digests, exact, licence.id, there]).toEqual([1, true, LICENCE, 'absent']);
    expect(known[0]).toMatchObject({ bytes: 2_132_696_762, revision: '4fddeb7f9096623f1b77f4708feb96126a08a0cf' });
    // A name that people use keeps its meaning.
    expect(known.find(({ name }) => name === 'sd15-fp32')!.source).toContain('onnx-community');
  });
});

describe('before anything is asked for', () => {
  it('the space on the disk is', async () => {
    const { kind, message } = await failure(downloads({ freeBytes: async () => 10e6 }).start(request));
    expect(kind).toBe('checkpoint');
    expect(message).toMatch(/needs \d+ MB free .* but 10 MB are free/);
    expect(server.asked).toEqual([]);
  });

  it('an order to stay offline is obeyed', async () => {
    for (const running of [
      failure(downloads().start({ ...request, offline: true })),
      failure(downloads({ env: { WEFT_OFFLINE: '1' } }).start(request)),
      failure(downloads({ env: { HF_HUB_OFFLINE: '1' } }).start(request)),
    ])
      expect((await running).message).toMatch(/Weft is offline/);
    expect(server.asked).toEqual([]);
  });

  it('the mirror is taken instead of the server: the one that was named, else the environment’s', async () => {
    writeManifest(home, hubManifest('https://huggingface.invalid'));
    await downloads({ env: { HF_ENDPOINT: `${server.url}/` } }).start(request);
    expect(server.asked).toHaveLength(HUB_FILES.length);
    await openLibrary({ home }).remove('drawn');
    await downloads({ env: { WEFT_MIRROR: 'http://nowhere.invalid' } }).start({ ...request, mirror: server.url });
    expect(server.asked).toHaveLength(2 * HUB_FILES.length);
    for (const mirror of ['not an address', 'ftp://x.example'])
      expect((await failure(downloads().start({ ...request, name: 'sd15-fp16', mirror }))).kind).toBe('graph');
  });
});

describe('a LoRA', () => {
  const wanted = { ...request, name: 'style' };
  const offered = (bytes: Uint8Array): void => {
    server.files.set('/test/drawn/resolve/main/Style-8steps.safetensors', Buffer.from(bytes));
    const files = [{ path: 'Style-8steps.safetensors', bytes: bytes.length, sha256: sha256(Buffer.from(bytes)) }];
    writeManifest(home, hubManifest(server.url, { name: 'style', title: 'A style', kind: 'lora', files }));
  };
  const known = async () => (await downloads().known()).find(({ name }) => name === 'style');
  const bytes = (): Buffer => {
    const file = path.join(home, 'made.safetensors');
    writeLora(file, 'kohya');
    return fs.readFileSync(file);
  };

  it('is fetched, is no checkpoint, and is removed as it came', async () => {
    offered(bytes());
    expect(await known()).toMatchObject({ kind: 'lora', state: 'absent' });
    const added = await downloads().start(wanted);
    expect(added).toMatchObject({ id: 'style', title: 'A style' });
    const [lora] = downloads().loras();
    expect(lora).toEqual(added);
    expect(fs.readFileSync(lora!.lora)).toEqual(bytes());
    expect(await known()).toMatchObject({ state: 'installed' });
    expect(await openLibrary({ home }).list()).toEqual([]);
    expect((await failure(downloads().start(wanted))).message).toContain('The LoRA "style" is already in the library.');
    expect(await downloads().discard('style')).toBeGreaterThan(bytes().length);
    expect(downloads().loras()).toEqual([]);
    expect(await known()).toMatchObject({ state: 'absent' });
  });

  it('that is none is refused, and not kept', async () => {
    offered(fs.readFileSync(writeSingleFile(path.join(home, 'whole.safetensors'), 'tiny')));
    expect((await failure(downloads().start(wanted))).kind).toBe('checkpoint');
    expect(downloads().loras()).toEqual([]);
  });

  it('is one file, and the published ones are for few steps of Stable Diffusion 1.5', async () => {
    writeManifest(home, hubManifest(server.url, { name: 'style', kind: 'lora' }));
    const all = await downloads().known();
    expect(notes.join()).toContain('is not a manifest of a checkpoint: files: a LoRA is one .safetensors file.');
    expect(all.filter(({ kind }) => kind === 'lora').map(({ name }) => name)).toEqual(
      Object.values<Preset>(presets)
        .flatMap(({ lora }) => lora ?? [])
        .sort(),
    );
  });
});

describe('removing', () => {
  it('frees the checkpoint and what was downloaded for it', async () => {
    const info = (await downloads().start(request)) as CheckpointInfo;
    expect(info.disk!.shared).toBe(0);
    const library = openLibrary({ home });
    const freed = await library.remove('drawn');
    expect(freed).toBe(info.disk!.freed);
    expect(freed).toBeGreaterThan(14e6);
    // Once each, although it lies there under two names.
    expect(freed).toBeLessThan(30e6);
    expect(fs.existsSync(path.join(home, 'downloads/drawn'))).toBe(false);
    expect(await state()).toEqual(['absent', 0]);
  });
});

describe('a manifest that somebody brought', () => {
  const brought = (more: Record<string, unknown>): string => {
    const file = path.join(home, 'cute-cats.json');
    fs.writeFileSync(file, JSON.stringify(hubManifest(server.url, more)));
    return file;
  };
  const learnt = (): string[] => fs.readdirSync(path.join(home, 'manifests')).sort();

  it.each(['sd15-fp32', 'sd14-fp32', 'mini'])('can not have the name of what comes with Weft: %s', async (name) => {
    const { kind, message } = await failure(downloads().offer(brought({ name })));
    expect(kind).toBe('graph');
    expect(message).toContain(
      `cute-cats.json can't be used: "${name}" is the name of a checkpoint that comes with Weft`,
    );
    expect(learnt()).toEqual(['drawn.json']);
  });

  it('changes nothing when it lies among the known ones under the name of what comes with Weft', async () => {
    writeManifest(home, hubManifest(server.url, { name: 'sd15-fp32' }));
    const known = await downloads().known();
    expect(known.find(({ name }) => name === 'sd15-fp32')!.source).toContain('https://huggingface.co/');
    expect(notes.join()).toMatch(/sd15-fp32\.json is left out: "sd15-fp32" is the name of/);
  });

  it('is known only when its licence was accepted, and then by the bytes that were shown', async () => {
    const file = brought({ name: 'cats' });
    const all = downloads();
    const { known, offer } = await all.offer(file);
    expect(known).toMatchObject({ name: 'cats', licenceAccepted: false, source: `${server.url}/test/drawn` });
    const wanted = { ...request, name: 'cats', offer };
    expect((await failure(all.start({ ...wanted, acceptedLicence: undefined }))).message).toContain('accept it first');
    expect(learnt()).toEqual(['drawn.json']);
    expect((await all.known()).map(({ name }) => name)).not.toContain('cats');
    // Another file by now: what was accepted is what was shown.
    brought({ name: 'cats', server: 'https://elsewhere.invalid' });
    expect((await all.start(wanted)).id).toBe('cats');
    expect(learnt()).toEqual(['cats.json', 'drawn.json']);
    expect((await downloads().known()).find(({ name }) => name === 'cats')!.source).toBe(`${server.url}/test/drawn`);
  });

  it('that takes the name of another says so, asks again, and leaves that one’s pieces alone until then', async () => {
    server.mischief = ({ url }) => (url.endsWith(UNET) ? { rate: 2_000_000 } : undefined);
    const first = downloads();
    const running = failure(first.start(request));
    await expect.poll(() => server.for(UNET).length, { timeout: 20_000 }).toBe(1);
    await first.pause('drawn');
    await running;
    const all = downloads();
    const other = await all.offer(brought({ server: 'https://elsewhere.invalid' }));
    expect(other.known).toMatchObject({
      licenceAccepted: false,
      replaces: `${server.url}/test/drawn`,
      state: 'absent',
    });
    const without = { name: 'drawn', offer: other.offer, proxy: { url: 'off' } };
    expect((await failure(all.start(without))).message).toContain('accept it first');
    // Nor does a download that an older version began, which did not note its server, accept for it.
    const file = path.join(home, 'downloads/drawn/download.json');
    const noted = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, JSON.stringify({ ...(JSON.parse(noted) as object), server: undefined }));
    expect((await all.offer(brought({ server: 'https://elsewhere.invalid' }))).known.licenceAccepted).toBe(false);
    expect((await failure(all.start(without))).message).toContain('accept it first');
    fs.writeFileSync(file, noted);
    expect(await state()).toEqual(['paused', expect.any(Number)]);
    // The very same manifest is the one that is known: its licence was accepted.
    const same = await all.offer(brought({}));
    expect(same.known).toMatchObject({ licenceAccepted: true, state: 'paused' });
    expect(same.known.replaces).toBeUndefined();
  });

  it('is asked for again when another engine has started since it was shown', async () => {
    const { offer } = await downloads().offer(brought({ name: 'cats' }));
    expect((await failure(downloads().start({ ...request, name: 'cats', offer }))).message).toContain(
      'Choose its file again',
    );
    expect((await failure(downloads().offer('/dev/zero'))).message).toContain('it is a device');
  });
});

describe('a manifest from a stranger', () => {
  it.each([
    ['../../outside.onnx', /"\.\.\/\.\.\/outside\.onnx\\?" contains/],
    ['/etc/passwd', /absolute path/],
    ['C:/windows/x', /drive letter/],
    ['unet\\model.onnx', /backslash/],
    ['a/./b', /no plain path/],
    ['nul.onnx', /device name/],
    ['a\u0000b', /control character/],
    ['.bashrc', /characters that no file/],
  ])('with the path %s is refused', async (file, reason) => {
    const manifest = hubManifest(server.url);
    (manifest['files'] as { path: string }[])[0]!.path = file;
    writeManifest(home, manifest);
    const known = await downloads().known();
    expect(known.some(({ name }) => name === 'drawn')).toBe(false);
    expect(notes.join()).toMatch(/drawn\.json is not a manifest of a checkpoint: files\.0\.path/);
    expect(notes.join()).toMatch(reason);
    expect((await failure(downloads().start(request))).kind).toBe('checkpoint');
  });

  it.each([
    [{ name: '../x' }, /name/],
    [{ server: 'file:///etc' }, /server/],
    [{ repository: '../../x' }, /repository/],
    [{ revision: '../x' }, /revision/],
    [{ surprise: 1 }, /surprise/],
    [{ licence: { id: 'mit' } }, /licence/],
  ])('with %j is refused', async (more, place) => {
    fs.writeFileSync(path.join(home, 'manifests', 'drawn.json'), JSON.stringify(hubManifest(server.url, more)));
    await downloads().known();
    expect(notes.join()).toMatch(place);
  });
});
