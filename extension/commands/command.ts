import * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { reportError } from '../protocol/errors';

/** A command of the palette, a menu or a key. Arguments come from VS Code and other extensions: anything may stand there. */
export interface Command {
  readonly id: string;
  run(services: Services, ...args: unknown[]): unknown;
}

export function registerCommand(services: Services, command: Command): vscode.Disposable {
  return vscode.commands.registerCommand(command.id, async (...args: unknown[]) => {
    try {
      return await command.run(services, ...args);
    } catch (error) {
      services.log.error(`${command.id} failed:`, error);
      const show = 'Show Output';
      void vscode.window.showErrorMessage(reportError(error).message, show).then((answer) => {
        if (answer === show) services.log.show();
      });
      return undefined;
    }
  });
}
