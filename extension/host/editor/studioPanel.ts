import path from 'node:path';
import * as vscode from 'vscode';
import { draftName, type GraphEdit, paramOf, parseGraph, type PathParam, pictureExtensions, specOf } from '../../graph';
import { cutToBytes, freeName } from '../../platform/fileNames';
import { plainLine } from '../../protocol/foreignText';
import { type HostToStudio } from '../../protocol/studio';
import { exists, revealFile, writeUri } from '../hostFiles';
import { settings } from '../settings';
import { pick } from '../window';
import { outputFolderOf } from '../runs/outputFolder';
import { type Services } from './services';
import { findPictures, mayRead, rememberPick } from './graphContext';
import { refusal } from './graphEditor';
import { fileOfGraph, pathInGraph } from './graphFiles';
import { droppedEdits, droppedFiles } from './droppedPictures';
import { offerGraphOf } from './offerGraph';
import { openGraphText } from './openGraphText';
import { type CellEvent } from '../runs/runRecord';
import { openPng } from './pictureViewer';
import { RunOutbox } from './runOutbox';
import { studioRoots } from './studioRoots';
import { dispatch, parseStudioMessage, type StudioHandlers } from './studioMessages';
import { type OpenStudio } from './studioSessions';
import { asWorkspacePicture } from './workspacePictures';

/** Longer than a page takes to answer, shorter than a save that hangs. */
const FLUSH_PATIENCE_MS = 1000;

/** Summing all rows of a large checkpoint's map takes seconds, the first time. */
const INSPECT_TIMEOUT_MS = 180_000;

/** One editor of one graph: what the webview says is done here, what happens is told to it from here. */
export class StudioPanel implements OpenStudio, vscode.Disposable {
  selection: readonly string[] = [];
  private readonly subscriptions: vscode.Disposable[] = [];
  private ready = false;
  private readonly resolved = Date.now();
  /** The highest sequence number of this webview's edits that has been dealt with. */
  private acknowledged = 0;
  /** While an edit is on its way its change events are not told: the text goes out once, with the acknowledgement. */
  private editing = 0;
  private picturesWanted = false;
  /** Those who wait for the page to have sent everything, by the id of their request. */
  private readonly flushes = new Map<number, () => void>();
  private flushCount = 0;
  /** For a page that still loads. */
  private readonly later: HostToStudio[] = [];
  private readonly outbox = new RunOutbox((message) => this.panel.webview.postMessage(message));

