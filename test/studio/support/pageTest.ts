/** What tests of the page alone have in common: one browser a file, and before each test the page with an example and a fake host. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type GraphDocument, parseGraph } from '../../../extension/graph';
import { environment } from './environment';
import { openPage, type StudioPage } from './studioPage';
import { FLAGS } from './workbench';

export const example = readFileSync(path.join(environment.root(), 'examples/giraffe-zebra.weft.json'), 'utf8');

/** The page of the test that runs, through `open`; a failed test leaves a picture under `name`. */
export interface PageTest {
  readonly studio: StudioPage;
  graph(): GraphDocument;
}

/** To be called once at the top of a file. */
export function pageTest(name: string): PageTest {
  let browser: Browser;
  let studio: StudioPage;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: environment.chromium(), args: FLAGS });
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    studio = await openPage(browser, example);
    await studio.page.getByTestId('rf__node-swap').waitFor();
    await studio.host.settled();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail')
      await studio.page.screenshot({
        path: path.join(environment.artifacts(), `${name} ${task.name.replace(/\W+/g, '-')}.png`),
      });
    expect(studio.complaints).toEqual([]);
    await studio.close();
  });
  return {
    get studio() {
      return studio;
    },
    graph() {
      const { document } = parseGraph(studio.host.text);
      if (!document) throw new Error('The text is no graph any more.');
      return document;
    },
  };
}
