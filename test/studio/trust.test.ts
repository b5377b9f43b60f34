import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Server, startServer } from './support/server';
import { Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

let server: Server;
let workbench: Workbench;
const workspace = new Workspace('untrusted');

beforeAll(async () => {
  // Two windows in which little works, in one: this one's engine has no folder either.
  server = await startServer('untrusted-server', { trust: 'ask', brokenHome: true });
  workbench = await Workbench.open(server.url, workspace);
});
afterAll(async () => {
  await workbench?.close();
  await server?.stop();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

test('in a folder that is not trusted a graph is shown and can be edited', async () => {
  await workbench.openStudio('quick.weft.json');
  await workbench.studio.getByTestId('untrusted').waitFor();
  await workbench.node('prompt').click();
  const domain = workbench.studio.getByTestId('param-domain').locator('input').first();
  await domain.fill('house');
  await domain.press('Enter');
  await workbench.dirtyTab.waitFor();
  await workbench.save();
  expect(workspace.read('quick.weft.json')).toContain('"domain": "house"');
  await workbench.screenshot('untrusted');
});

test('and it does not run, neither by its button nor by the palette: the way to trust is shown instead', async () => {
  expect(await workbench.studio.getByTestId('run').isEnabled()).toBe(false);
  await workbench.command('Weft: Run Graph');
  await workbench.notification(/only in folders you trust/).waitFor();
  await workbench.command('Transfer Appearance with Weft');
  await expect
    .poll(() => workbench.page.locator('.notification-list-item', { hasText: /only in folders you trust/ }).count())
    .toBeGreaterThan(0);
  expect(workspace.exists('weft-out')).toBe(false);
});

test('a folder of Weft’s that can not be used is told in one message, and the graph stays to be edited', async () => {
  const notifications = workbench.page.locator('.notification-list-item', { hasText: 'WEFT_HOME' });
  await workbench.command('Weft: Focus on Checkpoints View');
  await workbench.command('Notifications: Show Notifications');
  await notifications.first().waitFor();
  expect(await notifications.first().innerText()).toMatch(
    /weft-home.*is no folder but a file\. Set WEFT_HOME to a folder/,
  );
  // Others ask the engine, too.
  await workbench.openStudio('pair.weft.json');
  expect(await notifications.count()).toBe(1);
  await workbench.screenshot('home-unusable');
});
