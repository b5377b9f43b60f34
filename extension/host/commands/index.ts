import type * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { addCheckpointCommand, addCheckpointFilesCommand } from './addCheckpoint';
import { canvasCommands } from './canvas';
import {
  discardDownloadCommand,
  refreshCheckpointsCommand,
  removeCheckpointCommand,
  verifyCheckpointCommand,
} from './checkpoints';
import { clearCacheCommand } from './clearCache';
import { type Command, registerCommand } from './command';
import { downloadCheckpointCommand, pauseDownloadCommand, resumeDownloadCommand } from './downloadCheckpoint';
import { formatGraphCommand } from './formatGraph';
import { historyCommands } from './history';
import { newGraphCommand } from './newGraph';
import { openAsTextCommand, openInStudioCommand } from './openAs';
import { openExampleCommand } from './openExample';
import { openGraphOfPictureCommand } from './openGraphOfPicture';
import { revealNodeCommand } from './outline';
import { runCommand, runToSelectionCommand } from './run';
import { showDevicesCommand } from './showDevices';
import { showOutputCommand } from './showOutput';
import { stopCommand } from './stop';
import { transferCommand } from './transfer';
import { walkthroughCommand } from './walkthrough';

const commands: readonly Command[] = [
  addCheckpointCommand,
  addCheckpointFilesCommand,
  clearCacheCommand,
  discardDownloadCommand,
  downloadCheckpointCommand,
  formatGraphCommand,
  newGraphCommand,
  openAsTextCommand,
  openExampleCommand,
  openGraphOfPictureCommand,
  openInStudioCommand,
  pauseDownloadCommand,
  refreshCheckpointsCommand,
  removeCheckpointCommand,
  resumeDownloadCommand,
  revealNodeCommand,
  runCommand,
  runToSelectionCommand,
  showDevicesCommand,
  showOutputCommand,
  stopCommand,
  transferCommand,
  verifyCheckpointCommand,
  walkthroughCommand,
  ...canvasCommands,
  ...historyCommands,
];

export const registerCommands = (services: Services): vscode.Disposable[] =>
  commands.map((command) => registerCommand(services, command));
