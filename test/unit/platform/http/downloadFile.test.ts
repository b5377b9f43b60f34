import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HttpClient, type ProxySettings } from '../../../../extension/platform/http/http';
import { retryAfterMs } from '../../../../extension/platform/http/retryAfter';
import {
  type FileState,
  transfer,
  type TransferPolicy,
  type TransferRequest,
} from '../../../../extension/platform/http/downloadFile';
import { WeftError } from '../../../../extension/protocol/errors';
import { FileServer, sha256 } from '../../../support/fileServer';
import { startProxy } from '../../../support/proxy';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-transfer-'));
const FILE = '/owner/name/resolve/main/weights.pb';
const content = randomBytes(3_000_000);
const policy: TransferPolicy = { tries: 4, retryMs: 5, longestRetryMs: 20, longestServerWaitMs: 2_500 };
let server: FileServer;
let other: FileServer;
let client: HttpClient;
let folder: string;
let notes: string[];

const newClient = (proxy: ProxySettings = { url: 'off' }, idleMs = 5_000): HttpClient =>
  new HttpClient(proxy, { headersMs: idleMs, idleMs }, 'weft/test');

beforeAll(async () => {
  server = await FileServer.start();
  other = await FileServer.start();
});
afterAll(async () => {
  await server.stop();
  await other.stop();
  fs.rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(root, 'x'));
  notes = [];
  client = newClient();
  for (const each of [server, other]) {
    each.reset();
    each.files.set(FILE, content);
  }
});
afterEach(() => client.close());

function request(more: Partial<TransferRequest> = {}): TransferRequest {
  return {
    url: new URL(FILE, server.url),
    target: path.join(folder, 'weights.pb'),
    name: 'weights.pb',
    bytes: content.length,
    sha256: sha256(content),
    publisher: { statedBy: 'its manifest', otherwise: 'Fetch the files in a browser and import their folder.' },
    most: 10_000_000,
    state: {},
    signal: new AbortController().signal,
    onBytes: () => {},
    onNote: (sentence) => notes.push(sentence),
    onState: () => {},
    ...more,
  };
}

const fetched = (): Buffer => fs.readFileSync(path.join(folder, 'weights.pb'));
const part = (): number => fs.statSync(path.join(folder, 'weights.pb.part')).size;
const fails = async (more: Partial<TransferRequest> = {}): Promise<WeftError> => {
  const error: unknown = await transfer(client, request(more), policy).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WeftError);
  expect(fs.existsSync(path.join(folder, 'weights.pb'))).toBe(false);
  return error as WeftError;
};

describe('a file is fetched', () => {
  it('whole, with its digest', async () => {
    const progress: number[] = [];
    expect(await transfer(client, request({ onBytes: (bytes) => progress.push(bytes) }), policy)).toBe(sha256(content));
    expect(fetched().equals(content)).toBe(true);
    expect(progress.at(-1)).toBe(content.length);
    expect(fs.readdirSync(folder)).toEqual(['weights.pb']);
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]!.headers['accept-encoding']).toBe('identity');
  });

  it('when neither size nor digest is known beforehand', async () => {
    expect(await transfer(client, request({ bytes: undefined, sha256: undefined }), policy)).toBe(sha256(content));
  });

  it('when the server says nothing of its length', async () => {
    server.mischief = () => ({ headers: { 'content-length': '', 'transfer-encoding': 'chunked' } });
    expect(await transfer(client, request({ bytes: undefined }), policy)).toBe(sha256(content));
  });
});

