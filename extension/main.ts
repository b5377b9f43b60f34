import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { GraphEditor } from './editor/graphEditor';
import { GraphProblems } from './editor/graphProblems';
import { OutlineView } from './editor/outlineView';
import { type Services } from './editor/services';
import { StudioProvider } from './editor/studioProvider';
import { StudioSessions } from './editor/studioSessions';
import { WorkspacePictures } from './editor/workspacePictures';
import { Checkpoints } from './library/checkpoints';
import { CheckpointsView } from './library/checkpointsView';
import { settings } from './runs/settings';
import { EngineHandle } from './runs/engineHandle';
import { GraphRunner } from './editor/graphRunner';
import { HistoryStore } from './runs/historyStore';
import { HistoryView } from './runs/historyView';
import { PickedFiles } from './runs/pickedFiles';
import { RunService } from './runs/runService';
import { RunStatus } from './runs/runStatus';
import { notify } from './runs/window';

/** Makes the parts and joins them; everything made is disposed with the extension. */
export function activate(context: vscode.ExtensionContext): void {
  const own = <T extends vscode.Disposable>(part: T): T => {
    context.subscriptions.push(part);
    return part;
  };
  const log = own(vscode.window.createOutputChannel('Weft', { log: true }));
  const engine = own(
    new EngineHandle(
      context.asAbsolutePath('dist/engine.js'),
      context.extensionPath,
      log,
      settings.idleMs,
      settings.modelFolders,
    ),
  );
  engine.onTrouble((sentence) => {
    const show = 'Show Output';
    void notify.error(sentence, show).then((answer) => {
      if (answer === show) log.show();
    });
  });
  const picked = new PickedFiles(context.workspaceState);
  const runs = own(new RunService(engine, picked, log));
  const sessions = own(new StudioSessions());
  const checkpoints = own(new Checkpoints(engine, log));
  const pictures = own(new WorkspacePictures());
  const history = own(new HistoryStore(context, runs, log));
  const runner = own(new GraphRunner(runs, sessions, context.workspaceState));
  const services: Services = {
    context,
    log,
    engine,
    runs,
    history,
    picked,
    checkpoints,
    pictures,
    sessions,
    editor: new GraphEditor(),
    problems: own(new GraphProblems(checkpoints, picked, pictures)),
    startRun: (document, target) => runner.start(document, target),
  };
  own(new RunStatus(runs));
  own(new OutlineView(sessions));
  own(StudioProvider.register(services));
  own(vscode.window.registerTreeDataProvider('weft.history', new HistoryView(history)));
  own(new CheckpointsView(checkpoints));
  registerCommands(services).forEach(own);
}
