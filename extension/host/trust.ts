import * as vscode from 'vscode';
import { notify } from './window';

const RUNNING =
  'Weft runs graphs only in folders you trust, because a run reads images and writes results. You can view and edit graphs without trust.';

/** Whether this is allowed here; if not, says so and offers the way to allow it. */
export async function ensureTrusted(sentence = RUNNING): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  await askForTrust(sentence);
  return vscode.workspace.isTrusted;
}

export async function askForTrust(sentence = RUNNING): Promise<void> {
  const manage = 'Manage Workspace Trust';
  const answer = await notify.warning(sentence, manage);
  if (answer === manage) await vscode.commands.executeCommand('workbench.trust.manage');
}