describe('a connection that breaks', () => {
  it('is resumed where it stopped, as often as it takes', async () => {
    server.mischief = (_asked, count) => (count < 6 ? { cutAfter: 500_000 } : undefined);
    expect(await transfer(client, request(), policy)).toBe(sha256(content));
    expect(fetched().equals(content)).toBe(true);
    expect(server.asked.slice(1).every(({ range }) => /^bytes=\d+-$/.test(range ?? ''))).toBe(true);
    expect(new Set(server.asked.map(({ range }) => range)).size).toBe(server.asked.length);
    expect(server.asked[1]!.ifRange).toMatch(/^"/);
    expect(notes[0]).toMatch(/broke off|ended .* at byte/);
  });

  it('is given up after several tries without a byte, and what came is kept', async () => {
    server.mischief = (_asked, count) => (count === 1 ? { cutAfter: 1_000_000 } : { cutAfter: 0 });
    const { kind, message } = await fails();
    expect(kind).toBe('network');
    expect(message).toMatch(/127\.0\.0\.1.*kept: resume later/);
    expect(part()).toBe(1_000_000);
  });

  it('of another process is gone on from, with the pieces digested again', async () => {
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), content.subarray(0, 1_234_567));
    const state: FileState = { total: content.length, etag: `"${sha256(content).slice(0, 16)}"` };
    expect(await transfer(client, request({ state }), policy)).toBe(sha256(content));
    expect(server.asked.map(({ range }) => range)).toEqual(['bytes=1234567-']);
  });

  it('stays silent: the next try after the time-out goes on', async () => {
    await client.close();
    client = newClient(undefined, 300);
    server.mischief = (_asked, count) => (count === 1 ? { hang: true } : undefined);
    expect(await transfer(client, request(), policy)).toBe(sha256(content));
    expect(notes[0]).toContain('does not answer in time');
  });
});

describe('a server that lies', () => {
  it('about the length, too long: the rest is asked for, and the failure says so', async () => {
    server.mischief = ({ range }) =>
      range === undefined ? { claims: content.length + 1000, cutAfter: content.length } : undefined;
    const { kind, message } = await fails();
    expect(kind).toBe('checkpoint');
    expect(message).toContain(`has ${content.length + 1000} bytes on 127.0.0.1`);
  });

  it('about the length of a file of unknown size: what it has is all there is', async () => {
    server.mischief = ({ range }, count) =>
      range === undefined && count === 1 ? { claims: content.length + 1000, cutAfter: content.length } : undefined;
    expect(await transfer(client, request({ bytes: undefined }), policy)).toBe(sha256(content));
  });

  it('about the length, too short', async () => {
    server.mischief = () => ({ claims: 1000 });
    expect((await fails()).message).toContain('has 1000 bytes');
  });

  it('and sends without end', async () => {
    const endless = Buffer.concat([content, content, content, content]);
    server.mischief = () => ({ body: endless, headers: { 'content-length': '', 'transfer-encoding': 'chunked' } });
    expect((await fails({ bytes: undefined, sha256: undefined, most: 5_000_000 })).message).toContain('sends more');
    expect(fs.existsSync(path.join(folder, 'weights.pb.part'))).toBe(false);
  });

  it('and sends other bytes: both digests are named, nothing is kept', async () => {
    const wrong = Buffer.from(content);
    wrong[2_000_000]! ^= 1;
    server.files.set(FILE, wrong);
    const { kind, message } = await fails();
    expect(kind).toBe('checkpoint');
    expect(message).toContain(sha256(wrong));
    expect(message).toContain(sha256(content));
    expect(fs.existsSync(path.join(folder, 'weights.pb.part'))).toBe(false);
  });

  it('and patched pieces that do not fit are fetched again in one', async () => {
    const start = Buffer.from(content.subarray(0, 1_000_000));
    start[10]! ^= 1;
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), start);
    expect(await transfer(client, request({ state: { total: content.length } }), policy)).toBe(sha256(content));
    expect(notes.join()).toContain('pieces that do not fit');
  });

  it('and answers another range than asked for', async () => {
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), content.subarray(0, 1000));
    server.mischief = ({ range }) =>
      range === undefined
        ? undefined
        : { headers: { 'content-range': `bytes 5-${content.length - 1}/${content.length}` } };
    expect(await transfer(client, request(), policy)).toBe(sha256(content));
    expect(notes.join()).toContain('another part');
  });

  it('and gives a login page', async () => {
    server.mischief = () => ({
      body: Buffer.from('<html>log in</html>'),
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });
    expect((await fails()).message).toContain('a web page instead of weights.pb');
  });

  it('by stating a digest that its bytes do not have', async () => {
    server.mischief = () => ({ headers: { 'x-linked-etag': `"${'0'.repeat(64)}"` } });
    expect((await fails({ sha256: undefined })).message).toMatch(/itself states 0{64}/);
  });
});

