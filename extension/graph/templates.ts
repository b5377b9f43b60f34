/** Graphs to begin with. */
import { type Draft } from './catalogue/types';
import { type Preset, type PresetName, presets } from './presets';
import { CURRENT_VERSION, type GraphDocument, type GraphNode, type Position } from './schema';

export interface StandardOptions {
  /** Path of the picture whose shapes are kept, relative to the graph file. */
  structure: string;
  /** Path of the picture whose look is taken. */
  appearance: string;
  /** The noun that names the object in both. */
  domain: string;
  checkpoint?: string;
  /** Path of a VAE to use instead of the checkpoint's own. */
  vae?: string;
  /** Size of the pictures in pixels; the checkpoint's own where absent. */
  width?: number;
  height?: number;
  /** AdaIN within masks that the model finds itself. */
  masks?: boolean;
  preset?: PresetName;
  /** The checkpoint's own draft: what the preset `draft` means. */
  draft?: Draft;
  /** These three over the preset's. */
  steps?: number;
  skip?: number;
  seed?: number;
  freeu?: boolean;
  /** Where the result goes, below the output folder. */
  output?: string;
}

type Nodes = Record<string, GraphNode>;

/**
 * Where things stand: the structure's row above, the appearance's below, what both share between them, and from the swap on one
 * straight line in the middle. Ports of nodes whose tops are level are level too.
 */
const COLUMN = { pictures: 0, inversions: 260, swap: 520, adain: 780, guidance: 1040, denoise: 1300, save: 1640 };
/** As the studio draws them. */
const PICTURE_HEIGHT = 298;
const SETTINGS_HEIGHT = 390;
const ROW_HEIGHT = 24;

function presetOf({ preset, draft }: StandardOptions): Partial<Pick<Preset, 'schedule' | 'lora'>> {
  if (preset !== 'draft' || !draft) return preset ? presets[preset] : {};
  const { lora, ...schedule } = draft;
  return { lora, schedule };
}

/** The pictures up to their inversions (and masks): what every transfer begins with. */
function beginning(
  options: StandardOptions,
  place: { top: number; below: number },
): { nodes: Nodes; layout: Record<string, Position> } {
  const { structure, appearance, domain, checkpoint = 'mini', masks = true, freeu = false } = options;
  const { lora, schedule: chosenSchedule } = presetOf(options);
  const changed = lora === undefined ? 'model.checkpoint' : 'lora.checkpoint';
  const model = freeu ? 'freeu.checkpoint' : changed;
  const schedule: Record<string, unknown> = { ...chosenSchedule };
  for (const name of ['steps', 'skip', 'seed'] as const)
    if (options[name] !== undefined) schedule[name] = options[name];
  const chosen: Record<string, unknown> = checkpoint === 'mini' ? {} : { id: checkpoint };
  for (const name of ['vae', 'width', 'height'] as const) if (options[name] !== undefined) chosen[name] = options[name];
  const inversion = (image: string): GraphNode => ({
    type: 'invert',
    inputs: { checkpoint: model, image: `${image}.image`, prompt: 'prompt.prompt', schedule: 'schedule.schedule' },
  });
  const nodes: Nodes = {
    structure: { type: 'image', params: { path: structure } },
    appearance: { type: 'image', params: { path: appearance } },
    model: { type: 'checkpoint', ...(Object.keys(chosen).length > 0 ? { params: chosen } : {}) },
    prompt: { type: 'prompt', params: { domain } },
    schedule: Object.keys(schedule).length > 0 ? { type: 'schedule', params: schedule } : { type: 'schedule' },
    'invert-structure': inversion('structure'),
    'invert-appearance': inversion('appearance'),
  };
  const { top, below } = place;
  // A written size or VAE makes the checkpoint's node higher.
  const rows = ROW_HEIGHT * ['vae', 'width', 'height'].filter((name) => name in chosen).length;
  const settings = top + (PICTURE_HEIGHT + below - top) / 2 - (SETTINGS_HEIGHT + rows) / 2;
  const layout: Record<string, Position> = {
    structure: [COLUMN.pictures, top],
    appearance: [COLUMN.pictures, below],
    model: [COLUMN.pictures - COLUMN.inversions * (Number(freeu) + Number(lora !== undefined)), settings],
    prompt: [COLUMN.pictures, settings + rows + 130],
    schedule: [COLUMN.pictures, settings + rows + 260],
    'invert-structure': [COLUMN.inversions, top],
    'invert-appearance': [COLUMN.inversions, below],
  };
  if (lora !== undefined) {
    nodes['lora'] = { type: 'lora', params: { path: lora }, inputs: { checkpoint: 'model.checkpoint' } };
    layout['lora'] = [COLUMN.pictures - (freeu ? COLUMN.inversions : 0), settings];
  }
  if (freeu) {
    nodes['freeu'] = { type: 'freeu', inputs: { checkpoint: changed } };
    layout['freeu'] = [COLUMN.pictures, settings];
  }
  if (masks) {
    for (const side of ['structure', 'appearance']) {
      nodes[`mask-${side}`] = { type: 'segment', inputs: { inversion: `invert-${side}.inversion` } };
    }
    layout['mask-structure'] = [COLUMN.swap, top];
    layout['mask-appearance'] = [COLUMN.swap, below];
  }
  return { nodes, layout };
}

