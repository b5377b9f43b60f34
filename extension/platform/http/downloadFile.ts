/** One file from a server to the disk: resumed where it stopped, digested as it streams, in pieces that survive a kill. */
import { createHash, type Hash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FileProblem, syncFolder } from '../files';
import { WeftError } from '../../protocol/errors';
import { type Answer, connectionFailure, headerOf, type HttpClient, isFinal, isUnreachable, network } from './http';
import { retryAfterMs } from './retryAfter';

/** What is remembered of a file between its pieces; belongs to the download's state on disk. */
export interface FileState {
  /** Bytes of the whole file, as the server said. */
  total?: number;
  /** Strong ETag of the answer the pieces come from. */
  etag?: string;
  lastModified?: string;
  /** SHA-256 that the server itself states, if it does (`X-Linked-Etag` of a Hugging Face hub). */
  stated?: string;
}

export interface TransferRequest {
  url: URL;
  /** Absolute path of the finished file; pieces lie beside it with `.part` behind. */
  target: string;
  /** What messages call the file. */
  name: string;
  /** Exact size, where it is known beforehand. */
  bytes?: number;
  /** Digest in hexadecimal, where it is known beforehand: SHA-256, or SHA-512 where the publisher states that one. */
  sha256?: string;
  sha512?: string;
  publisher: Publisher;
  /** Bytes beyond which an answer of unstated length is not believed. */
  most: number;
  state: FileState;
  signal: AbortSignal;
  /** Bytes of this file on disk now. */
  onBytes(bytes: number): void;
  /** A sentence for the log: a broken connection, a wait, a start from the beginning. */
  onNote(sentence: string): void;
  /** The state changed and is worth keeping. */
  onState(): void;
  /** Headers of the hub's own answer, before redirects. */
  onFirst?(headers: Answer['headers']): void;
}

/** What failures say of where a file comes from. */
export interface Publisher {
  /** Who states size and digest: "its manifest". */
  statedBy: string;
  /** What to do when the server does not give the file, as sentences. */
  otherwise: string;
}

export interface TransferPolicy {
  /** Tries without a single new byte before it is given up. */
  tries: number;
  /** First wait between tries, in milliseconds; doubled each time. */
  retryMs: number;
  longestRetryMs: number;
  /** The longest that a server may ask to wait; beyond, the download pauses and says so. */
  longestServerWaitMs: number;
}

export const defaultPolicy: TransferPolicy = {
  tries: 6,
  retryMs: 1000,
  longestRetryMs: 30_000,
  longestServerWaitMs: 5 * 60_000,
};

/** Bytes of the pieces that are there. */
export function partBytes(target: string): number {
  try {
    return fs.statSync(`${target}.part`).size;
  } catch {
    return 0;
  }
}

/**
 * Fetches a file; returns its digest in hexadecimal: SHA-512 where the request states one, else SHA-256.
 * @throws WeftError `network` when the server or the connection fails for good, `checkpoint` when what came is not what it should be,
 *   `interrupted` when the signal was given.
 */
export function transfer(client: HttpClient, request: TransferRequest, policy = defaultPolicy): Promise<string> {
  return new Transfer(client, request, policy).run();
}

class Transfer {
  private readonly part: string;
  private hash: Hash;
  /** Bytes that the hash has seen. */
  private hashed = 0;
  private failures = 0;
  /** Pieces were put together from several answers: a wrong digest may be mended by one clean start. */
  private patched = false;
  private restarted = false;
  /** Ask for a range without If-Range, once: the digest tells whether the pieces fit. */
  private trustDigest = false;

  constructor(
    private readonly client: HttpClient,
    private readonly request: TransferRequest,
    private readonly policy: TransferPolicy,
  ) {
    this.part = `${request.target}.part`;
    this.hash = this.newHash();
  }

  private newHash(): Hash {
    return createHash(this.request.sha512 === undefined ? 'sha256' : 'sha512');
  }

  private get host(): string {
    return this.request.url.host;
  }

  private get digest(): string | undefined {
    return this.request.sha512 ?? this.request.sha256 ?? this.request.state.stated;
  }

  private get total(): number | undefined {
    return this.request.bytes ?? this.request.state.total;
  }

