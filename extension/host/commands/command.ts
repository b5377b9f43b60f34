import * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { reportError } from '../../protocol/errors';
import { notify, offer } from '../window';

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
      const { kind, message } = reportError(error);
      // A person paused or stopped it: what happened is no failure.
      if (kind === 'interrupted') void notify.information(message);
      // About a file or a choice: the sentence is all there is to know.
      else if (kind === 'graph' || kind === 'network') void notify.error(message);
      else {
        services.log.error(`${command.id} failed:`, error);
        offer(notify.error, message, 'Show Output', () => services.log.show());
      }
      return undefined;
    }
  });
}
