/* global require, exports, __dirname, setTimeout */
/* eslint-disable @typescript-eslint/no-require-imports -- VS Code loads its tests as CommonJS */
/**
 * Runs inside the extension host of a development window, with the real `vscode` API: what F5 gives, as far as a test can see it.
 * Plain JavaScript, as VS Code loads it by itself.
 */
const assert = require('node:assert');
const path = require('node:path');
const vscode = require('vscode');

const root = path.resolve(__dirname, '..', '..', '..');

exports.run = async () => {
  const extension = vscode.extensions.getExtension('weft.weft');
  assert(extension, 'the extension is there');
  assert.strictEqual(extension.extensionPath, root, 'it is the checkout, not an installed package');
  await extension.activate();

  const { commands, configuration } = extension.packageJSON.contributes;
  const registered = new Set(await vscode.commands.getCommands(true));
  const missing = commands.map(({ command }) => command).filter((command) => !registered.has(command));
  assert.deepStrictEqual(missing, [], 'every command that is offered is there');
  for (const [name, setting] of Object.entries(configuration.properties)) {
    assert((setting.description ?? setting.markdownDescription ?? '').length > 20, `${name} says what it does`);
    assert.notStrictEqual(setting.default, undefined, `${name} has a default`);
  }

  const [folder] = vscode.workspace.workspaceFolders;
  const graph = vscode.Uri.joinPath(folder.uri, 'giraffe-zebra.weft.json');
  await vscode.commands.executeCommand('vscode.open', graph);
  const shown = await until(() => {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    return input instanceof vscode.TabInputCustom ? input : undefined;
  }, 'a graph opens in the studio');
  assert.strictEqual(shown.viewType, 'weft.studio');

  // As git shows a changed file: its own copy on the left, the file on the right.
  const provider = vscode.workspace.registerTextDocumentContentProvider('git', {
    provideTextDocumentContent: () => '{\n  "weft": 1,\n  "nodes": {}\n}\n',
  });
  try {
    const before = graph.with({ scheme: 'git', authority: '', query: '{"ref":"HEAD"}' });
    await vscode.commands.executeCommand('vscode.diff', before, graph, 'giraffe-zebra (Working Tree)');
    const input = await until(() => {
      const active = vscode.window.tabGroups.activeTabGroup.activeTab;
      return active?.label.includes('Working Tree') ? active.input : undefined;
    }, 'the comparison opens');
    assert(input instanceof vscode.TabInputTextDiff, 'a comparison with git is one of text');
  } finally {
    provider.dispose();
  }
};

async function until(check, message) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const value = check();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within a minute: ${message}`);
}
