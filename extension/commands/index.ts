import type * as vscode from 'vscode';
import { type Services } from '../editor/services';
import { addCheckpointCommand } from './addCheckpoint';
import { canvasCommands } from './canvas';
import { refreshCheckpointsCommand, removeCheckpointCommand, verifyCheckpointCommand } from './checkpoints';
import { clearCacheCommand } from './clearCache';
import { type Command, registerCommand } from './command';
import { formatGraphCommand } from './formatGraph';
import { historyCommands } from './history';
import { newGraphCommand } from './newGraph';
import { openAsTextCommand, openInStudioCommand } from './openAs';
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
  clearCacheCommand,
  formatGraphCommand,
  newGraphCommand,
  openAsTextCommand,
  openGraphOfPictureCommand,
  openInStudioCommand,
  refreshCheckpointsCommand,
  removeCheckpointCommand,
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
