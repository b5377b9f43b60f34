import { type TestProject } from 'vitest/node';
import { startServer } from './server';

declare module 'vitest' {
  interface ProvidedContext {
    url: string;
  }
}

/** One workbench for all files of the suite. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer('server', { trust: 'always' });
  project.provide('url', server.url);
  return () => server.stop();
}
