import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Page } from 'playwright-core';
import { expect } from 'vitest';
import { editText, parseGraph, type Pin, pinsOf, planGraph, validateGraph, wiresOf } from '../../../extension/graph';
import { type CheckpointInfo } from '../../../extension/protocol/engine';
import { type HostToStudio, type RunState, type StudioToHost } from '../../../extension/protocol/studio';
import { type Region, regionsOf } from '../../../webview/model/regions';
import { environment } from './environment';
import { inspected } from './fakeInspector';

const root = environment.root();

const mini: CheckpointInfo = {
  id: 'mini',
  title: 'Mini',
  sha256: 'a'.repeat(64),
  size: 12_400_000,
  precision: 'fp16',
  pictureSize: 128,
  domains: [
    { noun: 'animal', kinds: ['giraffe', 'horse', 'dog', 'cow', 'zebra'] },
    { noun: 'house', kinds: ['house', 'tower'] },
    { noun: 'cake', kinds: ['cake'] },
    { noun: 'fish', kinds: ['fish'] },
  ],
  builtIn: true,
  defaults: { schedule: { steps: 50, skip: 24 }, invert: { guidanceScale: 1 } },
};

/** Plays the extension host for one page: the document with its undo, pictures, problems, and runs with drawn frames. */
export class FakeHost {
  readonly received: StudioToHost[] = [];
  private version = 1;
  private readonly undone: string[] = [];
  private readonly done: string[] = [];
  private acknowledged = 0;
  private run: RunState | undefined;
  private runs = 0;
  /** What the last run had of what the inspector tells. */
  private ran: { pins: Pin[]; appearances: string[]; regions: Region[] } = { pins: [], appearances: [], regions: [] };
  private flushes = 0;

  constructor(
    private readonly page: Page,
    public text: string,
  ) {}

  async post(message: HostToStudio): Promise<void> {
    // A page that is closing hears nothing more.
    await this.page.evaluate((data) => window.postMessage(data, '*'), encode(message)).catch(() => undefined);
  }

  of<K extends StudioToHost['type']>(type: K): Extract<StudioToHost, { type: K }>[] {
    return this.received.filter((message): message is Extract<StudioToHost, { type: K }> => message.type === type);
  }

  async receive(message: StudioToHost): Promise<void> {
    this.received.push(message);
    switch (message.type) {
      case 'ready':
        this.acknowledged = 0;
        await this.post({
          type: 'settings',
          settings: { snapToGrid: true, showMinimap: true, previewEvery: 1, previewSize: 256 },
        });
        await this.post({ type: 'checkpoints', checkpoints: [mini] });
        await this.document();
        await this.post({ type: 'run', run: this.run });
        break;
      case 'edit': {
        let refused: string | undefined;
        try {
          const next = editText(this.text, { kind: 'batch', edits: message.edits });
          if (next !== this.text) {
            this.undone.length = 0;
            this.done.push(this.text);
            this.text = next;
            this.version += 1;
          }
        } catch (error) {
          refused = error instanceof Error ? error.message : String(error);
        }
        this.acknowledged = message.seq ?? this.acknowledged;
        await this.document();
        if (refused !== undefined) await this.post({ type: 'error', message: refused });
        break;
      }
      case 'inspect': {
        const run = { ...this.ran, runId: `run-${this.runs}`, png: giraffe() };
        const answer = inspected(message.method, message.params, { ...run, node: 'denoise' });
        await this.post({ type: 'inspected', id: message.id, answer } as HostToStudio);
        break;
      }
      case 'requestPictures':
        await this.post({ type: 'pictures', pictures: pictures() });
        break;
      case 'pasteRequest':
        await this.post({ type: 'clipboard', text: this.of('clipboardWrite').at(-1)?.text ?? '' });
        break;
    }
  }

  /** Waits until the page has painted and told what it had to tell: what is not here by then does not come. */
  async settled(): Promise<void> {
    await this.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    const id = ++this.flushes;
    await this.post({ type: 'flush', id });
    await expect.poll(() => this.of('flushed').some((answer) => answer.id === id)).toBe(true);
  }

  async undo(): Promise<void> {
    const before = this.done.pop();
    if (before === undefined) return;
    this.undone.push(this.text);
    await this.setText(before);
  }

