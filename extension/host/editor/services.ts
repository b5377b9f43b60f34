import type * as vscode from 'vscode';
import { type Checkpoints } from '../views/checkpoints';
import { type EngineHandle } from '../runs/engineHandle';
import { type HistoryGrid } from '../views/historyGrid';
import { type HistoryStore } from '../runs/historyStore';
import { type PickedFiles } from '../runs/pickedFiles';
import { type RunService } from '../runs/runService';
import { type Walkthrough } from '../walkthrough';
import { type GraphEditor } from './graphEditor';
import { type GraphProblems } from './graphProblems';
import { type GraphRunner } from './graphRunner';
import { type StudioSessions } from './studioSessions';
import { type WorkspacePictures } from './workspacePictures';

/** What the parts of the extension share; made once, in main.ts. */
export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly engine: EngineHandle;
  readonly runs: RunService;
  readonly history: HistoryStore;
  readonly historyGrid: HistoryGrid;
  readonly picked: PickedFiles;
  readonly checkpoints: Checkpoints;
  readonly editor: GraphEditor;
  readonly problems: GraphProblems;
  readonly pictures: WorkspacePictures;
  readonly sessions: StudioSessions;
  readonly walkthrough: Walkthrough;
  readonly runner: GraphRunner;
}