  async run(): Promise<string> {
    const { request, policy } = this;
    await fs.promises.mkdir(path.dirname(request.target), { recursive: true }).catch((error: unknown) => {
      throw diskFailure(error, request.name) ?? error;
    });
    for (;;) {
      request.signal.throwIfAborted();
      const before = partBytes(request.target);
      this.patched ||= before > 0;
      try {
        await this.readSoFar(before);
        if (this.total === undefined || before !== this.total) await this.fetch(before);
        const digest = await this.finish();
        if (digest !== undefined) return digest;
        continue;
      } catch (error) {
        if (request.signal.aborted) throw stopped(request.signal);
        if (error instanceof WeftError) throw error;
        const local = diskFailure(error, request.name);
        if (local !== undefined) throw local;
        if (partBytes(request.target) > before) this.failures = 0;
        const most = isUnreachable(error) ? Math.min(3, policy.tries) : policy.tries;
        await this.waitAfter(error, ++this.failures >= most || isFinal(error));
      }
    }
  }

  /** Digests what lies on disk already, after a restart or a truncation. */
  private async readSoFar(bytes: number): Promise<void> {
    this.request.onBytes(bytes);
    if (this.hashed === bytes) return;
    this.hash = this.newHash();
    this.hashed = 0;
    if (bytes === 0) return;
    for await (const chunk of fs.createReadStream(this.part, { highWaterMark: 1 << 20, end: bytes - 1 })) {
      this.request.signal.throwIfAborted();
      this.hash.update(chunk as Buffer);
      this.hashed += (chunk as Buffer).length;
    }
  }

  private async startOver(): Promise<void> {
    await fs.promises.rm(this.part, { force: true });
    this.hash = this.newHash();
    this.hashed = 0;
    this.patched = false;
    const { state } = this.request;
    delete state.etag;
    delete state.lastModified;
    delete state.total;
    this.request.onState();
    this.request.onBytes(0);
  }

  private async fetch(have: number): Promise<void> {
    const { request } = this;
    const { state } = request;
    const headers: Record<string, string> = {};
    if (have > 0) {
      const validator = state.etag ?? state.lastModified;
      // Without a validator or a digest nobody could tell that the pieces belong together.
      if (validator === undefined && this.digest === undefined) {
        await this.startOver();
        have = 0;
      } else {
        headers['range'] = `bytes=${have}-`;
        if (validator !== undefined && !this.trustDigest) headers['if-range'] = validator;
      }
    }
    const answer = await this.client.get(request.url, headers, request.signal);
    try {
      await this.receive(answer, have, 'if-range' in headers);
    } finally {
      // What is not read must not keep the connection; a finished body does not mind.
      answer.body.on('error', () => undefined);
      answer.body.destroy();
    }
  }

  private async receive(answer: Answer, have: number, conditional: boolean): Promise<void> {
    const { request } = this;
    const { state, name } = request;
    if (answer.status === 416 && have > 0) {
      // Nothing lies behind what is there: either it is whole, or it is not the same file any more.
      const whole = /\/(\d+)$/.exec(headerOf(answer.headers, 'content-range') ?? '')?.[1];
      if (whole !== undefined && Number(whole) === have && this.digest !== undefined) {
        state.total = have;
        return;
      }
      request.onNote(`${name} became shorter on the server: starting it again.`);
      await this.startOver();
      return;
    }
    if (answer.status !== 200 && answer.status !== 206) throw this.refused(answer);
    request.onFirst?.(answer.first);
    const stated = statedDigest(answer);
    const declared = declaredLength(answer);
    const type = headerOf(answer.headers, 'content-type') ?? '';
    if (/^text\/html\b/i.test(type) && !/\.html?$/.test(name))
      throw network(
        `${answer.url.host} answers with a web page instead of ${name}: perhaps the login page of a network or a proxy. ` +
          'Open the address in a browser, then resume.',
      );
    if (stated !== undefined && state.stated !== undefined && stated !== state.stated && have > 0) {
      request.onNote(`${name} changed on the server since it was begun: starting it again.`);
      state.stated = stated;
      await this.startOver();
      return;
    }
    if (stated !== undefined) state.stated = stated;
    let at = 0;
    if (answer.status === 206) {
      const range = contentRange(answer);
      const other = range?.total !== undefined && this.total !== undefined && range.total !== this.total;
      if (range === undefined || range.start !== have || other) {
        request.onNote(
          `${answer.url.host} answers with another part of ${name} than was asked for: starting it again.`,
        );
        if (this.restarted)
          throw network(`${answer.url.host} keeps sending other parts of ${name} than asked for. Use a mirror.`);
        this.restarted = true;
        await this.startOver();
        return;
      }
      at = have;
      state.total = range.total ?? state.total;
    } else if (have > 0) {
      const same = sameFile(answer, state, this.total, declared);
      if (conditional && same && this.digest !== undefined) {
        // Another machine of the same server names its validators differently; the digest will tell.
        this.trustDigest = true;
        return;
      }
      request.onNote(
        same
          ? `${answer.url.host} does not resume downloads: starting ${name} from its beginning.`
          : `${name} changed on the server since it was begun: starting it again.`,
      );
      await this.startOver();
      state.total = declared;
    } else state.total = declared ?? state.total;
    if (request.bytes !== undefined && answer.status === 200 && declared !== undefined && declared !== request.bytes)
      throw new WeftError(
        'checkpoint',
        `${name} has ${declared} bytes on ${answer.url.host} where ${request.publisher.statedBy} says ${request.bytes}: it is not the same file. ` +
          `A newer version of Weft may know it. ${request.publisher.otherwise}`,
      );
    this.remember(answer);
    await this.write(answer, at);
  }

