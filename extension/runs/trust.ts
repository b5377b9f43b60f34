import * as vscode from 'vscode';

/** Whether runs are allowed here; if not, says so and offers the way to allow them. */
export async function ensureTrusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  await askForTrust();
  return vscode.workspace.isTrusted;
}

export async function askForTrust(): Promise<void> {
  const manage = 'Manage Workspace Trust';
  const answer = await vscode.window.showWarningMessage(
    'Weft runs graphs only in folders you trust: a run reads pictures and writes results. You can view and edit graphs without.',
    manage,
  );
  if (answer === manage) await vscode.commands.executeCommand('workbench.trust.manage');
}
