/** What tests of a graph in a real workbench have in common: one window a file, on a folder of its own. */
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { Workbench } from './workbench';
import { Workspace } from './workspace';

/** On a busy machine a run of the mini checkpoint may take this long. */
export const RUN_MS = 120_000;

/** The window of the file that imports it, once {@link inWorkbench} has opened it. */
export let workbench: Workbench;

export const part = (id: string) => workbench.studio.getByTestId(id);

/** To be called once at the top of a file, with the graph to open, if any; a failed test leaves a picture. */
export function inWorkbench(name: string, graph?: string): Workspace {
  const workspace = new Workspace(name);
  beforeAll(async () => {
    workbench = await Workbench.open(inject('url'), workspace);
    if (graph !== undefined) await workbench.openStudio(graph);
  });
  afterAll(() => workbench?.close());
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await workbench.failed(task.name);
  });
  return workspace;
}