  private remember(answer: Answer): void {
    const { state } = this.request;
    const etag = headerOf(answer.headers, 'etag');
    // A weak one says that a file means the same, not that its bytes are the same.
    if (etag !== undefined && !etag.startsWith('W/')) state.etag = etag;
    else delete state.etag;
    const modified = headerOf(answer.headers, 'last-modified');
    if (modified !== undefined) state.lastModified = modified;
    else delete state.lastModified;
    this.request.onState();
  }

  private async write(answer: Answer, from: number): Promise<void> {
    const { request } = this;
    const most = this.total ?? request.most;
    const file = await fs.promises.open(this.part, from === 0 ? 'w' : 'r+');
    let at = from;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        request.signal.throwIfAborted();
        if (at + chunk.length > most)
          throw new TooMuch(
            `${answer.url.host} sends more of ${request.name} than the ${most} bytes it has. Weft discarded it. Try again, or use a mirror.`,
          );
        await file.write(chunk, 0, chunk.length, at);
        this.hash.update(chunk);
        at += chunk.length;
        this.hashed = at;
        request.onBytes(at);
      }
    } catch (error) {
      if (error instanceof TooMuch) {
        await file.close();
        await this.startOver();
        throw network(error.message);
      }
      throw error;
    } finally {
      await file.close().catch(() => undefined);
    }
    if (this.total === undefined) request.state.total = at;
    else if (at < this.total)
      throw new Short(`${answer.url.host} ended ${request.name} at byte ${at} of ${this.total}`);
  }

  /** The digest of a whole file, moved to its place; undefined when it has to be fetched again. */
  private async finish(): Promise<string | undefined> {
    const { request } = this;
    const bytes = partBytes(request.target);
    if (this.total === undefined || bytes !== this.total || this.hashed !== bytes) return undefined;
    const digest = this.hash.copy().digest('hex');
    const expected = this.digest;
    if (expected !== undefined && digest !== expected) {
      const kind = request.sha512 === undefined ? 'SHA-256' : 'SHA-512';
      const clean = !this.patched || this.restarted;
      await this.startOver();
      if (!clean) {
        this.restarted = true;
        request.onNote(
          `${request.name} was put together from pieces that do not fit (${kind} ${digest}): fetching it again in one.`,
        );
        return undefined;
      }
      const known = request.sha256 ?? request.sha512;
      const whose = known === undefined ? `${this.host} itself states` : `${request.publisher.statedBy} says`;
      throw new WeftError(
        'checkpoint',
        `${request.name} came with the ${kind} ${digest}, but ${whose} ${expected}: it was damaged or changed on the way, and ` +
          'is not kept. Try again, from a mirror or another network if it happens twice.',
      );
    }
    // Its digest is remembered by size and times, which a power loss may keep without the bytes.
    const file = await fs.promises.open(this.part, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.promises.rename(this.part, request.target);
    syncFolder(path.dirname(request.target));
    return digest;
  }

  private refused({ status, headers, url }: Answer): Error {
    const {
      name,
      publisher: { otherwise },
    } = this.request;
    const host = url.host;
    switch (status) {
      case 401:
        return network(
          `${host} asks for a login to give ${name} (401): it wants an account, or its terms accepted there. Weft sends no ` +
            `password or token. ${otherwise}`,
        );
      case 403:
        return network(
          `${host} refuses to give ${name} (403): it may be closed to your account or country. ${otherwise}`,
        );
      case 404:
      case 410:
        return new NotThere(
          `${host} has no ${name} (${status}; asked for ${this.request.url.href}): it was moved, renamed or changed. ${otherwise}`,
        );
      case 407:
        return network(
          `The proxy asks for a login (407). Write it into the proxy's address, http://USER:PASSWORD@HOST:PORT.`,
        );
      case 451:
        return network(`${host} may not give ${name} for legal reasons (451). ${otherwise}`);
      default: {
        const asked = retryAfterMs(headerOf(headers, 'retry-after'));
        if (status === 429 || status >= 500) return new Busy(status, host, asked);
        return network(`${host} answers ${status} instead of ${name}. Try again later, or use a mirror.`);
      }
    }
  }

  private async waitAfter(error: unknown, last: boolean): Promise<void> {
    const { request, policy } = this;
    const what = error instanceof Busy || error instanceof Short ? error.message : connectionFailure(error, this.host);
    const asked = error instanceof Busy ? error.askedMs : undefined;
    const far = asked !== undefined && asked > policy.longestServerWaitMs;
    if (last || far) {
      const until = far ? `; it asks to come back in ${Math.ceil(asked / 60_000)} minutes` : '';
      const kept =
        partBytes(request.target) > 0
          ? ' What came so far is kept: resume later.'
          : ' Try again later, or use a mirror.';
      const way = isUnreachable(error) ? ' Behind a proxy, set HTTPS_PROXY (in VS Code: http.proxy).' : '';
      throw network(`${what.replace(/^the/, 'The')}${until}.${way}${kept}`);
    }
    const own = Math.min(policy.retryMs * 2 ** (this.failures - 1), policy.longestRetryMs);
    const pause = asked ?? own;
    request.onNote(`${request.name}: ${what}; trying again in ${Math.max(1, Math.round(pause / 1000))} s.`);
    try {
      await wait(pause, undefined, { signal: request.signal });
    } catch {
      throw stopped(request.signal);
    }
  }
}

