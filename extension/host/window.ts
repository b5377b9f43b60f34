import * as vscode from 'vscode';
import { iconText, noticeText, plainLine, plainLines } from '../protocol/foreignText';

/*
 * The one way to VS Code's own messages, questions and lists (the linter keeps it). What they show holds titles, file names and sentences
 * that strangers wrote, and VS Code reads more than text from them: a link in a notification may run any command.
 */

/** Notifications; the answer is the button that was pressed. */
export const notify = {
  information: (message: string, ...buttons: string[]): Thenable<string | undefined> =>
    vscode.window.showInformationMessage(noticeText(message), ...buttons),
  warning: (message: string, ...buttons: string[]): Thenable<string | undefined> =>
    vscode.window.showWarningMessage(noticeText(message), ...buttons),
  error: (message: string, ...buttons: string[]): Thenable<string | undefined> =>
    vscode.window.showErrorMessage(noticeText(message), ...buttons),
};

/** Shows a notification with a button, and does what that says when it is pressed. */
export function offer(show: typeof notify.error, message: string, button: string, act: () => unknown): void {
  void show(message, button).then((answer) => {
    if (answer === button) act();
  });
}

export interface Question {
  message: string;
  /** Lines below it. */
  detail?: string;
}

/** Dialogs that have to be answered; undefined when they are cancelled. */
export const ask = {
  plainly: ({ message, detail }: Question, ...buttons: string[]): Thenable<string | undefined> =>
    vscode.window.showInformationMessage(plainLine(message), modal(detail), ...buttons),
  /** For what can't be taken back, or what lets somebody in. */
  warning: ({ message, detail }: Question, ...buttons: string[]): Thenable<string | undefined> =>
    vscode.window.showWarningMessage(plainLine(message), modal(detail), ...buttons),
};

const modal = (detail: string | undefined): vscode.MessageOptions => ({
  modal: true,
  ...(detail === undefined ? {} : { detail: plainLines(detail) }),
});

export interface Progress {
  /** `percent` of the whole; the bar never goes back. */
  report(step: { message?: string; percent?: number }): void;
}

/** A notification that shows how far something is; `onCancel`: it can be cancelled, which does this. */
export function withNotification<T>(
  title: string,
  task: (progress: Progress) => Promise<T>,
  onCancel?: () => unknown,
): Thenable<T> {
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: noticeText(title),
      cancellable: onCancel !== undefined,
    },
    async (progress, token) => {
      let shown = 0;
      const report: Progress['report'] = ({ message, percent }) => {
        const increment = percent === undefined ? undefined : Math.max(0, percent - shown);
        shown += increment ?? 0;
        progress.report({ increment, ...(message === undefined ? {} : { message: noticeText(message) }) });
      };
      const cancel = onCancel && token.onCancellationRequested(() => void onCancel());
      try {
        return await task({ report });
      } finally {
        cancel?.dispose();
      }
    },
  );
}

/** A list to choose from. It stays until it is answered: a page that takes the focus late would close it. */
export async function pick<T extends vscode.QuickPickItem>(
  items: readonly T[],
  options: vscode.QuickPickOptions & { title: string },
): Promise<T | undefined> {
  const text = (value: string | undefined): string | undefined => (value === undefined ? undefined : iconText(value));
  const shown = items.map((item) => ({
    ...item,
    label: iconText(item.label),
    description: text(item.description),
    detail: text(item.detail),
    item,
  }));
  const chosen = await vscode.window.showQuickPick(shown, {
    ignoreFocusOut: true,
    ...options,
    title: plainLine(options.title),
    placeHolder: plainLine(options.placeHolder ?? ''),
  });
  return chosen?.item;
}

/** A line to type. */
export function input({ prompt, validateInput, ...options }: InputOptions): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    ignoreFocusOut: true,
    ...options,
    prompt: noticeText(prompt),
    validateInput: async (value) => {
      const problem = await validateInput?.(value);
      return problem === undefined ? undefined : noticeText(problem);
    },
  });
}

interface InputOptions {
  title: string;
  prompt: string;
  placeHolder?: string;
  value?: string;
  /** A sentence what is wrong with it. */
  validateInput?(value: string): Promise<string | undefined>;
}
