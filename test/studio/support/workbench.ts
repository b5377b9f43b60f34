import fs from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { environment } from './environment';
import { type Workspace } from './workspace';

/** Of the browser that shows the workbench. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A window of the workbench, driven as a person would: keys, clicks, and what shows. */
export class Workbench {
  /** Violations of the webview's content security policy, as the browser reports them. */
  readonly violations: string[] = [];

  private constructor(
    private readonly browser: Browser,
    readonly page: Page,
  ) {}

  static async open(url: string, workspace: Workspace): Promise<Workbench> {
    const workbench = await Workbench.begin(`${url}/?folder=${encodeURIComponent(workspace.folder)}`);
    await workbench.page.locator('.monaco-workbench .explorer-folders-view').waitFor({ timeout: 90_000 });
    await workbench.waitForExtension(workspace);
    return workbench;
  }

  /** A window without a folder, as it is when somebody has just installed the extension. */
  static async openEmpty(url: string): Promise<Workbench> {
    const workbench = await Workbench.begin(`${url}/?ew=true`);
    await workbench.page.locator('.monaco-workbench .activitybar').waitFor({ timeout: 90_000 });
    return workbench;
  }

  private static async begin(address: string): Promise<Workbench> {
    const browser = await chromium.launch({ executablePath: environment.chromium(), args: FLAGS });
    const context = await browser.newContext({ viewport: { width: 1600, height: 940 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const workbench = new Workbench(browser, page);
    page.on('console', (message) => {
      if (
        /Content Security Policy/i.test(message.text()) &&
        /webview|fake\.html|vscode-resource/i.test(message.text() + message.location().url)
      ) {
        workbench.violations.push(message.text());
      }
    });
    await page.goto(address);
    return workbench;
  }

  /**
   * Opens graphs until the studio takes one. A window registers an extension's commands before its editors: a graph that is opened
   * between the two opens as text, and stays so when it is opened again, so each try is of a file of its own.
   */
  private async waitForExtension(workspace: Workspace): Promise<void> {
    const text = this.page.locator('.editor-instance .monaco-editor');
    const studio = this.page.locator('iframe.webview');
    const until = Date.now() + 90_000;
    for (let attempt = 1; Date.now() < until; attempt++) {
      const name = `try-${attempt}.weft.json`;
      workspace.write(name, workspace.read('empty.weft.json'));
      await this.openFile(name);
      await text.or(studio).first().waitFor();
      const there = (await studio.count()) > 0;
      await this.closeEditors();
      workspace.remove(name);
      if (there) return;
    }
    throw new Error('The extension did not register its editor.');
  }

  async close(): Promise<void> {
    await this.browser.close();
  }

  get palette(): Locator {
    return this.page.locator('.quick-input-widget .quick-input-filter input');
  }

  row(text: string | RegExp): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
  }

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    await this.find('F1', `>${title}`, title);
    await this.take();
  }

  /**
   * Opens the palette by a key and goes to the row wanted. A key pressed while a page in the editor is only loading reaches nobody: so
   * it may take more than one try.
   */
  private async find(key: string, filter: string, text: string): Promise<void> {
    const late = { timeout: 4_000 };
    let last: unknown;
    for (let attempt = 0; attempt < 8; attempt++) {
      try {
        await this.page.keyboard.press(key);
        await this.palette.waitFor(late);
        await this.palette.fill(filter, late);
        await this.goTo(text, late);
        return;
      } catch (error) {
        last = error;
        if (await this.palette.isVisible()) await this.dismiss();
      }
    }
    throw last;
  }

  /** Makes a row of the list that is open the current one. Rows move while the list is filtered: a click could hit another. */
  private async goTo(text: string, options: { timeout?: number } = {}): Promise<void> {
    await this.row(text).waitFor(options);
    const focused = this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: text });
    for (let step = 0; step < 20 && (await focused.count()) === 0; step++) await this.palette.press('ArrowDown');
    await focused.waitFor(options);
  }

  private async accept(text: string): Promise<void> {
    await this.goTo(text);
    await this.take();
  }

  /**
   * Accepts what the palette, list or box asks. A page that has just loaded may take the focus, and the key with it. The settings of
   * the tests keep the palette open then: while it still asks the same, the key was lost.
   */
  async take(): Promise<void> {
    const asked = await this.palette.inputValue();
    await this.pressUntil('Enter', async () => (await this.palette.inputValue()) !== asked);
  }

  /** Leaves what is asked unanswered. */
  async dismiss(): Promise<void> {
    await this.pressUntil('Escape', () => Promise.resolve(false));
  }

  private async pressUntil(key: string, or: () => Promise<boolean>): Promise<void> {
    const asking = this.page.locator('.quick-input-widget');
    for (let attempt = 0; attempt < 8; attempt++) {
      await this.palette.press(key);
      for (const until = Date.now() + 4_000; Date.now() < until;) {
        if (!(await asking.isVisible()) || (await or())) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    throw new Error(`The palette does not take ${key}.`);
  }

  /** Chooses from the quick pick of this title. */
  async pick(title: string, text: string): Promise<void> {
    await this.page.locator('.quick-input-titlebar', { hasText: title }).waitFor();
    await this.palette.fill(text);
    await this.accept(text);
  }

  /** Types into the input box that asks this, and accepts. */
  async answer(prompt: string, text: string): Promise<void> {
    await this.page.locator('.quick-input-message', { hasText: prompt }).waitFor();
    await this.palette.fill(text);
    await this.take();
  }

  /** Opens a file of the workspace by name. */
  async openFile(name: string): Promise<void> {
    await this.find('Control+P', name, path.basename(name));
    await this.take();
    await this.tab(path.basename(name)).waitFor();
  }

  /** Takes an item of the menu that is open; by a key, since a menu is deaf to clicks for a moment after it opened. */
  async choose(text: string): Promise<void> {
    await this.page.locator('.monaco-menu .action-item', { hasText: text }).hover();
    await this.page.locator('.monaco-menu .action-item.focused', { hasText: text }).waitFor();
    await this.page.keyboard.press('Enter');
  }

  /** A row of the Explorer. */
  file(name: string): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name }).first();
  }

  /** Selects these rows of the Explorer and no other. With Control, so that none opens: a page that opens takes the focus from menus. */
  async select(...names: string[]): Promise<void> {
    const rows = this.page.locator('.explorer-folders-view .monaco-list-row');
    const selected = this.page.locator('.explorer-folders-view .monaco-list-row[aria-selected="true"]');
    for (let count = await selected.count(); count > 0; count = await selected.count()) {
      const label = await selected.first().getAttribute('aria-label');
      await rows.and(this.page.getByLabel(label ?? '', { exact: true })).click({ modifiers: ['Control'] });
    }
    for (const name of names) await this.file(name).click({ modifiers: ['Control'] });
    await eventually(async () => (await selected.count()) === names.length, `${names.join(', ')}: not selected`);
  }

  /** Opens a folder of the Explorer. */
  async expand(folder: string): Promise<void> {
    const row = this.file(folder);
    const open = this.page.locator('.explorer-folders-view .monaco-list-row[aria-expanded="true"]', {
      hasText: folder,
    });
    await row.waitFor();
    // While the list still loads, a click may meet the row that took this one's place.
    await eventually(async () => {
      if ((await row.getAttribute('aria-expanded')) !== 'true') await row.click();
      await open.first().waitFor({ timeout: 3000 });
      return true;
    }, `${folder} does not open in the Explorer`);
  }

  /** Drags a file of the Explorer into the studio, with the Shift key that VS Code wants for that. */
  async dropFromExplorer(name: string, target: Locator, at = { x: 0.5, y: 0.5 }): Promise<void> {
    await this.dragFromExplorer(name, target, { at, key: 'Shift' });
  }

  /** Drags a file or folder of the Explorer to another place of the workbench, with a key that is pressed once it has begun. */
  async dragFromExplorer(
    name: string,
    target: Locator,
    { at = { x: 0.5, y: 0.5 }, key }: { at?: { x: number; y: number }; key?: string } = {},
  ): Promise<void> {
    const [from, to] = [await this.file(name).boundingBox(), await target.boundingBox()];
    if (!from || !to) throw new Error(`${name} or its target does not show.`);
    const { mouse, keyboard } = this.page;
    const place = { x: to.x + to.width * at.x, y: to.y + to.height * at.y };
    await mouse.move(from.x + 60, from.y + from.height / 2);
    await mouse.down();
    if (key) await keyboard.down(key);
    await mouse.move(from.x + 80, from.y + from.height / 2 + 4, { steps: 4 });
    await mouse.move(place.x - 4, place.y, { steps: 10 });
    await mouse.move(place.x, place.y, { steps: 4 });
    await mouse.up();
    if (key) await keyboard.up(key);
  }

  /** Loads the window anew, as after a crash or an update. */
  async reload(): Promise<void> {
    this.page.once('dialog', (dialog) => void dialog.accept());
    await this.page.reload();
    await this.page.locator('.monaco-workbench .explorer-folders-view').waitFor({ timeout: 90_000 });
  }

  async theme(name: string): Promise<void> {
    await this.command('Preferences: Color Theme');
    await this.palette.waitFor();
    await this.palette.fill(name);
    await this.accept(name);
    await this.palette.waitFor({ state: 'hidden' });
  }

  tab(name: string): Locator {
    return this.page.locator('.tabs-container .tab', { hasText: name }).first();
  }

  get dirtyTab(): Locator {
    return this.page.locator('.editor-group-container.active .tab.active.dirty');
  }

  /** The page inside the active studio. */
  get studio(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
  }

  /** The pages of all studios that show, in the order VS Code made them. */
  studios(): Locator {
    return this.page.locator('iframe.webview.ready');
  }

  studioAt(index: number): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').nth(index).frameLocator('iframe#active-frame');
  }

  node(id: string): Locator {
    return this.studio.locator(`.react-flow__node[data-id="${id}"]`);
  }

  async openStudio(name: string): Promise<void> {
    await this.openFile(name);
    await this.studio.locator('.react-flow__node').first().waitFor({ timeout: 120_000 });
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-list-item', { hasText: text }).first();
  }

  async clearNotifications(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
  }

  /** Saves what was changed. The page shows an edit before the document has it: saved at once, the file would lack it. */
  async save(): Promise<void> {
    await this.dirtyTab.waitFor();
    await this.page.keyboard.press('Control+S');
    await this.dirtyTab.waitFor({ state: 'detached' });
  }

  /** Closes editors, of which none has changes, and waits until the last is gone: what is looked for next is not one of them. */
  async closeEditors(): Promise<void> {
    await this.command('View: Close All Editors');
    await this.page.locator('.tabs-container .tab').first().waitFor({ state: 'detached' });
  }

  async closeAll(): Promise<void> {
    if ((await this.dirtyTab.count()) > 0) {
      await this.command('View: Revert and Close Editor');
      await this.dirtyTab.waitFor({ state: 'detached' });
    }
    await this.closeEditors();
  }

  /** After a failed test: a picture of it, and no dialog left in the way of the tests behind it. */
  async failed(test: string): Promise<void> {
    await this.screenshot(`failed-${test.replaceAll(/\W+/g, '-')}`);
    for (let count = 0; count < 2; count++) await this.page.keyboard.press('Escape');
  }

  async screenshot(name: string): Promise<string> {
    const file = path.join(environment.artifacts(), `${name}.png`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
    return file;
  }
}

/** Waits until a check of something outside the page holds, and gives what it gave. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  message: string,
  timeoutMs = 30_000,
): Promise<NonNullable<T>> {
  let last: unknown;
  for (const until = Date.now() + timeoutMs; Date.now() < until;) {
    try {
      const value = await check();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${message} (last: ${String(last)})`);
}
