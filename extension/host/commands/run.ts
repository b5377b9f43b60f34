import * as vscode from 'vscode';
import { STUDIO_VIEW } from '../editor/graphFiles';
import { notify } from '../window';
import { graphDocument } from './arguments';
import { type Command } from './command';

export const runCommand: Command = {
  id: 'weft.run',
  async run(services, ...args) {
    const document = await graphDocument(args);
    if (!document) return;
    // From the Explorer: the run is watched where its graph is.
    if (services.sessions.of(document.uri).length === 0)
      await vscode.commands.executeCommand('vscode.openWith', document.uri, STUDIO_VIEW);
    await services.runner.start(document);
  },
};

export const runToSelectionCommand: Command = {
  id: 'weft.runToSelection',
  async run(services) {
    const studio = services.sessions.active;
    const [target, ...others] = studio?.selection ?? [];
    if (!studio || target === undefined || others.length > 0) {
      void notify.information('Select one node to run to.');
      return;
    }
    await services.runner.start(studio.document, target);
  },
};
