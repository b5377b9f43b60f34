import * as vscode from 'vscode';
import { type Command } from './command';

export const walkthroughCommand: Command = {
  id: 'weft.walkthrough',
  run: ({ context }) =>
    vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#first`),
};
