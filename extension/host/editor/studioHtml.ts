import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/**
 * The studio's page. Nothing inline, no network: scripts by nonce, styles, fonts and pictures from the webview's own origin,
 * pictures also from memory (blob:, data:) because previews are drawn from bytes.
 */
export function studioHtml(webview: vscode.Webview, extensionUri: vscode.Uri): string {
  const nonce = randomBytes(24).toString('base64url');
  const asset = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', 'webview', name)).toString();
  const csp = [
    `default-src 'none'`,
    `img-src ${webview.cspSource} data: blob:`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" id="vscode-codicon-stylesheet" href="${asset('studio.css')}">
<title>Weft studio</title>
</head>
<body>
<div id="root"></div>
<script nonce="${nonce}" src="${asset('studio.js')}"></script>
</body>
</html>`;
}
