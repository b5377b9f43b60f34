/** What strangers wrote (a checkpoint's title, a file's name, a graph's id) is text wherever VS Code shows it. */
import { expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import { CheckpointsView } from '../../../extension/host/views/checkpointsView';
import { type Checkpoints } from '../../../extension/host/views/checkpoints';
import { type CheckpointInfo, type KnownCheckpoint } from '../../../extension/protocol/engine';
import { licenceQuestion } from '../../../extension/host/views/checkpointText';
import { type HistoryStore } from '../../../extension/host/runs/historyStore';
import { RunRecord } from '../../../extension/host/runs/runRecord';
import { type RunService } from '../../../extension/host/runs/runService';
import { RunStatus } from '../../../extension/host/runs/runStatus';
import { ask, input, notify, pick, withNotification } from '../../../extension/host/window';

const host = vi.hoisted(() => ({
  shown: [] as unknown[],
  status: {} as { text: string; tooltip: { value: string; isTrusted: unknown; supportHtml?: boolean } },
}));
vi.mock('vscode', () => {
  const show = async (...args: unknown[]): Promise<undefined> => void host.shown.push(...args);
  return {
    window: {
      showInformationMessage: show,
      showWarningMessage: show,
      showErrorMessage: show,
      showInputBox: show,
      showQuickPick: async (items: unknown[], options: unknown) => {
        host.shown.push(items, options);
        return items[1];
      },
      withProgress: (options: unknown, task: (progress: unknown) => unknown) => {
        host.shown.push(options);
        return task({ report: (step: unknown) => host.shown.push(step) });
      },
      createStatusBarItem: () => Object.assign(host.status, { show: () => undefined, hide: () => undefined }),
      createTreeView: () => ({}),
    },
    commands: { executeCommand: async () => undefined },
    EventEmitter: class {
      event = () => ({ dispose: () => undefined });
      fire = () => undefined;
    },
    MarkdownString: class {
      constructor(readonly value: string) {}
    },
    TreeItem: class {
      constructor(readonly label: string) {}
    },
    ThemeIcon: class {
      constructor(readonly id: string) {}
    },
    StatusBarAlignment: { Left: 1 },
    ProgressLocation: { Notification: 15 },
  };
});

/** All that a hostile title could try at once. */
const TITLE = '[Get it](command:workbench.action.terminal.new) $(error) \u001b[31m\u202e<img src=x>\nLine **two**';
const shown = (): string => JSON.stringify(host.shown.splice(0));
const LINK = /\]\((?:command|https?|file):/;

it('a notification, its progress and the prompt of an input have no link', async () => {
  await notify.error(TITLE);
  await notify.information(TITLE, 'Show Output');
  await withNotification(TITLE, async (progress) => progress.report({ message: TITLE, percent: 1 }));
  await input({ title: 'Weft', prompt: TITLE });
  const all = shown();
  expect(all).toContain('Get it');
  expect(all).not.toMatch(LINK);
  expect(all).not.toMatch(/\\u001b|\u202e/);
});

it('what is wrong with a typed line has no link', async () => {
  await input({ title: 'Weft', prompt: 'Name', validateInput: async (value) => `${value} is there already.` });
  const options = host.shown.pop() as { validateInput(value: string): Promise<string> };
  expect(await options.validateInput('[a](command:b)')).toBe('[a] (command:b) is there already.');
});

it('a dialog is one line and its detail', async () => {
  await ask.warning({ message: TITLE, detail: 'one\ntwo\u202e' }, 'Remove');
  const [message, { modal, detail }] = host.shown.splice(0) as [string, { modal: boolean; detail: string }];
  expect(message).not.toContain('\n');
  expect(message).not.toContain('\u202e');
  expect(modal).toBe(true);
  expect(detail).toBe('one\ntwo');
});

it('a list has no icons but its own, and gives back what was chosen as it is', async () => {
  const items = [{ label: 'first' }, { label: '$(error) cat.png', description: '$(x)', detail: TITLE }];
  expect(await pick(items, { title: TITLE })).toBe(items[1]);
  const [labels, options] = host.shown.splice(0) as [{ label: string; description: string }[], { title: string }];
  expect(labels[1]).toMatchObject({ label: '\\$(error) cat.png', description: '\\$(x)' });
  expect(options.title).not.toContain('\n');
});

it('the status bar shows a run’s title as text, and trusts its two commands alone', () => {
  const record = new RunRecord('run-1');
  record.begin();
  let change: (change: { event?: undefined }) => void = () => undefined;
  const runs = {
    current: { record, title: TITLE },
    waiting: 0,
    onDidChange: (listener: typeof change) => {
      change = listener;
      return { dispose: () => undefined };
    },
  };
  const status = new RunStatus(runs as unknown as RunService);
  change({});
  const { tooltip, text } = host.status;
  expect(tooltip.value.match(/(?<!\\)\]\(/g)).toHaveLength(2);
  expect(tooltip.value).toContain('\\[Get it\\]\\(command\\:workbench');
  expect(tooltip.value).not.toMatch(/(?<!\\)</);
  expect(tooltip.value.split('\n\n')).toHaveLength(2);
  expect(tooltip.isTrusted).toEqual({ enabledCommands: ['weft.stop', 'weft.showOutput'] });
  expect(tooltip.supportHtml ?? false).toBe(false);
  expect(text).toMatch(/^\$\(sync~spin\) Weft: /);
  status.dispose = () => undefined;
});

const checkpointsView = (runs: unknown[]) =>
  new CheckpointsView(
    {
      onDidChange: () => undefined,
      onDidProgress: () => undefined,
      progressOf: () => undefined,
    } as unknown as Checkpoints,
    { onDidChange: () => undefined, list: () => runs } as unknown as HistoryStore,
  );

it('a checkpoint in the view says how long an image takes, if a run has told', () => {
  const checkpoint = { id: 'sd15', title: 'SD 1.5', pictureSize: 512, precision: 'fp16', size: 2.1e9, domains: [] };
  const item = { kind: 'checkpoint', checkpoint: checkpoint as unknown as CheckpointInfo } as const;
  const shown = (runs: unknown[]) => checkpointsView(runs).getTreeItem(item) as vscode.TreeItem & { tooltip: string };
  expect(shown([]).description).toBe('sd15 · 512² · fp16 · 2.10 GB');
  const runs = [{ seconds: 14, provider: 'cpu', oneImageOf: 'sd15' }];
  expect(shown(runs).description).toBe('sd15 · about 14 s an image · 512² · fp16 · 2.10 GB');
  expect(shown(runs).tooltip).toMatch(/\nThe last image took 14 s on CPU, by Run History\.$/);
});

it('a download in the view and its licence are lines', () => {
  const known = {
    name: 'x',
    title: TITLE,
    source: TITLE,
    licence: { id: 'l', title: TITLE, url: 'https://example.org', summary: ['one\nFree for all.', TITLE] },
    bytes: 1,
    doneBytes: 0,
    exact: true,
    state: 'paused',
  } as unknown as KnownCheckpoint;
  const view = checkpointsView([]);
  const item = view.getTreeItem({ kind: 'download', known }) as vscode.TreeItem & { label: string; tooltip: string };
  expect(item.label).not.toMatch(/[\n\u001b\u202e]/); // eslint-disable-line no-control-regex -- what must not be there
  expect(item.tooltip.split('\n')).toHaveLength(4);
  expect(licenceQuestion(known).detail.split('\n')).toHaveLength(4);
});