describe('a file that changes on the server between two pieces', () => {
  it('is started again', async () => {
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), randomBytes(1_000_000));
    const state: FileState = { total: content.length, etag: '"older"' };
    expect(await transfer(client, request({ state, sha256: undefined }), policy)).toBe(sha256(content));
    expect(server.asked[0]).toMatchObject({ range: 'bytes=1000000-', ifRange: '"older"' });
    expect(notes.join()).toMatch(/changed on the server since it was begun/);
    expect(fetched().equals(content)).toBe(true);
  });

  it('is not mistaken for a server whose machines name their validators differently, where the digest is known', async () => {
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), content.subarray(0, 1_000_000));
    server.mischief = (_asked, count) => ({
      etag: `"machine-${count}"`,
      headers: { 'x-linked-etag': `"${sha256(content)}"` },
    });
    const state: FileState = { total: content.length, etag: '"machine-0"', stated: sha256(content) };
    expect(await transfer(client, request({ state }), policy)).toBe(sha256(content));
    expect(server.asked.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      ['bytes=1000000-', '"machine-0"'],
      ['bytes=1000000-', undefined],
    ]);
  });

  it('is noticed by the digest that the hub states', async () => {
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), randomBytes(1_000_000));
    server.mischief = () => ({ headers: { 'x-linked-etag': `"${sha256(content)}"` } });
    const state: FileState = { total: content.length, stated: 'a'.repeat(64) };
    expect(await transfer(client, request({ state, sha256: undefined }), policy)).toBe(sha256(content));
    expect(notes.join()).toContain('changed on the server');
  });

  it('and became shorter is started again', async () => {
    fs.writeFileSync(path.join(folder, 'weights.pb.part'), Buffer.alloc(content.length + 5));
    expect(await transfer(client, request({ state: { etag: `"${sha256(content).slice(0, 16)}"` } }), policy)).toBe(
      sha256(content),
    );
  });
});

it('a server that ignores ranges is fetched from its beginning', async () => {
  fs.writeFileSync(path.join(folder, 'weights.pb.part'), content.subarray(0, 2_000_000));
  server.mischief = () => ({ ignoreRange: true });
  expect(await transfer(client, request({ state: { etag: '"x"' } }), policy)).toBe(sha256(content));
  expect(fetched().equals(content)).toBe(true);
});

it('pieces that nothing vouches for are not gone on from', async () => {
  fs.writeFileSync(path.join(folder, 'weights.pb.part'), randomBytes(1000));
  expect(await transfer(client, request({ sha256: undefined }), policy)).toBe(sha256(content));
  expect(server.asked[0]!.range).toBeUndefined();
});

describe('redirects', () => {
  const to = (location: string, status = 302) => ({ status, headers: { location } });

  it('to another host are followed, with the range, and resumed there', async () => {
    server.mischief = () => to(`${other.url}${FILE}`);
    other.mischief = (_asked, count) => (count === 1 ? { cutAfter: 700_000 } : undefined);
    expect(await transfer(client, request(), policy)).toBe(sha256(content));
    expect(other.asked[1]!.range).toBe('bytes=700000-');
    expect(server.asked[1]!.range).toBe('bytes=700000-');
  });

  it('relative ones, several in a row', async () => {
    server.mischief = ({ url }) =>
      url === FILE ? to('/a', 307) : url === '/a' ? to('b', 301) : url === '/b' ? { body: content } : undefined;
    expect(await transfer(client, request(), policy)).toBe(sha256(content));
  });

  it('in circles, without end, and to elsewhere are refused', async () => {
    server.mischief = () => to(FILE);
    expect((await fails()).message).toContain('redirects in circles');
    server.mischief = ({ url }) => to(`${url}x`);
    expect((await fails()).message).toContain('more than 10 times');
    server.mischief = () => to('file:///etc/passwd');
    expect((await fails()).message).toContain('redirects to file:');
    server.mischief = () => ({ status: 302 });
    expect((await fails()).message).toContain('without saying where');
  });
});

