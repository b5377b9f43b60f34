import { setTimeout as wait } from 'node:timers/promises';
import { WeftError } from '../../protocol/errors';
import { connectionFailure, headerOf, type HttpClient, isFinal, isUnreachable, network } from './http';
import { retryAfterMs } from './retryAfter';
import { defaultPolicy, stopped, type TransferPolicy } from './downloadFile';

/** A catalogue that is larger is none. */
const MOST_BYTES = 20e6;
/** Somebody waits for the answer: fewer tries than for a file. */
const TRIES = 3;

export interface JsonRequest {
  url: URL;
  /** What the answer is, as the end of a sentence: "no NuGet index (version 3)". */
  otherwiseIt: string;
  /** What to do when the server does not give it, as sentences. */
  otherwise: string;
  signal: AbortSignal;
}

/**
 * A small JSON document.
 * @throws WeftError `network` when there is none to be had, `interrupted` when the signal was given.
 */
export async function fetchJson(
  client: HttpClient,
  request: JsonRequest,
  policy: Pick<TransferPolicy, 'retryMs' | 'longestServerWaitMs'> = defaultPolicy,
): Promise<Record<string, unknown>> {
  const { url, otherwise, otherwiseIt, signal } = request;
  const isNone = network(`${url.href} does not answer with JSON: it is ${otherwiseIt}. ${otherwise}`);
  for (let attempt = 1; ; attempt++) {
    let failure: string;
    let pause = policy.retryMs * attempt;
    let last = attempt >= TRIES;
    try {
      const { status, headers, body } = await client.get(url, { accept: 'application/json' }, signal);
      if (status === 200) return parse(await read(body, isNone), isNone);
      await body.dump();
      failure = `${url.host} answers ${status} for ${url.href}`;
      last ||= status !== 429 && status < 500;
      pause = retryAfterMs(headerOf(headers, 'retry-after')) ?? pause;
      last ||= pause > policy.longestServerWaitMs;
    } catch (error) {
      if (signal.aborted) throw stopped(signal);
      if (error instanceof WeftError) throw error;
      failure = connectionFailure(error, url.host);
      last ||= isFinal(error) || isUnreachable(error);
      if (last) failure += '. Behind a proxy, set HTTPS_PROXY (in VS Code: http.proxy)';
    }
    if (last) throw network(`${failure.replace(/^the/, 'The')}. ${otherwise}`);
    await wait(pause, undefined, { signal }).catch(() => {
      throw stopped(signal);
    });
  }
}

async function read(body: AsyncIterable<Buffer>, tooLarge: WeftError): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string, isNone: WeftError): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
  } catch {
    // A page, or half an answer.
  }
  throw isNone;
}
