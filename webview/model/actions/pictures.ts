import { type CellPlace } from '../../../extension/protocol/engine';
import { pngOf } from '../bytes';
import { resultTimeline } from '../cellTimelines';
import { newest, type StepPicture } from '../frames';
import { postToHost } from '../host';
import { resultNode } from '../stage';
import { studio } from '../store';

/** Opens what a node shows in VS Code: its file, its finished picture, or its newest step. */
export function openNodePicture(shown: string): void {
  const state = studio();
  const { graph, nodePictures } = state;
  const id = resultNode(graph, shown);
  const path = graph?.nodes[id]?.params?.['path'];
  const picture = nodePictures[id];
  if (picture) return postToHost({ type: 'openPng', name: `${id}.png`, png: picture.png });
  if (typeof path === 'string') return postToHost({ type: 'openPicture', path });
  const step = newest(resultTimeline(state, id));
  if (step) void openStep(id, step);
}

export async function openStep(node: string, step: StepPicture, cell?: CellPlace): Promise<void> {
  const png = await stepPng(step);
  const place = [cell?.row, cell?.column].flatMap((at) => (at === undefined ? [] : [`-${at + 1}`])).join('');
  if (png) postToHost({ type: 'openPng', name: `${node}${place}-step-${step.index + 1}.png`, png });
}

async function stepPng({ pixels, width, height, url }: StepPicture): Promise<Uint8Array | undefined> {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  if (pixels) {
    canvas.width = width;
    canvas.height = height;
    context.putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  } else if (url) {
    const image = new Image();
    image.src = url;
    await image.decode();
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    context.drawImage(image, 0, 0);
  }
  return pngOf(canvas);
}
