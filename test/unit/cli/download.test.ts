/** `weft models download` and its companions, as a shell sees them; dist/ is built. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileServer } from '../../support/fileServer';
import { fillHub, hubManifest, writeManifest } from '../../support/hub';

const weft = path.resolve('dist', 'weft.js');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-download-cli-'));
let hub: FileServer;

beforeAll(async () => {
  hub = await FileServer.start();
  fillHub(hub);
  writeManifest(home, hubManifest('https://hub.invalid'));
});
afterAll(async () => {
  await hub.stop();
  fs.rmSync(home, { recursive: true, force: true });
});

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Not synchronously: the hub answers from this process. */
function call(args: string[], onStderr: (text: string, interrupt: () => void) => void = () => {}): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, WEFT_HOME: home };
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) delete env[name];
  const child = spawn(process.execPath, [weft, 'models', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended: Ended = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (ended.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => {
    ended.stderr += data.toString();
    onStderr(ended.stderr, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ ...ended, status })));
}

describe('weft models download', () => {
  it('lists what can be had, and shows one with its licence', async () => {
    const { stdout } = await call(['available']);
    expect(stdout).toMatch(/^sd15-fp32\t.*about 4\.27 GB.*CreativeML Open RAIL-M.*onnx-community/m);
    expect(stdout).toMatch(/^drawn\t/m);
    expect((await call(['show', 'drawn'])).stdout).toMatch(/You must not use it to harm/);
  });

  it('shows the licence and downloads nothing until it is accepted', async () => {
    const refused = await call(['download', 'drawn', '--mirror', hub.url]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/You must not use it to harm[\s\S]*--accept-license/);
    expect(hub.asked).toEqual([]);
  });

  it('is paused by an interrupt, goes on, and prints the id as its last line', async () => {
    hub.mischief = ({ url }) => (url.endsWith('unet/model.onnx') ? { rate: 1_500_000 } : undefined);
    let interrupted = false;
    const paused = await call(['download', 'drawn', '--accept-license', '--mirror', hub.url], (text, interrupt) => {
      // At 40 % the UNet is under way, whichever file came first: of it something is there to go on from.
      if (interrupted || !(Number([...text.matchAll(/drawn: (\d+) %/g)].at(-1)?.[1]) >= 40)) return;
      interrupted = true;
      interrupt();
    });
    expect(paused.status).toBe(130);
    expect(paused.stderr).toMatch(/paused at \d+ %/);
    expect((await call(['list'])).stderr).toMatch(/drawn: paused at \d+ % of \d+ MB/);
    hub.mischief = () => undefined;
    const done = await call(['download', 'drawn', '--mirror', hub.url]);
    expect(done.stderr).not.toMatch(/^weft:/m);
    expect(done.status).toBe(0);
    expect(done.stdout.trim().split('\n').at(-1)).toBe('drawn');
    expect(hub.for('unet/model.onnx').at(-1)!.range).toMatch(/^bytes=\d+-$/);
    expect((await call(['list'])).stdout).toMatch(/^drawn\tDrawn animals\t128² · \w+ · \d+ MB · needs \d/m);
    expect((await call(['verify', 'drawn'])).stdout).toMatch(/all match their digests, and onnxruntime opens them/);
    expect((await call(['show', 'drawn'])).stdout).toMatch(/processor .* weights \+ .* for the largest step/);
  });

  it('asks before it removes, and says what becomes free', async () => {
    const asked = await call(['remove', 'drawn']);
    expect(asked.status).toBe(2);
    expect(asked.stderr).toMatch(/frees [\d.]+ MB[\s\S]*--yes/);
    const removed = await call(['remove', 'drawn', '--yes']);
    expect(removed).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^drawn was removed: \d+ MB freed/) as string,
    });
    expect((await call(['list'])).stdout).not.toMatch(/^drawn/m);
    expect((await call(['remove', 'mini', '--yes'])).status).toBe(3);
  });

  it('shows the server of a manifest before anything is asked of it, and learns nothing from one that is refused', async () => {
    const file = path.join(home, 'cute-cats.json');
    fs.writeFileSync(file, JSON.stringify(hubManifest(hub.url, { name: 'cats' })));
    const before = hub.asked.length;
    const refused = await call(['download', file]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain(`from ${hub.url}/test/drawn at main\n`);
    expect(hub.asked).toHaveLength(before);
    expect((await call(['available'])).stdout).not.toMatch(/^cats/m);
    fs.writeFileSync(file, JSON.stringify(hubManifest(hub.url, { name: 'sd15-fp32' })));
    const taken = await call(['download', file, '--accept-license']);
    expect(taken.status).toBe(2);
    expect(taken.stderr).toContain('"sd15-fp32" is the name of a checkpoint that comes with Weft');
    expect((await call(['show', 'sd15-fp32'])).stdout).toContain('https://huggingface.co/onnx-community');
    const through = await call(['download', 'drawn', '--mirror', 'http://127.0.0.1:9']);
    expect(through.stderr).toContain('downloaded from the mirror http://127.0.0.1:9');
  });

  it('says at which commit of a branch a checkpoint was downloaded', async () => {
    const commit = 'c0ffee'.padEnd(40, '0');
    fillHub(hub, commit);
    hub.mischief = ({ url }) => ({ headers: { 'x-repo-commit': url.includes('/main/') ? commit : '' } });
    const file = path.join(home, 'branch.json');
    fs.writeFileSync(file, JSON.stringify(hubManifest(hub.url, { name: 'branch' })));
    expect((await call(['download', file, '--accept-license'])).status).toBe(0);
    hub.mischief = () => undefined;
    expect((await call(['list'])).stdout).toMatch(/^branch\t.* · main@c0ffee000000$/m);
    expect((await call(['show', 'branch'])).stdout).toContain(`test/drawn at main (commit ${commit})`);
  });

  it('takes a manifest of one’s own', async () => {
    const file = path.join(home, 'mine.json');
    fs.writeFileSync(file, JSON.stringify(hubManifest(hub.url, { name: 'mine' })));
    const done = await call(['download', file, '--accept-license']);
    expect(done.stdout.trim().split('\n').at(-1)).toBe('mine');
    fs.writeFileSync(file, '{"name": "../x"}');
    expect(await call(['download', file, '--accept-license'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('mine.json is not a manifest of a checkpoint: name') as string,
    });
  });
});