// Made anew each time, so that a caller may change what it got.
const swapInputs = () => ({ appearance: 'invert-appearance.inversion', structure: 'invert-structure.inversion' });

function adainInputs(transfer: string, masks: boolean): Record<string, string> {
  if (!masks) return { transfer };
  return { appearanceMask: 'mask-appearance.mask', structureMask: 'mask-structure.mask', transfer };
}

/** The graph of the method as published, under the names that documentation and tests use. */
export function standardGraph(options: StandardOptions): GraphDocument {
  const { nodes, layout } = beginning(options, { top: 0, below: 740 });
  const { masks = true, output } = options;
  Object.assign(nodes, {
    swap: { type: 'attention-swap', inputs: swapInputs() },
    adain: { type: 'adain', inputs: adainInputs('swap.transfer', masks) },
    guidance: { type: 'guidance', inputs: { transfer: 'adain.transfer' } },
    denoise: { type: 'denoise', inputs: { transfer: 'guidance.transfer' } },
    save: {
      type: 'save',
      inputs: { image: 'denoise.image' },
      ...(output && output !== 'result.png' ? { params: { path: output } } : {}),
    },
  } satisfies Nodes);
  for (const id of ['swap', 'adain', 'guidance', 'denoise', 'save'] as const) layout[id] = [COLUMN[id], 400];
  return { weft: CURRENT_VERSION, nodes, layout };
}

/** One pair of pictures four times: the whole method, and without contrast, without AdaIN, without guidance. */
export function ablationGraph(options: Omit<StandardOptions, 'output'>): GraphDocument {
  const { nodes, layout } = beginning(options, { top: 240, below: 1100 });
  const { masks = true } = options;
  const rows = ['full', 'no-contrast', 'no-adain', 'no-guidance'] as const;
  nodes['swap'] = { type: 'attention-swap', inputs: swapInputs() };
  nodes['swap-no-contrast'] = { type: 'attention-swap', inputs: swapInputs(), params: { contrast: 1 } };
  for (const [index, row] of rows.entries()) {
    const y = index * 480;
    let transfer = row === 'no-contrast' ? 'swap-no-contrast.transfer' : 'swap.transfer';
    if (row !== 'no-adain') {
      nodes[`adain-${row}`] = { type: 'adain', inputs: adainInputs(transfer, masks) };
      layout[`adain-${row}`] = [COLUMN.adain, y];
      transfer = `adain-${row}.transfer`;
    }
    if (row !== 'no-guidance') {
      nodes[`guidance-${row}`] = { type: 'guidance', inputs: { transfer } };
      layout[`guidance-${row}`] = [COLUMN.guidance, y];
      transfer = `guidance-${row}.transfer`;
    }
    nodes[`denoise-${row}`] = { type: 'denoise', inputs: { transfer } };
    layout[`denoise-${row}`] = [COLUMN.denoise, y];
    nodes[`save-${row}`] = { type: 'save', inputs: { image: `denoise-${row}.image` }, params: { path: `${row}.png` } };
    layout[`save-${row}`] = [COLUMN.save, y];
  }
  layout['swap'] = [COLUMN.swap, 588];
  layout['swap-no-contrast'] = [COLUMN.swap, 844];
  const texts = {
    full: 'The whole method',
    'no-contrast': 'Contrast 1',
    'no-adain': 'Without AdaIN',
    'no-guidance': 'Without swap guidance',
  };
  const frames = Object.fromEntries(
    rows.map((row, index) => [
      row,
      {
        rect: [COLUMN.adain - 20, index * 480 - 50, COLUMN.save + 240 - COLUMN.adain, 450] as [
          number,
          number,
          number,
          number,
        ],
        text: texts[row],
      },
    ]),
  );
  return { weft: CURRENT_VERSION, nodes, frames, layout };
}

/** What `Weft: New Graph` offers. */
export const templates: readonly {
  id: string;
  title: string;
  help: string;
  make: (options: StandardOptions) => GraphDocument;
}[] = [
  {
    id: 'standard',
    title: 'Transfer',
    help: 'The whole method, with masks that Weft finds automatically.',
    make: (options) => standardGraph(options),
  },
  {
    id: 'quick',
    title: 'Transfer, quick',
    help: 'The whole method in 30 steps instead of 100.',
    make: (options) => standardGraph({ ...options, preset: 'quick' }),
  },
  {
    id: 'draft',
    title: 'Transfer, draft',
    help: 'The whole method in 8 steps: needs the downloads sd15 and hyper-sd15-8steps (Weft: Download Checkpoint…).',
    make: (options) => standardGraph({ checkpoint: 'sd15', freeu: true, ...options, preset: 'draft' }),
  },
  {
    id: 'plain',
    title: 'Transfer without masks',
    help: 'The whole method, with AdaIN over the whole images.',
    make: (options) => standardGraph({ ...options, masks: false }),
  },
  {
    id: 'ablation',
    title: 'Ablation',
    help: 'One pair of images four times: the whole method, then without contrast, AdaIN or guidance.',
    make: (options) => ablationGraph(options),
  },
  {
    id: 'empty',
    title: 'Empty',
    help: 'An empty canvas.',
    make: () => ({ weft: CURRENT_VERSION, nodes: {} }),
  },
];
