import * as vscode from 'vscode';

/** What a step of the walkthrough is about. VS Code ticks the step when its key is set, and remembers that. */
export type Step = 'run' | 'transfer' | 'graph' | 'checkpoint';

/** To be called when it succeeded: a dialog that was cancelled ticks nothing. */
export function achieved(step: Step): void {
  void vscode.commands.executeCommand('setContext', `weft.did.${step}`, true);
}
