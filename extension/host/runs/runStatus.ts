import * as vscode from 'vscode';
import { iconText, markdownText, plainLine } from '../../protocol/foreignText';
import { describeProgress } from './progressText';
import { type RunService } from './runService';
import { Throttle } from '../throttle';

/** The run in the status bar: which node, how far, how much longer. A click shows the log; the tooltip can stop it. */
export class RunStatus implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('weft.run', vscode.StatusBarAlignment.Left, 10);
  private readonly subscription: vscode.Disposable;
  /** Steps may follow each other faster than anyone reads. */
  private readonly updates = new Throttle(() => this.update(), 200);

  constructor(private readonly runs: RunService) {
    this.item.name = 'Weft run';
    this.item.command = 'weft.showOutput';
    this.subscription = runs.onDidChange(({ event }) => {
      if (event?.event === 'preview' || event?.event === 'picture') return;
      this.updates.request();
    });
  }

  dispose(): void {
    this.subscription.dispose();
    this.updates.dispose();
    this.item.dispose();
  }

  private update(): void {
    const run = this.runs.current;
    void vscode.commands.executeCommand('setContext', 'weft.running', run !== undefined);
    if (!run) {
      this.item.hide();
      return;
    }
    const text = describeProgress(run.record.state);
    const waiting = this.runs.waiting;
    this.item.text = `$(sync~spin) Weft: ${iconText(text)}${waiting > 0 ? ` · ${waiting} waiting` : ''}`;
    const tooltip = new vscode.MarkdownString(
      `${markdownText(run.title)}\n\n[Stop](command:weft.stop) · [Show Output](command:weft.showOutput)`,
    );
    tooltip.isTrusted = { enabledCommands: ['weft.stop', 'weft.showOutput'] };
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: plainLine(`Weft run: ${text}`), role: 'progressbar' };
    this.item.show();
  }
}
