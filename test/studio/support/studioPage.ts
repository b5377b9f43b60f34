import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { type Browser, type Page } from 'playwright-core';
import { type StudioToHost } from '../../../extension/protocol/studio';
import { environment } from './environment';
import { FakeHost } from './fakeHost';

const root = environment.root();
const dist = path.join(root, 'dist', 'webview');
const NONCE = 'preview';
const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.ttf': 'font/ttf',
  '.png': 'image/png',
};

/** Serves the built webview with the content security policy of the real one. */
async function serve(): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (name === '/') {
      response.setHeader('Content-Type', 'text/html');
      response.setHeader(
        'Content-Security-Policy',
        `default-src 'none'; img-src 'self' data: blob:; style-src 'self'; font-src 'self'; script-src 'nonce-${NONCE}'`,
      );
      response.end(pageHtml());
      return;
    }
    if (name === '/theme.css') {
      response.setHeader('Content-Type', 'text/css');
      response.end('body { font: 13px sans-serif; padding: 0 20px; }');
      return;
    }
    const file = name.startsWith('/images/') ? path.join(root, 'examples', name) : path.join(dist, path.basename(name));
    if (!existsSync(file)) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader('Content-Type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The preview has no port.');
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

function pageHtml(): string {
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Weft studio</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="theme.css"><link rel="stylesheet" href="studio.css"></head>
<body class="vscode-dark"><div id="root"></div>
<script nonce="${NONCE}">
window.acquireVsCodeApi = () => ({
  postMessage: (message) => window.toHost(JSON.stringify(message, (_k, v) => (v instanceof Uint8Array ? { $bytes: v.length } : v))),
  getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') ?? undefined,
  setState: (state) => sessionStorage.setItem('state', JSON.stringify(state)),
});
// Bytes come in as base64; the page gets them as the real host would send them.
const bytes = (value) => {
  if (Array.isArray(value)) return value.map(bytes);
  if (value === null || typeof value !== 'object') return value;
  if (typeof value.$bytes === 'string') return Uint8Array.from(atob(value.$bytes), (c) => c.charCodeAt(0));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, bytes(v)]));
};
window.addEventListener('message', (event) => {
  if (!JSON.stringify(event.data)?.includes('$bytes')) return;
  event.stopImmediatePropagation();
  window.dispatchEvent(new MessageEvent('message', { data: bytes(event.data) }));
});
</script>
<script nonce="${NONCE}" src="studio.js"></script></body></html>`;
}

export interface StudioPage {
  page: Page;
  host: FakeHost;
  /** What the page complained of: errors, and what its security policy refused. */
  complaints: string[];
  close: () => Promise<void>;
}

/** Opens a graph in the webview, with a fake host behind it. */
export async function openPage(
  browser: Browser,
  text: string,
  viewport = { width: 1430, height: 840 },
): Promise<StudioPage> {
  const { server, url } = await serve();
  const context = await browser.newContext({
    viewport,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`${error.message}\n${error.stack ?? ''}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  const host = new FakeHost(page, text);
  await page.exposeFunction('toHost', (message: string) => host.receive(JSON.parse(message) as StudioToHost));
  await page.goto(url);
  return {
    page,
    host,
    complaints,
    close: async () => {
      await context.close();
      server.close();
    },
  };
}
