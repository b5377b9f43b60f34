/** GET over HTTP for large files: proxies, redirects that are looked at before they are followed, failures in sentences. */
import { type Dispatcher } from 'undici';
import { WeftError } from '../../protocol/errors';

export interface ProxySettings {
  /** Proxy for http: and https: addresses; the environment's HTTP_PROXY and HTTPS_PROXY where absent. `off`: none at all. */
  url?: string;
  /** Hosts reached without it, as in NO_PROXY. */
  noProxy?: string;
  /** Whether certificates are checked; only a person's own setting turns that off. */
  strictTls?: boolean;
}

export interface HttpTimeouts {
  /** Until the answer begins, and between two pieces of it, in milliseconds. */
  headersMs: number;
  idleMs: number;
}

export const defaultTimeouts: HttpTimeouts = { headersMs: 30_000, idleMs: 60_000 };

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Dispatcher.ResponseData['body'];
  /** The address that answered, after redirects. */
  url: URL;
  /** Headers of the first answer, before redirects: a hub states digests there that the storage behind it does not know. */
  first: Record<string, string | string[] | undefined>;
}

const MOST_REDIRECTS = 10;

export const network = (message: string): WeftError => new WeftError('network', message);

/** One header as text. */
export function headerOf(headers: Answer['headers'], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export class HttpClient {
  private dispatcher: Promise<Dispatcher> | undefined;

  constructor(
    private readonly proxy: ProxySettings,
    private readonly timeouts: HttpTimeouts,
    private readonly userAgent: string,
  ) {}

  private async connect(): Promise<Dispatcher> {
    const { Agent, EnvHttpProxyAgent } = await import('undici');
    const { url, noProxy, strictTls } = this.proxy;
    const common = {
      headersTimeout: this.timeouts.headersMs,
      bodyTimeout: this.timeouts.idleMs,
      connect: { timeout: this.timeouts.headersMs, ...(strictTls === false ? { rejectUnauthorized: false } : {}) },
    };
    if (url === 'off') return new Agent(common);
    const named = url === undefined ? {} : { httpProxy: url, httpsProxy: url };
    try {
      return new EnvHttpProxyAgent({
        ...common,
        ...(strictTls === false ? { requestTls: { rejectUnauthorized: false } } : {}),
        ...named,
        ...(noProxy === undefined ? {} : { noProxy }),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw network(
        `The proxy ${url ?? 'of the environment (HTTPS_PROXY, HTTP_PROXY)'} can't be used: ${reason}. Write it as http://HOST:PORT.`,
      );
    }
  }

  /**
   * @throws WeftError `network` for redirects that lead nowhere good; whatever the connection throws otherwise.
   */
  async get(address: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const { request } = await import('undici');
    const dispatcher = await (this.dispatcher ??= this.connect());
    const seen = new Set<string>();
    let url = address;
    let first: Answer['headers'] | undefined;
    for (;;) {
      if (seen.has(url.href))
        throw network(`${address.host} redirects in circles (${seen.size} times). Try again later, or use a mirror.`);
      if (seen.size > MOST_REDIRECTS)
        throw network(`${address.host} redirects more than ${MOST_REDIRECTS} times. Try again later, or use a mirror.`);
      seen.add(url.href);
      const answer = await request(url, {
        dispatcher,
        signal,
        method: 'GET',
        // Compressed bytes have other offsets than the file: no Range could count them.
        headers: { 'user-agent': this.userAgent, 'accept-encoding': 'identity', ...headers },
      });
      first ??= answer.headers;
      const location = headerOf(answer.headers, 'location');
      const redirects = [301, 302, 303, 307, 308].includes(answer.statusCode);
      if (!redirects) return { status: answer.statusCode, headers: answer.headers, body: answer.body, url, first };
      await answer.body.dump();
      if (location === undefined)
        throw network(
          `${url.host} redirects without saying where (${answer.statusCode}). Try again later, or use a mirror.`,
        );
      url = followed(url, location);
    }
  }

  async close(): Promise<void> {
    const dispatcher = await this.dispatcher?.catch(() => undefined);
    this.dispatcher = undefined;
    await dispatcher?.destroy();
  }
}

/** Reached without encryption over a network, so that anyone on the way can see and change what comes. */
export const isPlain = ({ protocol, hostname }: URL): boolean =>
  protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname);

function followed(from: URL, location: string): URL {
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    throw network(`${from.host} redirects to ${JSON.stringify(location.slice(0, 200))}, which is not an address.`);
  }
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw network(`${from.host} redirects to ${to.protocol} which Weft does not follow.`);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw network(
      `${from.host} redirects from https to plain http (${to.host}), which Weft does not follow: anyone on the way could change the files.`,
    );
  return to;
}

/** Code of a failed connection, looked for below wrappers. */
export function codeOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    const { code, cause, errors } = at as { code?: unknown; cause?: unknown; errors?: unknown[] };
    if (typeof code === 'string') return code;
    at = cause ?? errors?.[0];
  }
  return undefined;
}

/** What a failed connection means, as the start of a sentence. */
export function connectionFailure(error: unknown, host: string): string {
  const code = codeOf(error);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `${host} can't be reached: there is no network, or no way to that host (${code})`;
    case 'ECONNREFUSED':
      return `${host} refuses connections (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return `the connection to ${host} broke off`;
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'ETIMEDOUT':
      return `${host} does not answer in time`;
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return `${host} sent another number of bytes than it had announced`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_HAS_EXPIRED':
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${host} is not trusted (${code}); behind a proxy that inspects https, point NODE_EXTRA_CA_CERTS at its certificate`;
    default:
      return `the connection to ${host} failed (${code ?? (error instanceof Error ? error.message : String(error))})`;
  }
}

/** Failures that another try can't mend. */
export const isFinal = (error: unknown): boolean => /CERT|SSL|TLS/.test(codeOf(error) ?? '');

/** There is no way to the host, which a moment's wait seldom mends. */
export const isUnreachable = (error: unknown): boolean =>
  ['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'].includes(codeOf(error) ?? '');
