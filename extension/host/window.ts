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
  report(step: { message?: string; increment?: number }): void;
}

/** A notification that shows how far something is. */
export function withNotification<T>(
  title: string,
  task: (progress: Progress, token: vscode.CancellationToken) => Promise<T>,
  { cancellable = false }: { cancellable?: boolean } = {},
): Thenable<T> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: noticeText(title), cancellable },
    (progress, token) =>
      task(
        {
          report: ({ message, increment }) =>
            progress.report({ increment, ...(message === undefined ? {} : { message: noticeText(message) }) }),
        },
        token,
      ),
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
