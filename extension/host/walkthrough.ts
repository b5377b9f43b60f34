import * as vscode from 'vscode';

/** What a step of the walkthrough is about; package.json names it as `onContext:weft.did.STEP`. */
export type Step = 'run' | 'transfer' | 'graph' | 'checkpoint';

const KEY = 'weft.achieved';

/**
 * Ticks steps of the walkthrough when they succeeded. VS Code ticks one when its key turns true, remembers that, and is deaf to a key that
 * was true before the walkthrough was first looked at. So a key is true for a moment only, and again when the walkthrough opens.
 */
export class Walkthrough {
  constructor(private readonly state: vscode.Memento) {}

  /** To be called when it succeeded: a dialog that was cancelled ticks nothing. */
  async achieved(step: Step): Promise<void> {
    const before = this.before;
    if (!before.includes(step)) await this.state.update(KEY, [...before, step]);
    await tick(step);
  }

  async open(extension: string): Promise<void> {
    await vscode.commands.executeCommand('workbench.action.openWalkthrough', `${extension}#first`);
    for (const step of this.before) await tick(step);
  }

  private get before(): Step[] {
    return this.state.get<Step[]>(KEY, []);
  }
}

async function tick(step: Step): Promise<void> {
  for (const value of [true, false]) await vscode.commands.executeCommand('setContext', `weft.did.${step}`, value);
}
