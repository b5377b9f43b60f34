import * as vscode from 'vscode';
import { STUDIO_VIEW } from '../editor/graphFiles';
import { graphArgument } from './arguments';
import { type Command } from './command';

const openWith = (id: string, editor: string): Command => ({
  id,
  async run(_services, ...args) {
    const uri = graphArgument(args);
    if (uri) await vscode.commands.executeCommand('vscode.openWith', uri, editor);
  },
});

export const openAsTextCommand = openWith('weft.openAsText', 'default');
export const openInStudioCommand = openWith('weft.openInStudio', STUDIO_VIEW);