describe('a server that refuses', () => {
  it.each([
    [401, /asks for a login.*401.*browser/],
    [403, /refuses to give.*403/],
    [404, /has no weights\.pb \(404/],
    [410, /has no weights\.pb \(410/],
    [451, /legal reasons/],
    [418, /answers 418/],
  ])('with %i says what to do, at once', async (status, sentence) => {
    server.mischief = () => ({ status });
    const { kind, message } = await fails();
    expect(kind).toBe('network');
    expect(message).toMatch(sentence);
    expect(server.asked).toHaveLength(1);
  });

  it.each([429, 503])('with %i is asked again when it wants', async (status) => {
    const at: number[] = [];
    server.mischief = (_asked, count) => {
      at.push(Date.now());
      return at.length === 1 ? { status, headers: { 'retry-after': '1' } } : count > 99 ? {} : undefined;
    };
    expect(await transfer(client, request(), policy)).toBe(sha256(content));
    expect(at[1]! - at[0]!).toBeGreaterThan(900);
    expect(notes[0]).toContain(String(status));
  });

  it('for longer than one waits: says how long', async () => {
    server.mischief = () => ({ status: 429, headers: { 'retry-after': '1200' } });
    expect((await fails()).message).toMatch(/asked too often \(429\); it asks to come back in 20 minutes/);
  });

  it('with a failure of its own is tried a few times', async () => {
    server.mischief = () => ({ status: 500 });
    expect((await fails()).message).toMatch(/failure of its own \(500\)/);
    expect(server.asked).toHaveLength(policy.tries);
  });
});

it('reads Retry-After in seconds and as a date', () => {
  expect(retryAfterMs('120')).toBe(120_000);
  expect(retryAfterMs('Wed, 21 Oct 2026 07:28:30 GMT', Date.parse('2026-10-21T07:28:00Z'))).toBe(30_000);
  expect(retryAfterMs('soon')).toBeUndefined();
  expect(retryAfterMs(undefined)).toBeUndefined();
});

describe('without a network', () => {
  it('names the host and what is missing', async () => {
    expect((await fails({ url: new URL('http://nowhere.invalid/x') })).message).toMatch(
      /nowhere\.invalid can't be reached/i,
    );
    const closed = await FileServer.start();
    const url = new URL(FILE, closed.url);
    await closed.stop();
    expect((await fails({ url })).message).toContain('refuses connections');
  });
});

it('is paused at once, also in the middle of a wait, and keeps what came', async () => {
  const controller = new AbortController();
  server.mischief = () => ({ rate: 400_000 });
  const running = transfer(client, request({ signal: controller.signal }), policy);
  const paused = expect(running).rejects.toThrow('Paused at 7 %.');
  await expect.poll(() => fs.existsSync(`${path.join(folder, 'weights.pb')}.part`) && part()).toBeGreaterThan(20_000);
  controller.abort(new WeftError('interrupted', 'Paused at 7 %.'));
  await paused;
  expect(part()).toBeGreaterThan(20_000);
  const again = new AbortController();
  // A wait far longer than the test may take.
  server.mischief = () => ({ status: 503, headers: { 'retry-after': '600' } });
  const waiting = transfer(client, request({ signal: again.signal }), { ...policy, longestServerWaitMs: 1e6 });
  const pausedAgain = expect(waiting).rejects.toThrow('Paused.');
  await expect.poll(() => notes.some((note) => note.includes('503'))).toBe(true);
  again.abort(new WeftError('interrupted', 'Paused.'));
  await pausedAgain;
});

it('says which file can not be written', async () => {
  fs.writeFileSync(path.join(folder, 'occupied'), '');
  const error: unknown = await transfer(client, request({ target: path.join(folder, 'occupied', 'x') }), policy).catch(
    (reason: unknown) => reason,
  );
  expect((error as Error).message).toMatch(/weights\.pb can't be written/);
});

it('goes through a proxy where one is set, for the hosts that are not exempt', async () => {
  const proxy = await startProxy();
  await client.close();
  client = newClient({ url: proxy.url, noProxy: '' });
  expect(await transfer(client, request({ url: new URL(`http://hub.example:${server.port}${FILE}`) }), policy)).toBe(
    sha256(content),
  );
  expect(proxy.hosts).toEqual([`hub.example:${server.port}`]);
  await client.close();
  client = newClient({ url: proxy.url, noProxy: '127.0.0.1' });
  fs.rmSync(path.join(folder, 'weights.pb'));
  expect(await transfer(client, request(), policy)).toBe(sha256(content));
  expect(proxy.hosts).toHaveLength(1);
  proxy.stop();
  await client.close();
  client = newClient({ url: 'no proxy at all' });
  fs.rmSync(path.join(folder, 'weights.pb'));
  expect((await fails()).message).toContain('The proxy no proxy at all');
});
