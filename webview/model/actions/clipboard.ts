import { copyFragment, cornerOf, type GraphDocument, parseFragment, pasteIds } from '../../../extension/graph';
import { pngOf } from '../bytes';
import { canvasControl } from '../control';
import { edit } from '../document';
import { FRAME_PREFIX } from '../flow';
import { type Point } from '../geometry';
import { postToHost } from '../host';
import { announce, studio, toast } from '../store';
import { plural } from '../words';
import { deleteSelection } from './nodes';
import { snapped } from './places';
import { select, selectedWithFolded } from './selection';

export function copyText(): string | undefined {
  const { graph } = studio();
  const { nodes, frames } = selectedWithFolded();
  if (!graph || nodes.length + frames.length === 0) return undefined;
  announce(`Copied ${plural(nodes.length + frames.length, 'item')}.`);
  return copyFragment(graph, nodes, frames);
}

export function copySelection(): void {
  const text = copyText();
  if (text !== undefined) postToHost({ type: 'clipboardWrite', text });
}

export function cutSelection(): void {
  if (studio().readOnly) return;
  copySelection();
  deleteSelection();
}

/** Where the next paste goes when the host answers: the middle of the view unless a place was pointed at. */
let pasteAt: Point | undefined;

export function requestPaste(at?: Point): void {
  pasteAt = at;
  postToHost({ type: 'pasteRequest' });
}

export function onClipboard(text: string): void {
  paste(text, pasteAt);
  pasteAt = undefined;
}

export function paste(text: string, at?: Point): void {
  const { graph } = studio();
  const fragment = parseFragment(text);
  if (!graph) return;
  if (!fragment) return toast('The clipboard contains no Weft nodes.', 'info');
  const ids = pasteIds(graph, fragment);
  const place = snapped(at ?? pastePlace(fragment));
  if (!edit([{ kind: 'pasteFragment', fragment: text, at: [place.x, place.y] }], 'Paste')) return;
  // What is folded into a box is selected with it.
  const within = new Set(Object.values(fragment.frames ?? {}).flatMap(({ folded }) => folded ?? []));
  const shown = Object.entries(ids.nodes).flatMap(([id, name]) => (within.has(id) ? [] : [name]));
  select([...shown, ...Object.values(ids.frames).map((id) => FRAME_PREFIX + id)]);
  announce(`Pasted ${plural(Object.keys(ids.nodes).length, 'node')}.`);
}

/** An image of the clipboard becomes a file, where the host asks for it, and an image node in the middle of the view. */
export async function pasteImage(image: File): Promise<void> {
  const { readOnly, reason } = studio();
  if (readOnly) return toast(reason ?? 'This file is read-only.', 'info');
  const png = await asPng(image).catch(() => undefined);
  if (!png) return toast(`The clipboard's image (${image.type}) can't be read. Copy it as a PNG.`);
  const view = canvasControl().visibleRect();
  const place = snapped({ x: view.x + view.width / 2, y: view.y + view.height / 2 });
  postToHost({ type: 'pasteImage', png, position: [place.x, place.y] });
}

async function asPng(image: File): Promise<Uint8Array | undefined> {
  if (image.type === 'image/png') return new Uint8Array(await image.arrayBuffer());
  const bitmap = await createImageBitmap(image);
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  return pngOf(canvas);
}

/** Beside the originals when those are in view; else in the middle of it. Never exactly on another node. */
function pastePlace(fragment: GraphDocument): Point {
  const [x, y] = cornerOf(fragment) ?? [NaN, NaN];
  const view = canvasControl().visibleRect();
  const inView = x >= view.x && x <= view.x + view.width && y >= view.y && y <= view.y + view.height;
  const start = inView ? { x: x + 40, y: y + 40 } : { x: view.x + view.width * 0.3, y: view.y + view.height * 0.3 };
  const taken = new Set(studio().nodes.map((node) => `${node.position.x},${node.position.y}`));
  while (taken.has(`${start.x},${start.y}`)) {
    start.x += 40;
    start.y += 40;
  }
  return start;
}
