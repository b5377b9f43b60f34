import * as vscode from 'vscode';
import { registerCommands } from './host/commands';
import { offerMissingCheckpoint } from './host/commands/downloadCheckpoint';
import { GraphEditor } from './host/editor/graphEditor';
import { GraphProblems } from './host/editor/graphProblems';
import { OutlineView } from './host/views/outlineView';
import { type Services } from './host/editor/services';
import { ImagesWithGraph } from './host/editor/imagesWithGraph';
import { StudioProvider } from './host/editor/studioProvider';
import { StudioSessions } from './host/editor/studioSessions';
import { WorkspacePictures } from './host/editor/workspacePictures';
import { Checkpoints } from './host/views/checkpoints';
import { CheckpointsView } from './host/views/checkpointsView';
import { settings } from './host/settings';
import { EngineHandle } from './host/runs/engineHandle';
import { GraphRunner } from './host/editor/graphRunner';
import { HistoryStore } from './host/runs/historyStore';
import { HistoryGrid } from './host/views/historyGrid';
import { HistoryView } from './host/views/historyView';
import { PickedFiles } from './host/runs/pickedFiles';
import { RunService } from './host/runs/runService';
import { RunStatus } from './host/runs/runStatus';
import { Walkthrough } from './host/walkthrough';
import { notify, offer } from './host/window';

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
  engine.onTrouble((sentence) => offer(notify.error, sentence, 'Show Output', () => log.show()));
  const picked = new PickedFiles(context.workspaceState);
  const runs = own(new RunService(engine, picked, log));
  const sessions = own(new StudioSessions());
  const checkpoints = own(new Checkpoints(engine, log));
  const pictures = own(new WorkspacePictures());
  own(new ImagesWithGraph(pictures));
  const history = own(new HistoryStore(context, runs, log, checkpoints));
  const walkthrough = new Walkthrough(context.globalState);
  const services: Services = {
    context,
    log,
    engine,
    runs,
    history,
    historyGrid: own(new HistoryGrid(history)),
    picked,
    checkpoints,
    pictures,
    sessions,
    walkthrough,
    editor: new GraphEditor(),
    problems: own(new GraphProblems(checkpoints, picked, pictures)),
    runner: own(
      new GraphRunner(runs, sessions, context.workspaceState, walkthrough, (run) =>
        offerMissingCheckpoint(checkpoints, run),
      ),
    ),
  };
  own(new RunStatus(runs));
  own(new OutlineView(sessions));
  own(StudioProvider.register(services));
  own(vscode.window.registerTreeDataProvider('weft.history', own(new HistoryView(history))));
  own(new CheckpointsView(checkpoints, history));
  registerCommands(services).forEach(own);
}
