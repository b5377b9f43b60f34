import path from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environment } from './support/environment';
import { type Server, startServer } from './support/server';
import { FLAGS } from './support/workbench';
import { Workspace } from './support/workspace';

/**
 * A window that loads the extension from the checkout, as F5 does: VS Code's own development host and test runner, of which code-server
 * has all but the Electron window and the debugger.
 */
let server: Server;

beforeAll(async () => {
  server = await startServer('development-server', { trust: 'always', development: true });
});
afterAll(() => server?.stop());

test(
  'the checkout runs in a development host, and what needs the real API holds there',
  { timeout: 240_000 },
  async () => {
    const workspace = new Workspace('development');
    const here = (file: string): string => `vscode-remote://127.0.0.1:${server.port}${file}`;
    const payload = [
      ['extensionDevelopmentPath', here(environment.root())],
      ['extensionTestsPath', here(path.join(environment.root(), 'test', 'studio', 'inHost', 'suite.cjs'))],
    ];
    const browser = await chromium.launch({ executablePath: environment.chromium(), args: FLAGS });
    try {
      const page = await browser.newPage();
      const lines: string[] = [];
      await page.exposeFunction('codeAutomationLog', (type: string, args: unknown[]) =>
        lines.push(`${type} ${args.map(String).join(' ')}`),
      );
      const ended = new Promise<number>((resolve) => {
        void page.exposeFunction('codeAutomationExit', (code: number) => resolve(code));
      });
      const query = new URLSearchParams({ folder: workspace.folder, payload: JSON.stringify(payload) });
      await page.goto(`${server.url}/?${query.toString()}`);
      const code = await ended;
      expect(code, lines.slice(-20).join('\n')).toBe(0);
    } finally {
      await browser.close();
    }
  },
);