  async setText(text: string): Promise<void> {
    this.text = text;
    this.version += 1;
    await this.document();
  }

  async document(): Promise<void> {
    await this.post({
      type: 'document',
      text: this.text,
      version: this.version,
      readOnly: false,
      fileName: 'giraffe-zebra.weft.json',
      trusted: true,
      acknowledged: this.acknowledged,
    });
    await this.post({ type: 'problems', problems: validateGraph(this.text, { checkpoints: [mini] }) });
    const uris: Record<string, string | undefined> = {};
    for (const node of Object.values(parseGraph(this.text).document?.nodes ?? {})) {
      const file = node.params?.['path'];
      if (typeof file === 'string' && node.type !== 'save')
        uris[file] = pictures().find((picture) => picture.path === file)?.uri;
    }
    await this.post({ type: 'resolved', uris });
  }

  /** Plays a run up to a share of its steps; 1 is to the end. */
  async play(share = 1): Promise<void> {
    const graph = parseGraph(this.text).document;
    if (!graph) return;
    const runId = `run-${++this.runs}`;
    this.ran = {
      pins: pinsOf(graph.nodes['swap']?.params?.['pins']).filter(({ muted }) => !muted),
      appearances: wiresOf(graph.nodes['swap']?.inputs?.['appearance']).map((wire) => wire.split('.')[0] ?? ''),
      regions: graph.nodes['swap'] ? regionsOf(graph, 'swap').regions : [],
    };
    const plan = planGraph(graph);
    const nodes: RunState['nodes'] = Object.fromEntries(
      plan.nodes.map(({ id }) => [id, { state: 'waiting' as const }]),
    );
    this.run = { runId, state: 'running', nodes };
    await this.post({ type: 'run', run: this.run });
    const total = 26;
    for (const node of plan.nodes) {
      const status = async (state: NonNullable<RunState['nodes'][string]>): Promise<void> => {
        nodes[node.id] = state;
        await this.post({ type: 'node', runId, node: node.id, status: state });
      };
      if (node.type !== 'invert' && node.type !== 'denoise') {
        await status({ state: 'cached' });
        continue;
      }
      const stop = node.type === 'denoise' ? Math.max(1, Math.round(total * share)) : total;
      for (let index = 0; index < stop; index++) {
        const step = { index, total, timestep: 991 - index * 20, kind: 'x0' as const };
        const picture = { width: 1, height: 1, rgba: Uint8Array.of(index, 128, 128, 255) };
        await this.post({ type: 'frame', frame: { runId, node: node.id, ...step, ...picture } });
        await status({ state: 'running', step: index + 1, total, secondsLeft: (total - index) * 0.12 });
      }
      if (node.type === 'denoise' && share < 1) return;
      await status({ state: node.type === 'invert' ? 'cached' : 'done' });
      if (node.type === 'denoise')
        await this.post({ type: 'picture', runId, node: node.id, port: 'image', png: giraffe() });
    }
    this.run = {
      ...this.run,
      state: 'done',
      seconds: 14.1,
      provider: 'cpu',
      unet: { encoder: 104, decoder: 130 },
      nodes,
    };
    await this.post({ type: 'run', run: this.run });
  }

  /** A segment node found the left half of its picture, in two clusters. */
  async segment(node: string): Promise<void> {
    const [width, height] = [8, 8];
    const left = Uint8Array.from({ length: width * height }, (_, cell) => Number(cell % width < width / 2));
    await this.post({
      type: 'segmentation',
      runId: 'segmented',
      node,
      noun: 'giraffe',
      grid: { width, height },
      labels: left,
      inside: Uint8Array.of(0, 1),
      nounMap: new Uint8Array(),
      found: left,
      correction: new Uint8Array(width * height),
      png: giraffe(),
    });
  }
}

const giraffe = (): Uint8Array => new Uint8Array(readFileSync(path.join(root, 'examples/images/giraffe.png')));

/** Bytes do not pass through the page's door as they are. */
function encode(message: HostToStudio): unknown {
  return JSON.parse(
    JSON.stringify(message, (_key, value: unknown) =>
      value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value,
    ),
  ) as unknown;
}

function pictures() {
  return readdirSync(path.join(root, 'examples/images')).map((name) => ({
    path: `images/${name}`,
    name,
    uri: `/images/${name}`,
  }));
}
