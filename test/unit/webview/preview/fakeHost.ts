import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Page } from 'playwright-core';
import sharp from 'sharp';
import { editText, parseGraph, planGraph, validateGraph } from '../../../../extension/graph';
import { type CheckpointInfo } from '../../../../extension/protocol/engine';
import { type HostToStudio, type RunState, type StudioToHost } from '../../../../extension/protocol/studio';

/** Run from the repository's root. */
const root = process.cwd();

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
  readOnly: string | undefined;
  trusted = true;
  /** Answers what this host does not: a run by a real engine, for instance. */
  others: ((message: StudioToHost) => Promise<void>) | undefined;

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
      case 'requestPictures':
        await this.post({ type: 'pictures', pictures: pictures() });
        break;
      case 'pasteRequest':
        await this.post({ type: 'clipboard', text: this.of('clipboardWrite').at(-1)?.text ?? '' });
        break;
      default:
        await this.others?.(message);
        break;
    }
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
      readOnly: this.readOnly !== undefined,
      ...(this.readOnly === undefined ? {} : { reason: this.readOnly }),
      fileName: 'giraffe-zebra.weft.json',
      trusted: this.trusted,
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
  async play(share = 1, options: { fail?: string; steps?: number; everyMs?: number } = {}): Promise<void> {
    const graph = parseGraph(this.text).document;
    if (!graph) return;
    const runId = `run-${this.version}-${Date.now()}`;
    const plan = planGraph(graph);
    const nodes: RunState['nodes'] = Object.fromEntries(
      plan.nodes.map(({ id }) => [id, { state: 'waiting' as const }]),
    );
    this.run = { runId, state: 'running', nodes };
    await this.post({ type: 'run', run: this.run });
    const n = options.steps ?? 26;
    const [structure, appearance] = await Promise.all(['giraffe.png', 'zebra.png'].map(pixels));
    for (const node of plan.nodes) {
      const status = async (state: NonNullable<RunState['nodes'][string]>): Promise<void> => {
        nodes[node.id] = state;
        await this.post({ type: 'node', runId, node: node.id, status: state });
      };
      if (node.id === options.fail) {
        const message = `The picture images/missing.png was not found. Choose another or put it back.`;
        await status({ state: 'failed', message });
        this.run = { ...this.run, state: 'failed', message: `${node.id}: ${message}`, seconds: 1.2 };
        await this.post({ type: 'run', run: this.run });
        return;
      }
      const steps = node.type === 'invert' || node.type === 'denoise';
      if (!steps || !structure || !appearance) {
        await status({ state: node.type === 'segment' ? 'done' : 'cached' });
        if (node.type === 'segment' && structure) await this.picture(runId, node.id, 'mask', await maskOf(structure));
        continue;
      }
      const stop = node.type === 'denoise' ? Math.max(1, Math.round(n * share)) : n;
      for (let index = 0; index < stop; index++) {
        const noise = node.type === 'invert' ? (index + 1) / n : 1 - (index + 1) / n;
        const look = node.id === 'invert-appearance' ? appearance : structure;
        const rgba = noisy(node.type === 'denoise' ? blend(structure, appearance, index / n) : look, noise, index);
        await this.post({
          type: 'frame',
          frame: {
            runId,
            node: node.id,
            index,
            total: n,
            timestep: 991 - index * 20,
            kind: 'x0',
            width: 128,
            height: 128,
            rgba,
          },
        });
        await status({ state: 'running', step: index + 1, total: n, secondsLeft: (n - index) * 0.12 });
        if (options.everyMs) await this.page.waitForTimeout(options.everyMs);
      }
      if (node.type === 'denoise' && share < 1) return;
      await status({ state: node.type === 'invert' ? 'cached' : 'done' });
      if (node.type === 'denoise')
        await this.picture(runId, node.id, 'image', await png(blend(structure, appearance, 1)));
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

  private async picture(runId: string, node: string, port: string, data: Uint8Array): Promise<void> {
    await this.post({ type: 'picture', runId, node, port, png: data });
  }
}

/** Bytes do not pass through the page's door as they are. */
function encode(message: HostToStudio): unknown {
  return JSON.parse(
    JSON.stringify(message, (_key, value: unknown) =>
      value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value,
    ),
  ) as unknown;
}

export function pictures() {
  return readdirSync(path.join(root, 'examples/images')).map((name) => ({
    path: `images/${name}`,
    name,
    uri: `/images/${name}`,
  }));
}

async function pixels(name: string): Promise<Uint8Array> {
  const file = readFileSync(path.join(root, 'examples/images', name));
  return new Uint8Array(await sharp(file).resize(128, 128).ensureAlpha().raw().toBuffer());
}

async function png(rgba: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(
    await sharp(rgba, { raw: { width: 128, height: 128, channels: 4 } })
      .png()
      .toBuffer(),
  );
}

async function maskOf(rgba: Uint8Array): Promise<Uint8Array> {
  const mask = new Uint8Array(rgba.length);
  for (let i = 0; i < rgba.length; i += 4) {
    const green = (rgba[i + 1] ?? 0) > (rgba[i] ?? 0) + 20;
    mask.set([green ? 255 : 20, green ? 255 : 20, green ? 255 : 20, 255], i);
  }
  return png(mask);
}

function blend(a: Uint8Array, b: Uint8Array, share: number): Uint8Array {
  return a.map((value, i) => value * (1 - share * 0.5) + (b[i] ?? 0) * share * 0.5);
}

function noisy(rgba: Uint8Array, amount: number, seed: number): Uint8Array {
  let state = (seed + 1) * 2654435761;
  return rgba.map((value, i) => {
    if (i % 4 === 3) return 255;
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return value * (1 - amount) + (state >>> 24) * amount;
  });
}
