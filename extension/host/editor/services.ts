import type * as vscode from 'vscode';
import { type Checkpoints } from '../views/checkpoints';
import { type EngineHandle } from '../runs/engineHandle';
import { type GraphEdit, type Override } from '../../graph';
import { type HistoryGrid } from '../views/historyGrid';
import { type HistoryStore } from '../runs/historyStore';
import { type PickedFiles } from '../runs/pickedFiles';
import { type Run } from '../runs/runQueue';
import { type RunService } from '../runs/runService';
import { type Walkthrough } from '../walkthrough';
import { type GraphEditor } from './graphEditor';
import { type GraphProblems } from './graphProblems';
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
  /**
   * Runs a document's graph as it stands in the editor, or only what a node needs; undefined when it may not run. `edits` change what is run,
   * not the document.
   */
  startRun(document: vscode.TextDocument, target?: string, edits?: readonly GraphEdit[]): Promise<Run | undefined>;
  /** The same after a change, with values that the document does not have yet; a run of the graph that takes long gives way. */
  autoRun(document: vscode.TextDocument, target: string, set: readonly Override[]): Promise<void>;
  /** Whether runs of a document use the draft schedule. */
  setDraft(document: vscode.Uri, on: boolean): void;
}
