/** A hub of files on this machine that answers as a real one does, or as badly as a test asks it to. */
import { createHash } from 'node:crypto';
import * as http from 'node:http';
import { type AddressInfo } from 'node:net';

export interface Asked {
  method: string;
  url: string;
  range?: string;
  ifRange?: string;
  headers: http.IncomingHttpHeaders;
}

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  body?: Buffer;
}

/** Decides about one request before the files are looked at; undefined: answer as usual. */
export type Mischief = (asked: Asked, count: number) => Misbehaviour | undefined;

export interface Misbehaviour extends Reply {
  /** Bytes of the body after which the connection is cut. */
  cutAfter?: number;
  /** What Content-Length claims, whatever the body has. */
  claims?: number;
  ignoreRange?: boolean;
  etag?: string;
  /** Bytes a second. */
  rate?: number;
  /** Never answers. */
  hang?: boolean;
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export class FileServer {
  readonly asked: Asked[] = [];
  /** By path, as `/owner/name/resolve/main/unet/model.onnx`. */
  readonly files = new Map<string, Buffer>();
  mischief: Mischief = () => undefined;
  private server!: http.Server;
  private readonly counts = new Map<string, number>();

  static async start(): Promise<FileServer> {
    const server = new FileServer();
    server.server = http.createServer((request, response) => void server.answer(request, response));
    server.server.on('clientError', (_error, socket) => socket.destroy());
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Requests for what ends so. */
  for(ending: string): Asked[] {
    return this.asked.filter(({ url }) => url.endsWith(ending));
  }

  /** Forgets files, misbehaviour and what was asked. */
  reset(): void {
    this.files.clear();
    this.asked.length = 0;
    this.counts.clear();
    this.mischief = () => undefined;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const url = decodeURIComponent(request.url ?? '/');
    const asked: Asked = {
      method: request.method ?? '',
      url,
      range: request.headers.range,
      ifRange: request.headers['if-range'] as string | undefined,
      headers: request.headers,
    };
    this.asked.push(asked);
    const count = (this.counts.get(url) ?? 0) + 1;
    this.counts.set(url, count);
    const bad = this.mischief(asked, count) ?? {};
    if (bad.hang) return;
    if (bad.status !== undefined && bad.status !== 200) {
      response.writeHead(bad.status, bad.headers).end(bad.body);
      return;
    }
    const file = bad.body ?? this.files.get(url);
    if (file === undefined) {
      response.writeHead(404).end('no such file');
      return;
    }
    const etag = bad.etag ?? `"${sha256(file).slice(0, 16)}"`;
    const match = bad.ignoreRange ? null : /^bytes=(\d+)-$/.exec(asked.range ?? '');
    const ranged = match !== null && (asked.ifRange === undefined || asked.ifRange === etag);
    const start = ranged ? Number(match[1]) : 0;
    if (ranged && start >= file.length) {
      response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
      return;
    }
    const body = file.subarray(start);
    const headers: Record<string, string> = {
      'content-type': 'application/octet-stream',
      etag,
      'content-length': String(bad.claims ?? body.length),
      ...(bad.ignoreRange ? {} : { 'accept-ranges': 'bytes' }),
      ...(ranged ? { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` } : {}),
      ...bad.headers,
    };
    for (const [name, value] of Object.entries(headers)) if (value === '') delete headers[name];
    response.writeHead(ranged ? 206 : 200, headers);
    response.flushHeaders();
    const sent = body.subarray(0, bad.cutAfter ?? body.length);
    const piece = bad.rate === undefined ? 64 << 10 : Math.max(1, Math.floor(bad.rate / 20));
    for (let at = 0; at < sent.length && !response.destroyed; at += piece) {
      if (!response.write(sent.subarray(at, at + piece)))
        await new Promise<void>((resolve) => {
          const go = (): void => {
            response.off('drain', go).off('close', go);
            resolve();
          };
          response.on('drain', go).on('close', go);
        });
      if (bad.rate !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (bad.cutAfter !== undefined && bad.cutAfter < body.length) {
      // Let what was written leave before the line is cut.
      await new Promise((resolve) => setTimeout(resolve, 20));
      response.destroy();
    } else response.end();
  }
}
