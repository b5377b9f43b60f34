import * as vscode from 'vscode';
import { formatGraph } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { asEdit } from '../editor/graphEditor';
import { graphDocument } from './arguments';
import { type Command } from './command';

/** Gives a graph its canonical text, as one step of undo; the file is not saved. */
export const formatGraphCommand: Command = {
  id: 'weft.formatGraph',
  async run(_services, ...args) {
    const document = await graphDocument(args);
    if (!document) return;
    const changes = formatGraph(document.getText());
    if (!changes)
      throw new WeftError(
        'graph',
        'This graph has errors, and formatting could lose data. Fix the errors in the Problems panel first.',
      );
    const edit = asEdit(document, changes);
    if (edit.size > 0) await vscode.workspace.applyEdit(edit);
  },
};