  constructor(
    readonly document: vscode.TextDocument,
    readonly panel: vscode.WebviewPanel,
    private readonly services: Services,
  ) {
    const { runs, pictures, problems, checkpoints, sessions } = services;
    const mine = (uri: vscode.Uri): boolean => uri.toString() === document.uri.toString();
    this.subscriptions.push(
      panel.webview.onDidReceiveMessage((value: unknown) => this.receive(value)),
      panel.onDidChangeViewState(() => {
        // A hidden page is gone; when it shows again it says that it is ready.
        if (!panel.visible) this.rest();
        sessions.update();
      }),
      vscode.workspace.onDidChangeTextDocument((event) => {
        if (mine(event.document.uri) && event.contentChanges.length > 0 && this.editing === 0) this.postDocument();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.postDocument()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('weft')) this.post({ type: 'settings', settings: settings.studio() });
      }),
      problems.onDidChange((uri) => mine(uri) && this.postProblems()),
      checkpoints.onDidChange(() => void this.postCheckpoints()),
      pictures.onDidChange(() => {
        void this.postResolved();
        if (this.picturesWanted) void this.postPictures();
      }),
      runs.onDidChange(({ run, event }) => {
        const record = runs.recordOf(this.key);
        if (!this.ready || run.record !== record) return;
        if (event?.event === 'preview') this.outbox.frame({ type: 'frame', frame: event });
        else if (event?.event === 'picture') this.post({ ...event, type: 'picture' });
        else if (event?.event === 'sweep') this.post({ ...event, type: 'sweep' });
        else if (event?.event === 'cell') this.post(cellMessage(event));
        else if (event?.event === 'metrics') this.post({ ...event, type: 'metrics' });
        else if (event?.event === 'segmentation') this.post({ ...event, type: 'segmentation' });
        else if (event?.event === 'node' || event?.event === 'warning') {
          const status = record.state.nodes[event.node];
          if (status) this.outbox.status({ type: 'node', runId: event.runId, node: event.node, status });
        } else this.outbox.run({ type: 'run', run: record.state });
      }),
    );
    sessions.add(this);
  }

  dispose(): void {
    this.rest();
    for (const subscription of this.subscriptions.splice(0)) subscription.dispose();
    this.services.sessions.remove(this);
    // A draft without a studio that says so would surprise.
    if (this.services.sessions.of(this.document.uri).length === 0)
      this.services.runner.setDraft(this.document.uri, false);
  }

  private rest(): void {
    this.ready = false;
    this.outbox.reset();
    for (const settle of this.flushes.values()) settle();
  }

  /** Resolves when the document has everything that this page shows; a page that does not answer is not waited for. */
  async settle(): Promise<void> {
    if (this.ready) {
      const id = ++this.flushCount;
      await new Promise<void>((resolve) => {
        this.flushes.set(id, resolve);
        setTimeout(resolve, FLUSH_PATIENCE_MS);
        this.post({ type: 'flush', id });
      });
      this.flushes.delete(id);
    }
    await this.services.editor.settled(this.document);
  }

  post(message: HostToStudio): void {
    if (this.ready) void this.panel.webview.postMessage(message);
  }

  postWhenReady(message: HostToStudio): void {
    if (this.ready) this.post(message);
    else this.later.push(message);
  }

  private get key(): string {
    return this.document.uri.toString();
  }

  private receive(value: unknown): void {
    const parsed = parseStudioMessage(value);
    if ('problem' in parsed) {
      this.services.log.warn(`The studio sent a message that Weft does not take. ${parsed.problem}`);
      return;
    }
    const { message } = parsed;
    Promise.resolve(dispatch(message, this.handlers)).catch((error: unknown) => {
      this.services.log.error(`Message '${message.type}' of the studio failed:`, error);
      this.post({ type: 'error', message: error instanceof Error ? error.message : String(error) });
    });
  }

  private readonly handlers: StudioHandlers = {
    ready: () => this.begin(),
    edit: async ({ edits, label, seq }) => {
      this.services.log.debug(`Edit of ${path.basename(this.document.uri.path)}: ${label}`);
      await this.edit(edits, seq);
    },
    run: ({ target }) => this.services.runner.start(this.document, target),
    autoRun: ({ target, set }) => this.services.runner.autoRun(this.document, target, set),
    draft: ({ on }) => this.services.runner.setDraft(this.document.uri, on),
    vary: ({ sweep, image, columns }) =>
      this.services.runner.start(this.document, sweep, [
        { kind: 'addNode', type: 'sweep', id: sweep, params: { columns }, inputs: { image } },
      ]),
    stop: () => this.services.runs.stop(this.key),
    openAsText: ({ offset }) => this.openAsText(offset),
    openPicture: ({ path: name }) => this.openPicture(name),
    revealFile: ({ node }) => this.revealFile(node),
    openPng: ({ name, png }) => openPng(this.services.context, name, png),
    openCell: ({ node, row, column }) => {
      const cell = this.services.runs.recordOf(this.key)?.sweeps.get(node)?.cells.get(`${row}/${column}`);
      if (!cell) throw new Error('This cell is no longer available. Run the sweep again.');
      const folder = vscode.Uri.joinPath(this.document.uri, '..');
      const stem = path.basename(this.document.uri.path).replace(/\.weft\.json$/, '');
      return openGraphText(cell.graphText, folder, `${stem}-${row + 1}-${column + 1}`);
    },
    requestPictures: () => {
      this.picturesWanted = true;
      return this.postPictures();
    },
    requestFixes: async ({ code, offset }) =>
      this.post({
        type: 'fixes',
        code,
        offset,
        titles: await this.services.problems.fixes.titles(this.document, { code, offset }),
      }),
    applyFix: ({ code, offset, title }) => this.services.problems.fixes.apply(this.document, { code, offset }, title),
    pickFile: ({ node, param }) => this.pickFile(node, param),
    dropped: async ({ uris, position, node, param }) => {
      const graph = this.document.uri;
      const field = node === undefined || param === undefined ? undefined : this.pathField(node, param);
      const { files, refused: kept } = await droppedFiles(graph, uris, this.services.picked, field);
      if (node === undefined && (await offerGraphOf(files))) return;
      const { edits, refused = kept } = droppedEdits(graph, files, position, { node, param, field });
      this.allowPicked();
      if (edits.length > 0) await this.edit(edits);
      if (refused !== undefined) this.post({ type: 'error', message: refused });
      await this.postResolved();
    },
    flushed: ({ id }) => this.flushes.get(id)?.(),
    clipboardWrite: ({ text }) => vscode.env.clipboard.writeText(text),
    pasteRequest: async () => this.post({ type: 'clipboard', text: await vscode.env.clipboard.readText() }),
    selection: ({ nodes }) => {
      this.selection = nodes;
      this.services.sessions.selected(this);
    },
    requestTrust: () => vscode.commands.executeCommand('workbench.trust.manage'),
    timelineFrame: async ({ runId, node, cell, index, kind }) => {
      const frame = { runId, node, ...(cell && { cell }), index, kind };
      const size = settings.studio().previewSize;
      const { png } = await this.services.engine.request('timeline.frame', { ...frame, size });
      this.post({ type: 'timelinePicture', ...frame, ...(png && { png }) });
    },
    fix: ({ action, node }) => {
      switch (action) {
        case 'showOutput':
          return vscode.commands.executeCommand('weft.showOutput');
        case 'addCheckpoint':
          return vscode.commands.executeCommand('weft.addCheckpoint');
        case 'openSettings':
          return vscode.commands.executeCommand('workbench.action.openSettings', 'weft');
        case 'pickFile':
          return node === undefined ? undefined : this.pickFile(node, 'path');
      }
    },
    inspect: async ({ id, method, params }) => {
      try {
        const answer = await this.services.engine.request(method, params as never, INSPECT_TIMEOUT_MS);
        this.post({ type: 'inspected', id, answer });
      } catch (error) {
        this.post({ type: 'inspected', id, error: error instanceof Error ? error.message : String(error) });
      }
    },
    saveCorrection: ({ node, param, png }) => this.saveCorrection(node, param, png),
    savePng: ({ name, png }) => this.savePng(name, png),
    pasteImage: ({ png, position }) => this.pasteImage(png, position),
    milestone: ({ name, ms }) =>
      this.services.log.info(
        `Milestone ${name}: ${Math.round(ms)} ms after the page began, ${Date.now() - this.resolved} ms after its editor was resolved`,
      ),
    log: ({ level, message }) => this.services.log[level](`Studio: ${message}`),
  };

  /** The webview has loaded, for the first time or again: it gets all there is to know. */
  private async begin(): Promise<void> {
    const { runs } = this.services;
    this.outbox.reset();
    this.ready = true;
    this.acknowledged = 0;
    this.post({ type: 'settings', settings: settings.studio() });
    this.postDocument();
    this.postProblems();
    const record = runs.recordOf(this.key);
    this.outbox.run({ type: 'run', run: record?.state });
    for (const news of record?.segmentations.values() ?? []) this.post({ ...news, type: 'segmentation' });
    for (const [node, metrics] of record?.metrics ?? [])
      this.post({ type: 'metrics', runId: record!.state.runId, node, metrics });
    for (const picture of record?.pictures.values() ?? []) this.post({ ...picture, type: 'picture' });
    for (const [node, { columns, rows, cells }] of record?.sweeps ?? []) {
      this.post({ type: 'sweep', runId: record!.state.runId, node, columns, rows });
      for (const cell of cells.values()) this.post(cellMessage(cell));
    }
    for (const frame of record?.frames ?? []) this.outbox.frame({ type: 'frame', frame });
    for (const message of this.later.splice(0)) this.post(message);
    await this.postCheckpoints();
  }

  private async edit(edits: GraphEdit[], seq?: number): Promise<void> {
    const studios = this.services.sessions.of(this.document.uri);
    const held = studios.filter((studio): studio is StudioPanel => studio instanceof StudioPanel);
    for (const studio of held) studio.editing++;
    let refused: string | undefined;
    try {
      refused = await this.services.editor.apply(this.document, edits);
    } finally {
      if (seq !== undefined) this.acknowledged = Math.max(this.acknowledged, seq);
      for (const studio of held) {
        studio.editing--;
        studio.postDocument();
      }
    }
    if (refused !== undefined) this.post({ type: 'error', message: refused });
  }

  private postDocument(): void {
    const text = this.document.getText();
    const reason = this.readOnlyReason(text);
    this.post({
      type: 'document',
      text,
      version: this.document.version,
      readOnly: reason !== undefined,
      ...(reason === undefined ? {} : { reason }),
      fileName: path.posix.basename(this.document.uri.path),
      trusted: vscode.workspace.isTrusted,
      acknowledged: this.acknowledged,
    });
    void this.postResolved();
  }

  private readOnlyReason(text: string): string | undefined {
    if (vscode.workspace.fs.isWritableFileSystem(this.document.uri.scheme) === false) return 'This file is read-only.';
    return refusal(text);
  }

  private postProblems(): void {
    this.post({ type: 'problems', problems: this.services.problems.of(this.document.uri) });
  }

  private async postCheckpoints(): Promise<void> {
    this.post({ type: 'checkpoints', checkpoints: await this.services.checkpoints.list() });
  }

  private async postResolved(): Promise<void> {
    if (!this.ready) return;
    const { files, missing } = await findPictures(this.document, this.services.picked);
    const uris: Record<string, string | null> = {};
    for (const name of missing) uris[name] = null;
    // The time of change makes the webview fetch a picture again that was written anew under its old name.
    for (const [name, { uri, mtime }] of files) {
      uris[name] = this.panel.webview
        .asWebviewUri(uri)
        .with({ query: String(mtime) })
        .toString();
    }
    this.post({ type: 'resolved', uris });
  }

  private async postPictures(): Promise<void> {
    const found = await this.services.pictures.list();
    this.post({
      type: 'pictures',
      pictures: found.flatMap((uri) => {
        const name = pathInGraph(this.document.uri, uri);
        return name === undefined
          ? []
          : [asWorkspacePicture(uri, name, (file) => this.panel.webview.asWebviewUri(file))];
      }),
    });
  }

  private async openAsText(offset?: number): Promise<void> {
    const { document, panel } = this;
    const at = document.positionAt(offset ?? 0);
    await vscode.commands.executeCommand('vscode.openWith', document.uri, 'default', {
      viewColumn: panel.viewColumn,
      selection: new vscode.Range(at, at),
    } satisfies vscode.TextDocumentShowOptions);
  }

  private async openPicture(name: string): Promise<void> {
    const file = fileOfGraph(this.document.uri, name);
    if (!mayRead(this.document.uri, file, this.services.picked))
      throw new Error(`${name} is outside the workspace. To use it, choose it in the node.`);
    await vscode.commands.executeCommand('vscode.open', file, { viewColumn: vscode.ViewColumn.Beside, preview: true });
  }

  /** What a node reads, or what its last run has written. */
  private async revealFile(node: string): Promise<void> {
    const { document, services } = this;
    const { type = '', params } = parseGraph(document.getText()).document?.nodes[node] ?? {};
    const field = specOf(type)?.params.find((param): param is PathParam => param.kind === 'path');
    const name = field && (params?.[field.name] ?? field.default);
    if (typeof name !== 'string') throw new Error(`${node} names no file.`);
    const draft = services.runs.recordOf(this.key)?.state.draft === true;
    const file =
      field?.access === 'write'
        ? vscode.Uri.file(path.join(outputFolderOf(document.uri), draft ? draftName(name) : name))
        : fileOfGraph(document.uri, name);
    if (field?.access !== 'write' && !mayRead(document.uri, file, services.picked))
      throw new Error(`${name} is outside the workspace. To use it, choose it in the node.`);
    if (!(await exists(file)))
      throw new Error(`${path.basename(file.path)} is not there yet. Run the graph to write it.`);
    await revealFile(file);
  }

  /** The parameter of a node that names a file. */
  private pathField(node: string, param: string): PathParam | undefined {
    const type = parseGraph(this.document.getText()).document?.nodes[node]?.type;
    const field = type === undefined ? undefined : paramOf(specOf(type), param);
    return field?.kind === 'path' ? field : undefined;
  }

  private async pickFile(node: string, param: string): Promise<void> {
    const { label, extensions } = this.pathField(node, param)?.filter ?? {
      label: 'Images',
      extensions: pictureExtensions,
    };
    const title = `Choose ${label === 'Images' ? 'an image' : `a file (${label})`} for ${node}`;
    const [file] =
      (param === 'vae' ? await this.pickFoundVae(title) : undefined) ??
      (await vscode.window.showOpenDialog({
        canSelectMany: false,
        openLabel: 'Use',
        title: plainLine(title),
        defaultUri: vscode.Uri.joinPath(this.document.uri.with({ scheme: 'file' }), '..'),
        filters: { [label]: [...extensions] },
      })) ??
      [];
    if (!file) return;
    const name = await this.takePick(file);
    await this.edit([{ kind: 'setParam', id: node, param, value: name }]);
  }

  /** A VAE of the model folders, or none when the list was cancelled; undefined for the file dialog, also when there are none to list. */
  private async pickFoundVae(title: string): Promise<vscode.Uri[] | undefined> {
    const found = await this.services.checkpoints.found().catch(() => []);
    const vaes = found.flatMap((model) =>
      model.kind === 'vae' ? [{ label: model.title, detail: model.file, uri: vscode.Uri.file(model.file) }] : [],
    );
    if (vaes.length === 0) return undefined;
    const other = { label: 'Another File…', detail: undefined, uri: undefined };
    const chosen = await pick([...vaes, other], { title, placeHolder: 'VAEs of your model folders' });
    if (chosen === undefined) return [];
    return chosen.uri && [chosen.uri];
  }

  /** Writes what was painted beside the graph, under a name of its own for each node, and names it in the node. */
  private async saveCorrection(node: string, param: string, png: Uint8Array): Promise<void> {
    const { document } = this;
    if (!vscode.workspace.isTrusted)
      throw new Error('A correction is saved as a file next to the graph. Trust this folder first.');
    if (document.isUntitled)
      throw new Error('A correction is saved as a file next to the graph. Save the graph first.');
    const folder = vscode.Uri.joinPath(document.uri, '..');
    const graph = path.posix.basename(document.uri.path).replace(/\.weft\.json$/, '');
    const stem = `${cutToBytes(graph, 140)}.${cutToBytes(node.replace(/[^a-z0-9-]/g, ''), 50)}`;
    const files = new Set((await vscode.workspace.fs.readDirectory(folder)).map(([file]) => file));
    // The node's own correction is painted on; a file of this name that it does not name is somebody else's.
    const named = parseGraph(document.getText()).document?.nodes[node]?.params?.[param];
    const name = freeName(stem, '.png', (candidate) => files.has(candidate) && candidate !== named);
    await writeUri(vscode.Uri.joinPath(folder, name), png);
    await this.edit([{ kind: 'setParam', id: node, param, value: name }]);
    await this.postResolved();
  }

  private async savePng(name: string, png: Uint8Array): Promise<vscode.Uri | undefined> {
    const folder = vscode.Uri.joinPath(this.document.uri.with({ scheme: 'file' }), '..');
    const target = await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.joinPath(folder, path.posix.basename(name)),
      filters: { 'PNG images': ['png'] },
      title: 'Save image',
    });
    if (target) await writeUri(target, png);
    return target;
  }

  /** A pasted image becomes a file beside the graph, or where the person says, and an image node. */
  private async pasteImage(png: Uint8Array, position: [number, number]): Promise<void> {
    if (this.document.isUntitled)
      throw new Error('A pasted image is saved as a file next to the graph. Save the graph first.');
    const folder = vscode.Uri.joinPath(this.document.uri, '..');
    const files = new Set((await vscode.workspace.fs.readDirectory(folder)).map(([file]) => file));
    const file = await this.savePng(
      freeName('pasted', '.png', (name) => files.has(name)),
      png,
    );
    if (!file) return;
    const name = await this.takePick(file);
    await this.edit([{ kind: 'addNode', type: 'image', params: { path: name }, position }]);
    await this.postResolved();
  }

  /** A file that the user picked, as the graph names it; from now on its runs may read it. */
  private async takePick(file: vscode.Uri): Promise<string> {
    const name = pathInGraph(this.document.uri, file);
    if (name === undefined)
      throw new Error('A graph can use only files on its own drive. Copy the file next to the graph.');
    await rememberPick(this.document.uri, file, this.services.picked);
    this.allowPicked();
    return name;
  }

  /** A picture from elsewhere was chosen by hand: the webview may show it from now on. */
  private allowPicked(): void {
    const { webview } = this.panel;
    const roots = studioRoots(this.services, this.document);
    if (roots.length !== webview.options.localResourceRoots?.length)
      webview.options = { ...webview.options, localResourceRoots: roots };
  }
}

/** A cell for the webview, which has no use for its graph until it is opened. */
function cellMessage({ runId, node, row, column, state, set, png, metrics, message }: CellEvent): HostToStudio {
  return { type: 'cell', runId, node, row, column, state, set, png, metrics, message };
}