/** The server has no such file. */
export class NotThere extends WeftError {
  constructor(message: string) {
    super('network', message);
  }
}

class TooMuch extends Error {}
/** An answer that ended before its file did. */
class Short extends Error {}
/** A server that can't now and may be able to later. */
class Busy extends Error {
  constructor(
    status: number,
    host: string,
    readonly askedMs: number | undefined,
  ) {
    super(status === 429 ? `${host} is asked too often (429)` : `${host} has a failure of its own (${status})`);
  }
}

export function stopped(signal: AbortSignal): WeftError {
  return signal.reason instanceof WeftError ? signal.reason : new WeftError('interrupted', 'Paused.');
}

function diskFailure(error: unknown, name: string): WeftError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const problem = error instanceof FileProblem ? error : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT' || problem?.reason === 'full')
    return new WeftError(
      'checkpoint',
      `The disk is full: there is no space for the rest of ${name}. Free some space and resume; Weft keeps what has arrived.`,
    );
  if (code === 'EFBIG')
    return new WeftError(
      'checkpoint',
      `The file system can't hold a file as large as ${name}. Point WEFT_HOME at another disk.`,
    );
  const local = ['EEXIST', 'EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR', 'ENOENT', 'EIO', 'EMFILE', 'ENAMETOOLONG'];
  if (code !== undefined && local.includes(code))
    return new WeftError(
      'checkpoint',
      `${name} can't be written below WEFT_HOME (${code}). Check the folder's permissions and resume.`,
    );
  if (problem !== undefined) return new WeftError('checkpoint', problem.message);
  return undefined;
}

/** The SHA-256 that a hub states for a large file before it redirects to where the bytes lie. */
function statedDigest(answer: Answer): string | undefined {
  const etag = headerOf(answer.first, 'x-linked-etag')?.replaceAll('"', '').toLowerCase();
  return etag !== undefined && /^[0-9a-f]{64}$/.test(etag) ? etag : undefined;
}

function declaredLength(answer: Answer): number | undefined {
  const text = headerOf(answer.headers, 'content-length');
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function contentRange(answer: Answer): { start: number; total?: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headerOf(answer.headers, 'content-range') ?? '');
  if (match === null) return undefined;
  return { start: Number(match[1]), ...(match[2] === '*' ? {} : { total: Number(match[2]) }) };
}

/** Whether a whole answer seems to be the file whose beginning is there. */
function sameFile(answer: Answer, state: FileState, total: number | undefined, declared: number | undefined): boolean {
  if (total !== undefined && declared !== undefined && total !== declared) return false;
  const stated = statedDigest(answer);
  if (stated !== undefined && state.stated !== undefined) return stated === state.stated;
  const etag = headerOf(answer.headers, 'etag');
  if (etag !== undefined && state.etag !== undefined) return etag === state.etag;
  const modified = headerOf(answer.headers, 'last-modified');
  if (modified !== undefined && state.lastModified !== undefined) return modified === state.lastModified;
  return total !== undefined && declared !== undefined;
}
