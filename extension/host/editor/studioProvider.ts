import * as vscode from 'vscode';
import { type Services } from './services';
import { STUDIO_VIEW } from './graphFiles';
import { studioHtml } from './studioHtml';
import { StudioPanel } from './studioPanel';
import { studioRoots } from './studioRoots';

/** Opens graphs in the studio. The text document stays VS Code's: it owns undo, save, hot exit and git. */
export class StudioProvider implements vscode.CustomTextEditorProvider {
  static register(services: Services): vscode.Disposable {
    return vscode.window.registerCustomEditorProvider(STUDIO_VIEW, new StudioProvider(services), {
      supportsMultipleEditorsPerDocument: true,
      // The webview restores itself from its saved state and the document.
      webviewOptions: { retainContextWhenHidden: false },
    });
  }

  private constructor(private readonly services: Services) {}

  resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): void {
    const { context } = this.services;
    const { webview } = panel;
    webview.options = {
      enableScripts: true,
      localResourceRoots: studioRoots(this.services, document),
    };
    const studio = new StudioPanel(document, panel, this.services);
    panel.onDidDispose(() => {
      studio.dispose();
      if (this.services.sessions.of(document.uri).length === 0) this.services.editor.forget(document);
    });
    webview.html = studioHtml(webview, context.extensionUri);
  }
}
